package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
)

// gate is an Authorize hook that waits until the test answers it, or its context ends.
type gate struct {
	asked  chan *asking
	ignore bool // the context
}

// asking is a call of the hook.
type asking struct {
	ctx    context.Context
	conn   *Conn
	u      *Upgrade
	answer chan error
}

func newGate() *gate { return &gate{asked: make(chan *asking, 1000)} }

func (g *gate) authorize(ctx context.Context, c *Conn, u *Upgrade) error {
	a := &asking{ctx, c, u, make(chan error, 1)}
	g.asked <- a
	if g.ignore {
		return <-a.answer
	}
	select {
	case err := <-a.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doors are the ways to a server: a loop's socket, one with TLS, net/http's.
func doors(t *testing.T, run func(t *testing.T, serve func(*Server) (dial func() *rawClient))) {
	t.Run("loop", func(t *testing.T) {
		run(t, func(srv *Server) func() *rawClient {
			addr := serve(t, srv)
			return func() *rawClient { return dialRaw(t, addr) }
		})
	})
	t.Run("TLS", func(t *testing.T) {
		run(t, func(srv *Server) func() *rawClient {
			addr := serveTLS(t, srv)
			return func() *rawClient { return dialTLS(t, addr, clientConfig(tls.VersionTLS13)).rawClient }
		})
	})
	t.Run("net/http", func(t *testing.T) {
		run(t, func(srv *Server) func() *rawClient {
			srv.Logger = quiet
			if srv.Handler == nil {
				srv.Handler = echo
			}
			web := httptest.NewServer(srv)
			t.Cleanup(func() {
				_ = srv.Close()
				web.Close()
			})
			return func() *rawClient { return dialRaw(t, web.Listener.Addr().String()) }
		})
	})
}

// TestAuthorize checks that what the hook does to the reply and the connection counts, and that Upgrade comes
// after it.
func TestAuthorize(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		h := newProbe()
		dial := serve(&Server{
			Handler: h,
			Authorize: func(_ context.Context, c *Conn, u *Upgrade) error {
				if c.RemoteAddr() == nil {
					return errors.New("it has no address")
				}
				c.Data = string(u.Request.Cookie("user"))
				u.Subprotocol = "b"
				u.Fields = append(u.Fields, codec.Field{Name: "X-First", Value: "1"})
				return nil
			},
			Upgrade: func(c *Conn, u *Upgrade) error {
				u.Fields = append(u.Fields, codec.Field{Name: "X-Second", Value: fmt.Sprint(c.Data, u.Subprotocol)})
				return nil
			},
		})
		r := dial()
		r.send(request("Cookie: user=eve", "Sec-WebSocket-Protocol: a, b"))
		head := r.head()
		wantField(t, head, "X-First", "1")
		wantField(t, head, "X-Second", "eveb")
		wantField(t, head, "Sec-WebSocket-Protocol", "b")
		if c := within(t, h.opened); c.Data != "eve" || c.Subprotocol() != "b" {
			t.Errorf("Data %v, subprotocol %q", c.Data, c.Subprotocol())
		}
	})
}

// login is what a hook finds out about a client.
type login struct{ user string }

// sight is the Data of a connection as one who has it sees it.
type sight struct {
	where string
	data  any
}

func (s sight) wantEve(t *testing.T, where string) {
	t.Helper()
	if l, ok := s.data.(*login); !ok || l.user != "eve" || s.where != where {
		t.Errorf("%s sees %v, want eve in %s", s.where, s.data, where)
	}
}

// sights is a handler that tells the Data that it sees.
type sights chan sight

func (s sights) OnOpen(c *Conn)                     { s <- sight{"OnOpen", c.Data} }
func (s sights) OnMessage(c *Conn, _ codec.Message) { s <- sight{"OnMessage", c.Data} }
func (s sights) OnClose(c *Conn, _ error)           { s <- sight{"OnClose", c.Data} }

// TestAuthorizeData checks that every callback, and EachConn beside them, finds what a hook that took its time has
// left in Data.
func TestAuthorizeData(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		g := newGate()
		seen := make(sights, 10)
		srv := &Server{
			Authorize: func(ctx context.Context, c *Conn, u *Upgrade) error {
				err := g.authorize(ctx, c, u)
				c.Data = &login{string(u.Request.Cookie("user"))}
				return err
			},
			Handler: seen,
		}
		r := serve(srv)()
		r.send(request("Cookie: user=eve"))
		within(t, g.asked).answer <- nil
		// Nothing but EachConn tells here that the connection is open, so that the race detector would find
		// it if that did not make Data safe to read.
		eventually(t, "it is listed", func() (listed bool) {
			_ = srv.EachConn(t.Context(), func(c *Conn, _ ConnInfo) bool {
				sight{"EachConn", c.Data}.wantEve(t, "EachConn")
				listed = true
				return false
			})
			return listed
		})
		within(t, seen).wantEve(t, "OnOpen")
		r.head()
		r.send(text("hello"))
		within(t, seen).wantEve(t, "OnMessage")
		_ = r.Close()
		within(t, seen).wantEve(t, "OnClose")
	})
}

// TestAuthorizeRefuses goes through the ways to refuse.
func TestAuthorizeRefuses(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		srv := &Server{Authorize: func(_ context.Context, _ *Conn, u *Upgrade) error {
			switch string(u.Request.Path()) {
			case "/401":
				return Unauthorized("Bearer", "Who are you?")
			case "/403":
				return Refuse(403, "Not you.")
			case "/error":
				return errors.New("the database is down")
			case "/panic":
				panic("the database is gone")
			case "/protocol":
				u.Subprotocol = "never offered"
			}
			return nil
		}}
		dial := serve(srv)
		for target, status := range map[string]string{"/401": "401", "/403": "403", "/error": "500", "/panic": "500", "/protocol": "500"} {
			r := dial()
			r.send(strings.Replace(request(), "/", target, 1))
			head, body := r.response()
			if !strings.HasPrefix(head, "HTTP/1.1 "+status+" ") || strings.Contains(body, "database") {
				t.Errorf("%s: got %q, %q", target, head, body)
			}
			if status == "401" {
				wantField(t, strings.Replace(head, "Www-", "WWW-", 1), "WWW-Authenticate", "Bearer") // net/http writes it so
			}
		}
		if n := srv.Stats().Panics; n != 1 {
			t.Errorf("%d panics are counted", n)
		}
	})
}

// TestAuthorizeComesLast checks that nobody is asked about a request that is refused in any case.
func TestAuthorizeComesLast(t *testing.T) {
	g := newGate()
	addr := serve(t, &Server{Authorize: g.authorize, Page: func(*codec.Request) *Page { return &Page{} }})
	for _, line := range []string{"Origin: http://elsewhere.example", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Protocol: a, a"} {
		r := dialRaw(t, addr)
		r.send(request(line))
		if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 4") {
			t.Errorf("%s: got %q", line, head)
		}
	}
	r := dialRaw(t, addr)
	r.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("the page: %q", head)
	}
	if n := len(g.asked); n != 0 {
		t.Errorf("the hook was asked %d times", n)
	}
}

// TestAuthorizeAhead checks that what arrives before the answer is not lost, however it arrives.
func TestAuthorizeAhead(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		g := newGate()
		dial := serve(&Server{Authorize: g.authorize})
		for _, pieces := range [][]string{
			{request() + text("one") + text("two")},
			{request(), text("one") + text("two")},
			{request()[:30], request()[30:] + text("one")[:3], text("one")[3:], text("two")},
		} {
			r := dial()
			for i, p := range pieces {
				r.send(p)
				if i == len(pieces)-1 {
					a := within(t, g.asked)
					a.answer <- nil
				}
			}
			if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("got %q", head)
			}
			r.want(codec.Text, "one")
			r.want(codec.Text, "two")
			_ = r.Close()
		}
	})
}

// TestAuthorizeAheadKept makes sure that frames have arrived on the loop while the hook decides: the stand has
// no other order.
func TestAuthorizeAheadKept(t *testing.T) {
	g := newGate()
	srv := &Server{Authorize: g.authorize}
	srv.authorizer.init(srv)
	s := newStand(t, srv)
	s.arrive(request() + text("one")[:2])
	a := within(t, g.asked)
	s.arrive(text("one")[2:])
	s.arrive(text("two"))
	s.wantOut()
	a.answer <- nil
	_ = within(t, s.runs).Run(t.Context())
	s.wantOut(string(mustUpgrade(t)) + unmasked(codec.Text, "one") + unmasked(codec.Text, "two"))

	h := newProbe()
	g.ignore = true
	srv = &Server{Handler: h, Authorize: g.authorize}
	srv.authorizer.init(srv)
	s = newStand(t, srv)
	s.arrive(request())
	a = within(t, g.asked)
	s.arrive(strings.Repeat("x", authorizeAhead))
	s.wantOut()
	s.arrive("x")
	if out := s.out(); len(out) != 1 || !strings.HasPrefix(out[0], "HTTP/1.1 413 ") {
		t.Errorf("got %q", out)
	}
	<-a.ctx.Done()
	a.answer <- nil // which counts no more
	_ = within(t, s.runs).Run(t.Context())
	s.wantOut()
	if len(h.opened) != 0 {
		t.Error("a connection was opened that had been refused")
	}
}

// TestAuthorizeLeft checks that the hook learns when the client has gone, and that nothing of it is left.
func TestAuthorizeLeft(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		g := newGate()
		h := newProbe()
		srv := &Server{Handler: h, Authorize: g.authorize, MaxConnsPerIP: 1}
		dial := serve(srv)
		for range 3 {
			r := dial()
			r.send(request())
			a := within(t, g.asked)
			_ = r.Close()
			<-a.ctx.Done()
			eventually(t, "the connection has gone", func() bool { return srv.Conns() == 0 })
		}
		if len(h.opened) != 0 {
			t.Error("OnOpen was called")
		}
	})
}

// TestAuthorizeTimeout checks that HandshakeTimeout is for the hook, too, also where it does not listen.
func TestAuthorizeTimeout(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		for _, ignore := range []bool{false, true} {
			g := newGate()
			g.ignore = ignore
			srv := &Server{Authorize: g.authorize, HandshakeTimeout: 600 * time.Millisecond}
			r := serve(srv)()
			r.send(request())
			a := within(t, g.asked)
			head, body := r.response()
			if !strings.HasPrefix(head, "HTTP/1.1 503 ") || body != errAuthorizeTimeout.Text+"\n" {
				t.Errorf("got %q, %q", head, body)
			}
			wantField(t, head, "Retry-After", "5")
			<-a.ctx.Done()
			a.answer <- nil // too late
			r.wantEOF()
		}
	})
}

// TestAuthorizeLimit checks that only so many calls run at a time, that the others come in order, and that one
// whose client has gone meanwhile does not come at all.
func TestAuthorizeLimit(t *testing.T) {
	g := newGate()
	srv := &Server{Authorize: g.authorize, MaxAuthorizing: 2}
	addr := serve(t, srv)
	var clients []*rawClient
	for i := range 5 {
		r := dialRaw(t, addr)
		r.send(strings.Replace(request(), "/", fmt.Sprint("/", i), 1))
		clients = append(clients, r)
		eventually(t, "it waits for its turn", func() bool {
			srv.authorizer.mu.Lock()
			defer srv.authorizer.mu.Unlock()
			return srv.authorizer.running+srv.authorizer.waiting.Len() == i+1
		})
	}
	first, second := within(t, g.asked), within(t, g.asked)
	_ = clients[3].Close()
	eventually(t, "the one that has gone waits no more", func() bool { return srv.Conns() == 4 })
	first.answer <- nil
	if a := within(t, g.asked); string(a.u.Request.Path()) != "/2" {
		t.Errorf("%s came third", a.u.Request.Path())
	} else {
		a.answer <- nil
	}
	if a := within(t, g.asked); string(a.u.Request.Path()) != "/4" {
		t.Errorf("%s came last", a.u.Request.Path())
	} else if len(g.asked) != 0 {
		t.Error("there are more calls than may be")
	} else {
		a.answer <- nil
	}
	second.answer <- nil
	for i, r := range clients {
		if i == 3 {
			continue
		}
		if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Errorf("%d got %q", i, head)
		}
	}
	eventually(t, "its goroutines end", func() bool {
		srv.authorizer.mu.Lock()
		defer srv.authorizer.mu.Unlock()
		return srv.authorizer.running == 0
	})
}

// TestAuthorizeShutdown checks that Shutdown refuses those who wait, ends the hooks' contexts, and waits for
// them, but not beyond its own.
func TestAuthorizeShutdown(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		g := newGate()
		srv := &Server{Authorize: g.authorize, MaxAuthorizing: 1, HandshakeTimeout: -1}
		dial := serve(srv)
		asking, waiting := dial(), dial()
		asking.send(request())
		a := within(t, g.asked)
		waiting.send(request())
		eventually(t, "the second waits", func() bool {
			srv.authorizer.mu.Lock()
			defer srv.authorizer.mu.Unlock()
			return srv.authorizer.waiting.Len() == 1
		})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- srv.Shutdown(ctx) }()
		<-a.ctx.Done()
		for _, r := range []*rawClient{asking, waiting} {
			if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
				t.Errorf("got %q", head)
			}
			_ = r.Close()
		}
		if err := within(t, ended); err != nil {
			t.Error(err)
		}
		if srv.authorizer.running != 0 { // its goroutines have ended
			t.Error("a hook is still running")
		}
	})
}

func TestAuthorizeShutdownWaits(t *testing.T) {
	g := newGate()
	g.ignore = true
	srv := &Server{Authorize: g.authorize}
	r := dialRaw(t, serve(t, srv))
	r.send(request())
	a := within(t, g.asked)
	_ = r.Close()
	<-a.ctx.Done()
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	<-srv.authorizer.ctx.Done()
	select {
	case <-ended:
		t.Error("Shutdown did not wait for the hook")
	case <-srv.core.done:
	}
	a.answer <- nil
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
}

// TestAuthorizeMany has many clients come and go, while others stay, with a hook that lets two thirds in.
func TestAuthorizeMany(t *testing.T) {
	doors(t, func(t *testing.T, serve func(*Server) func() *rawClient) {
		var calls atomic.Int64
		srv := &Server{MaxAuthorizing: 4, Authorize: func(ctx context.Context, c *Conn, u *Upgrade) error {
			n := calls.Add(1)
			c.Data = n
			if string(u.Request.Path()) == "/no" {
				return Refuse(http.StatusForbidden, "no")
			}
			return ctx.Err()
		}}
		dial := serve(srv)
		var clients sync.WaitGroup
		for i := range 20 {
			clients.Go(func() {
				for k := range 6 {
					r := dial()
					switch k % 3 {
					case 0:
						r.send(request() + text("hello"))
						if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
							t.Errorf("%d: got %q", i, head)
						} else {
							r.want(codec.Text, "hello")
						}
					case 1:
						r.send(strings.Replace(request(), "/", "/no", 1))
						if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 403 ") {
							t.Errorf("%d: got %q", i, head)
						}
					default:
						r.send(request())
					}
					_ = r.Close()
				}
			})
		}
		clients.Wait()
		eventually(t, "all have gone", func() bool { return srv.Conns() == 0 })
	})
}

// A server without the hook has none of it.
func TestNoAuthorize(t *testing.T) {
	s := newOpenStand(t, &Server{})
	if s.c.rare != nil {
		t.Error("the connection has something rare")
	}
}
