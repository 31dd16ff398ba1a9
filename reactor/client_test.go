package reactor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
)

// collector is a client's handler that keeps what happens.
type collector struct {
	NopHandler
	messages chan string
	closed   chan error
}

func newCollector() *collector {
	return &collector{messages: make(chan string, 1024), closed: make(chan error, 1)}
}

func (h *collector) OnMessage(_ *Conn, m codec.Message) {
	h.messages <- m.Opcode.String() + ":" + string(m.Payload)
}

func (h *collector) OnClose(_ *Conn, err error) { h.closed <- err }

// within returns what comes from ch, and fails the test when nothing does.
func within[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing within 10 s")
		panic("unreachable")
	}
}

// dialTest starts srv and returns a client and its URL.
func dialTest(t *testing.T, srv *Server) (cl *Client, url string) {
	t.Helper()
	url = "ws://" + serve(t, srv) + "/path?query"
	cl = &Client{}
	t.Cleanup(func() { _ = cl.Close() })
	return cl, url
}

func TestDialEcho(t *testing.T) {
	cl, url := dialTest(t, &Server{Subprotocols: []string{"b"}, Upgrade: func(c *Conn, u *Upgrade) error {
		if got := string(u.Request.Target()) + " " + string(u.Request.Field("X-Test")) + " " + string(u.Request.Field("Origin")); got != "/path?query yes http://"+string(u.Request.Host()) {
			return Refuse(400, "unexpected request: "+got)
		}
		return nil
	}})
	h := newCollector()
	c, err := cl.Dial(t.Context(), url, h, &DialOptions{
		Subprotocols: []string{"a", "b"},
		Origin:       strings.TrimSuffix(strings.Replace(url, "ws:", "http:", 1), "/path?query"),
		Fields:       []codec.Field{{Name: "X-Test", Value: "yes"}},
		LocalAddr:    &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)},
		Data:         42,
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Subprotocol() != "b" || c.Data != 42 {
		t.Errorf("subprotocol %q, data %v", c.Subprotocol(), c.Data)
	}
	if ip := c.LocalAddr().(*net.TCPAddr).IP; !ip.Equal(net.IPv4(127, 0, 0, 7)) {
		t.Errorf("connected from %v", ip)
	}
	big := strings.Repeat("x", 300_000)
	for _, s := range []string{"hello", "", big} {
		if err := c.WriteText(s); err != nil {
			t.Fatal(err)
		}
		if got := within(t, h.messages); got != "text:"+s {
			t.Errorf("got %.40q for %.40q", got, s)
		}
	}
	if err := c.WritePrepared(codec.Prepare(codec.Binary, []byte("prepared"))); err != nil {
		t.Fatal(err)
	}
	if got := within(t, h.messages); got != "binary:prepared" {
		t.Errorf("got %q", got)
	}
	if err := c.Close(3001, "enough"); err != nil {
		t.Fatal(err)
	}
	var ce *codec.CloseError
	if err := within(t, h.closed); !errors.As(err, &ce) || ce.Code != 3001 || ce.Remote {
		t.Errorf("OnClose got %v", err)
	}
	if err := c.WriteText("late"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write after the end: %v", err)
	}
}

func TestDialAutomaticPong(t *testing.T) {
	pongs := make(chan string, 1)
	cl, url := dialTest(t, &Server{
		Handler: &pinger{},
		OnPong:  func(_ *Conn, p []byte) { pongs <- string(p) },
	})
	if _, err := cl.Dial(t.Context(), url, NopHandler{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := within(t, pongs); got != "are you there?" {
		t.Errorf("pong %q", got)
	}
}

type pinger struct{ NopHandler }

func (*pinger) OnOpen(c *Conn) { _ = c.Ping([]byte("are you there?")) }

func TestDialRefused(t *testing.T) {
	cl, url := dialTest(t, &Server{Upgrade: func(*Conn, *Upgrade) error { return Refuse(401, "who are you?") }})
	_, err := cl.Dial(t.Context(), url, NopHandler{}, nil)
	var he *codec.HandshakeError
	if !errors.As(err, &he) || he.Status != 401 {
		t.Errorf("got %v, want status 401", err)
	}
}

func TestDialBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"not HTTP":          "SSH-2.0-OpenSSH\r\n",
		"redirect":          "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		"no accept":         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"closed at once":    "",
		"closed in between": "HTTP/1.1 101 Switch",
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := w.(http.Hijacker).Hijack()
				_, _ = conn.Write([]byte(answer))
				_ = conn.Close()
			}))
			defer srv.Close()
			cl := &Client{}
			defer cl.Close()
			if c, err := cl.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), NopHandler{}, nil); err == nil {
				t.Errorf("connected: %v", c)
			}
		})
	}
}

// Responses that are not final come before the final one (RFC 9110 15.2), and frames right behind it.
func TestDialInterim(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		b := []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
		b, _ = codec.AppendUpgrade(b, &codec.Upgrade{Key: []byte(r.Header.Get("Sec-WebSocket-Key"))})
		_, _ = conn.Write(codec.AppendFrame(b, codec.Text, []byte("hello")))
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}))
	defer srv.Close()
	cl := &Client{}
	defer cl.Close()
	h := newCollector()
	if _, err := cl.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), h, nil); err != nil {
		t.Fatal(err)
	}
	if got := within(t, h.messages); got != "text:hello" {
		t.Errorf("got %q", got)
	}
}

func TestDialMaskedFrameFromServer(t *testing.T) {
	key := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		b, _ := codec.AppendUpgrade(nil, &codec.Upgrade{Key: []byte(r.Header.Get("Sec-WebSocket-Key"))})
		b = codec.AppendMaskedFrame(b, codec.Text, []byte("a server must not mask"), 7)
		_, _ = conn.Write(b)
		reply := make([]byte, 64)
		n, _ := conn.Read(reply)
		key <- string(reply[:min(n, 2)])
		_ = conn.Close()
	}))
	defer srv.Close()
	cl := &Client{}
	defer cl.Close()
	h := newCollector()
	if _, err := cl.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), h, nil); err != nil {
		t.Fatal(err)
	}
	if err := within(t, h.closed); !errors.Is(err, codec.ErrMasked) {
		t.Errorf("OnClose got %v", err)
	}
	if got := within(t, key); got[0] != 0x88 || got[1]&0x80 == 0 {
		t.Errorf("the client sent % x, want a masked close frame", got)
	}
}

func TestDialContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cl := &Client{}
	defer cl.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := cl.Dial(ctx, "ws://"+ln.Addr().String(), NopHandler{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	slow := &Client{HandshakeTimeout: 300 * time.Millisecond}
	defer slow.Close()
	if _, err := slow.Dial(t.Context(), "ws://"+ln.Addr().String(), NopHandler{}, nil); !errors.Is(err, errHandshakeSlow) {
		t.Errorf("got %v", err)
	}
}

func TestDialBadURL(t *testing.T) {
	cl := &Client{}
	defer cl.Close()
	for _, url := range []string{"http://localhost", "wss://", "ws://", "ws://host/#fragment", "ws://user@host/", "ws://a b", "://"} {
		if _, err := cl.Dial(t.Context(), url, NopHandler{}, nil); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
	if _, err := cl.Dial(t.Context(), "ws://localhost", nil, nil); err == nil {
		t.Error("no handler was accepted")
	}
}

func TestDialAfterClose(t *testing.T) {
	cl, url := dialTest(t, &Server{})
	if _, err := cl.Dial(t.Context(), url, NopHandler{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := cl.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Dial(t.Context(), url, NopHandler{}, nil); !errors.Is(err, ErrClientClosed) {
		t.Errorf("got %v", err)
	}
}

func TestDialMany(t *testing.T) {
	cl, url := dialTest(t, &Server{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			h := newCollector()
			c, err := cl.Dial(t.Context(), url, h, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				_ = c.WriteText("x")
			}
			for range 20 {
				within(t, h.messages)
			}
		})
	}
	wg.Wait()
	if n := cl.Conns(); n != 64 {
		t.Errorf("%d connections", n)
	}
}

func TestDialUnixSocket(t *testing.T) {
	path := t.TempDir() + "/socket"
	srv := &Server{Handler: HandlerFunc(func(c *Conn, m codec.Message) { _ = c.WriteMessage(m.Opcode, m.Payload) })}
	if err := srv.Start("unix://" + path); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	cl := &Client{}
	defer cl.Close()
	h := newCollector()
	c, err := cl.Dial(t.Context(), "ws://localhost/", h, &DialOptions{Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.WriteText("hello")
	if got := within(t, h.messages); got != "text:hello" {
		t.Errorf("got %q", got)
	}
}
