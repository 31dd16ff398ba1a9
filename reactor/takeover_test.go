package reactor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// takeovers serves a page at / and WebSocket at /ws, on a ServeMux that has nothing of ours.
func takeovers(t testing.TB, srv *Server) (mux *http.ServeMux, errs chan error) {
	t.Helper()
	if srv.Handler == nil {
		srv.Handler = echo
	}
	if srv.Logger == nil {
		srv.Logger = quiet
	}
	t.Cleanup(func() { _ = srv.Close() })
	errs = make(chan error, 1000)
	mux = http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { errs <- srv.UpgradeHTTP(w, r) })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<p>hello") })
	return mux, errs
}

// serveMux serves the handler with net/http and returns its address.
func serveMux(t testing.TB, h http.Handler) string {
	t.Helper()
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	return front.Listener.Addr().String()
}

// requestTo is request for a path.
func requestTo(path string, lines ...string) string {
	return strings.Replace(request(lines...), "GET /", "GET "+path, 1)
}

// The server listens nowhere: connections come from a ServeMux, with frames right behind the request.
func TestUpgradeHTTP(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, Subprotocols: []string{"chat"}, Upgrade: func(c *Conn, u *Upgrade) error {
		if err := c.WriteText("too early"); !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("a write before the handshake: %v", err)
		}
		if err := c.Do(func(*Conn) {}); !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("a task before the handshake: %v", err)
		}
		if c.RemoteAddr() == nil || c.LocalAddr() == nil {
			return errors.New("the addresses are not known")
		}
		c.Data = string(u.Request.Target())
		u.Fields = []codec.Field{{Name: "Set-Cookie", Value: "id=1"}}
		return nil
	}}
	mux, errs := takeovers(t, srv)
	addr := serveMux(t, mux)
	r := dialRaw(t, addr)
	r.send(getPage)
	r.wantHTTP("GET", 200, "<p>hello")
	long := strings.Repeat("long ", 100_000)
	r.send(requestTo("/ws?room=1", "Sec-WebSocket-Protocol: talk, chat"), text("one"), text(long), text("three"))
	head := r.head()
	wantField(t, head, "Sec-WebSocket-Accept", sampleAccept)
	wantField(t, head, "Sec-WebSocket-Protocol", "chat")
	wantField(t, head, "Set-Cookie", "id=1")
	r.want(codec.Text, "one")
	r.want(codec.Text, long)
	r.want(codec.Text, "three")
	if err := within(t, errs); err != nil {
		t.Error(err)
	}
	c := within(t, h.opened)
	if c.RemoteAddr().String() != r.LocalAddr().String() || c.LocalAddr().String() != addr {
		t.Errorf("from %v to %v", c.RemoteAddr(), c.LocalAddr())
	}
	if c.Data != "/ws?room=1" || c.Subprotocol() != "chat" || srv.Conns() != 1 || len(srv.Addrs()) != 0 {
		t.Errorf("Data %v, subprotocol %q, %d connections, listening on %v", c.Data, c.Subprotocol(), srv.Conns(), srv.Addrs())
	}
	_ = c.WriteText("by the server")
	r.want(codec.Text, "by the server")
	_ = c.Close(codec.CloseNormal, "bye")
	r.wantCloseFrame(codec.CloseNormal)
	r.send(closeFrame(1000, ""))
	r.wantEOF()
	_ = r.Close()
	h.wantClosed(t, codec.CloseNormal, false)
	if c.LocalAddr() != nil || c.RemoteAddr().String() != r.LocalAddr().String() {
		t.Errorf("after the end: from %v to %v", c.RemoteAddr(), c.LocalAddr())
	}
}

// The bridge refuses what a loop refuses, in the same words.
func TestUpgradeHTTPRefusals(t *testing.T) {
	var log logBuffer
	configure := func() *Server {
		return &Server{Logger: log.logger(), Head: codec.HeadLimits{Bytes: 2000}, Upgrade: func(_ *Conn, u *Upgrade) error {
			switch string(u.Request.Query()) {
			case "refuse":
				return &codec.HandshakeError{Status: 401, Text: "Who are you?", Fields: []codec.Field{{Name: "WWW-Authenticate", Value: "Basic"}}}
			case "contradict":
				return &codec.HandshakeError{Status: 200, Text: "Welcome!"}
			case "fail":
				return errors.New("the database is down")
			case "owned":
				u.Fields = []codec.Field{{Name: "Connection", Value: "close"}}
			}
			return nil
		}}
	}
	srv := configure()
	mux, errs := takeovers(t, srv)
	through, loop := serveMux(t, mux), serve(t, configure())
	for _, tt := range []struct {
		name, request string
		status        int
		field         string // that must be there
	}{
		{"a status that refuses nothing", requestTo("/ws?contradict"), 500, ""},
		{"origin", requestTo("/ws", "Origin: http://elsewhere.example"), 403, ""},
		{"key", strings.Replace(requestTo("/ws"), sampleKey, "short", 1), 400, ""},
		{"two keys", requestTo("/ws", "Sec-WebSocket-Key: "+sampleKey), 400, ""},
		{"version", strings.Replace(requestTo("/ws"), "Version: 13", "Version: 8", 1), 426, "Sec-WebSocket-Version: 13"},
		{"no upgrade", "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426, "Upgrade: websocket"},
		{"connection", strings.Replace(requestTo("/ws"), "Connection: Upgrade", "Connection: keep-alive", 1), 400, ""},
		{"method", strings.Replace(requestTo("/ws"), "GET", "PUT", 1), 405, "Allow: GET"},
		{"HTTP/1.0", strings.Replace(requestTo("/ws"), "HTTP/1.1", "HTTP/1.0", 1), 505, ""},
		{"body", requestTo("/ws", "Content-Length: 1") + "x", 413, ""},
		{"chunked body", requestTo("/ws", "Transfer-Encoding: chunked") + "0\r\n\r\n", 501, ""},
		{"head", requestTo("/ws", "X: "+strings.Repeat("x", 2000)), 431, ""},
		{"protocol twice", requestTo("/ws", "Sec-WebSocket-Protocol: a, a"), 400, ""},
		{"hook", requestTo("/ws?refuse"), 401, "Www-Authenticate: Basic"},
		{"hook fails", requestTo("/ws?fail"), 500, ""},
		{"hook sets what is not its to set", requestTo("/ws?owned"), 500, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			there := dialRaw(t, loop)
			there.send(tt.request)
			_, want := there.response()
			r := dialRaw(t, through)
			r.send(tt.request)
			resp := r.wantHTTP("GET", tt.status, want)
			r.wantEOF()
			if name, value, ok := strings.Cut(tt.field, ": "); ok && resp.Header.Get(name) != value {
				t.Errorf("got %v, want %s", resp.Header, tt.field)
			}
			if err := within(t, errs); err == nil {
				t.Error("no error")
			}
			if n := srv.Conns(); n != 0 {
				t.Errorf("%d connections", n)
			}
		})
	}
	for _, want := range []string{"the database is down", "it asked for is malformed"} {
		if n := strings.Count(log.String(), want); n != 2 {
			t.Errorf("%q is logged %d times: %s", want, n, log.String())
		}
	}
}

func TestUpgradeHTTPMaxConns(t *testing.T) {
	srv := &Server{MaxConns: 1}
	mux, errs := takeovers(t, srv)
	addr := serveMux(t, mux)
	first := dialRaw(t, addr)
	first.send(requestTo("/ws"))
	first.head()
	if err := within(t, errs); err != nil {
		t.Fatal(err)
	}
	second := dialRaw(t, addr)
	second.send(requestTo("/ws"))
	second.wantHTTP("GET", 503, errTooManyConns.Text+"\n")
	first.send(closeFrame(1000, ""))
	first.wantClose(1000)
	_ = first.Close()
	eventually(t, "there is room", func() bool { return srv.Conns() == 0 })
	second = dialRaw(t, addr)
	second.send(requestTo("/ws"), text("now"))
	if head := second.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("got %q", head)
	}
	second.want(codec.Text, "now")
}

// tlsEcho sends messages through TLS and wants them back.
func tlsEcho(t *testing.T, c net.Conn, messages ...string) (in *bufio.Reader) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	in = bufio.NewReader(c)
	var frames, want bytes.Buffer
	frames.WriteString(requestTo("/ws"))
	want.Write(mustUpgrade(t))
	for _, m := range messages {
		frames.WriteString(text(m))
		want.WriteString(unmasked(codec.Text, m))
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(frames.Bytes())
		sent <- err
	}()
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("got %.200q, %v", got, err)
	}
	if err := within(t, sent); err != nil {
		t.Fatal(err)
	}
	return in
}

// A connection with TLS is taken over too: messages of all sizes, the addresses, and a close frame that
// arrives though the client is still sending.
func TestUpgradeHTTPWithTLS(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, MaxOutbound: 16 << 20}
	mux, errs := takeovers(t, srv)
	front := httptest.NewTLSServer(mux)
	t.Cleanup(front.Close)
	addr := front.Listener.Addr().String()
	raw, err := tls.Dial("tcp", addr, front.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	in := tlsEcho(t, raw, "", "hello", strings.Repeat("medium", 1000), strings.Repeat("large", 200_000))
	if err := within(t, errs); err != nil {
		t.Error(err)
	}
	c := within(t, h.opened)
	if c.RemoteAddr().String() != raw.LocalAddr().String() || c.LocalAddr().String() != addr {
		t.Errorf("from %v to %v", c.RemoteAddr(), c.LocalAddr())
	}
	_ = c.Close(codec.CloseGoingAway, "bye")
	_, _ = io.WriteString(raw, text(strings.Repeat("unheard", 100_000))+closeFrame(1001, "")+"and more")
	if rest, err := io.ReadAll(in); err != nil || string(rest) != unmasked(codec.Close, "\x03\xE9bye") {
		t.Errorf("got %.80q, %v", rest, err)
	}
	_ = raw.Close()
	h.wantClosed(t, codec.CloseGoingAway, false)
}

// A client with TLS that reads slowly gets everything, and is told of no more than there is room for.
func TestUpgradeHTTPSlowReader(t *testing.T) {
	const n, size = 400, 100_000
	h := newProbe()
	refused := make(chan int, 1)
	h.onMessage = func(c *Conn, m codec.Message) {
		for i := range n {
			if err := c.WriteText(strings.Repeat(fmt.Sprint(i%10), size)); err != nil {
				refused <- i
				return
			}
		}
		refused <- n
	}
	mux, _ := takeovers(t, &Server{Handler: h, MaxOutbound: 4 << 20})
	front := httptest.NewTLSServer(mux)
	t.Cleanup(front.Close)
	raw, err := tls.Dial("tcp", front.Listener.Addr().String(), front.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	in := tlsEcho(t, raw)
	_, _ = io.WriteString(raw, text("go"))
	accepted := within(t, refused)
	if accepted == n {
		t.Error("no write was refused")
	}
	got := make([]byte, 10+size)
	for i := range accepted {
		if _, err := io.ReadFull(in, got); err != nil || got[10] != byte('0'+i%10) {
			t.Fatalf("message %d of %d: %q, %v", i, accepted, got[10], err)
		}
	}
}

// HTTP/2 gets an answer that says what to do.
func TestUpgradeHTTP2(t *testing.T) {
	mux, errs := takeovers(t, &Server{})
	front := httptest.NewUnstartedServer(mux)
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	resp, err := front.Client().Get(front.URL + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 505 || string(body) != errHTTP2.Text+"\n" {
		t.Errorf("HTTP/%d: got %d with %q", resp.ProtoMajor, resp.StatusCode, body)
	}
	if err := within(t, errs); err != error(errHTTP2) {
		t.Errorf("the error is %v", err)
	}
}

// A Server is a handler of net/http.
func TestServeHTTP(t *testing.T) {
	srv := &Server{Handler: echo, Logger: quiet}
	t.Cleanup(func() { _ = srv.Close() })
	mux := http.NewServeMux()
	mux.Handle("/ws", srv)
	r := dialRaw(t, serveMux(t, mux))
	r.send(requestTo("/ws"), text("hello"))
	if got := r.head(); !strings.HasPrefix(got, "HTTP/1.1 101 ") {
		t.Fatalf("got %q", got)
	}
	r.want(codec.Text, "hello")
}

// A ResponseWriter that cannot be hijacked is told apart from a bad request.
func TestUpgradeHTTPWithoutHijack(t *testing.T) {
	var log logBuffer
	srv := &Server{Logger: log.logger()}
	mux, errs := takeovers(t, srv)
	r := httptest.NewRequest("GET", "/ws", nil)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": sampleKey} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if err := within(t, errs); !errors.Is(err, http.ErrNotSupported) || w.Code != 500 || !strings.Contains(log.String(), "hijack") {
		t.Errorf("%v; got %d; the log says %s", err, w.Code, log.String())
	}
	if n := srv.Conns(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// A middleware cannot smuggle a line into what the rules are applied to.
func TestUpgradeHTTPBadField(t *testing.T) {
	srv := &Server{}
	mux, errs := takeovers(t, srv)
	addr := serveMux(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("A", "b\r\n\r\nGET / HTTP/1.1")
		mux.ServeHTTP(w, r)
	}))
	r := dialRaw(t, addr)
	r.send(requestTo("/ws"))
	if resp, _ := r.readHTTP("GET"); resp.StatusCode != 500 {
		t.Errorf("got %d", resp.StatusCode)
	}
	if err := within(t, errs); err == nil {
		t.Error("no error")
	}
}

// A hook that panics is net/http's to recover, and leaves nothing behind.
func TestUpgradeHTTPPanic(t *testing.T) {
	srv := &Server{Upgrade: func(*Conn, *Upgrade) error { panic(http.ErrAbortHandler) }}
	mux, _ := takeovers(t, srv)
	r := dialRaw(t, serveMux(t, mux))
	r.send(requestTo("/ws"))
	r.end()
	if n := srv.Conns(); n != 0 {
		t.Errorf("%d connections", n)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
}

// A server that listens takes connections over as well; compression is agreed on there too.
func TestUpgradeHTTPBesideStart(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, Deflate: &codec.Deflate{ServerContextTakeover: true}}
	own := serve(t, srv)
	mux, _ := takeovers(t, srv)
	for _, url := range []string{"ws://" + own, "ws://" + serveMux(t, mux) + "/ws"} {
		cl := &Client{Deflate: &codec.Deflate{}}
		got := newCollector()
		c, err := cl.Dial(t.Context(), url, got, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := within(t, h.opened).Deflate(); !ok {
			t.Errorf("%s: not compressed", url)
		}
		_ = c.WriteText(strings.Repeat("hello", 100))
		if m := within(t, got.messages); m != "text:"+strings.Repeat("hello", 100) {
			t.Errorf("%s: got %q", url, m)
		}
		_ = c.Close(codec.CloseNormal, "")
		h.wantClosed(t, codec.CloseNormal, true)
		_ = cl.Close()
	}
	eventually(t, "no memory is leased", func() bool { return srv.core.leased.Load() == 0 })
}

// A Unix socket changes hands as it is.
func TestUpgradeHTTPOnUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	h := newProbe()
	mux, _ := takeovers(t, &Server{Handler: h})
	front := &http.Server{Handler: mux}
	go front.Serve(ln)
	t.Cleanup(func() { _ = front.Close() })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tlsEcho(t, conn, "hello")
	if c := within(t, h.opened); c.LocalAddr().String() != path {
		t.Errorf("to %v", c.LocalAddr())
	}
}

// Shutdown says goodbye to connections that were taken over, and after it there are no more.
func TestUpgradeHTTPShutdown(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h}
	mux, errs := takeovers(t, srv)
	addr := serveMux(t, mux)
	r := dialRaw(t, addr)
	r.send(requestTo("/ws"))
	r.head()
	within(t, errs)
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	r.wantCloseFrame(codec.CloseGoingAway)
	late := dialRaw(t, addr)
	late.send(requestTo("/ws"))
	late.wantHTTP("GET", 503, errShuttingDown.Text+"\n")
	r.send(closeFrame(1001, ""))
	r.wantEOF()
	_ = r.Close()
	if err := within(t, ended); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	h.wantClosed(t, codec.CloseGoingAway, false)
	later := dialRaw(t, addr)
	later.send(requestTo("/ws"))
	later.wantHTTP("GET", 503, errShuttingDown.Text+"\n")
	within(t, errs)
	within(t, errs)
	if err := srv.Wait(); err != ErrServerClosed {
		t.Errorf("Wait returned %v", err)
	}
}

// A server that was shut down before it began does not begin.
func TestUpgradeHTTPAfterShutdown(t *testing.T) {
	srv := &Server{}
	mux, errs := takeovers(t, srv)
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := dialRaw(t, serveMux(t, mux))
	r.send(requestTo("/ws"))
	r.wantHTTP("GET", 503, errShuttingDown.Text+"\n")
	if err := within(t, errs); err != ErrServerClosed {
		t.Errorf("the error is %v", err)
	}
}

// Connections that come and go in every way leave no descriptor.
func TestUpgradeHTTPDescriptors(t *testing.T) {
	srv := &Server{Loops: 2}
	mux, _ := takeovers(t, srv)
	plain, secure := serveMux(t, mux), httptest.NewTLSServer(mux)
	t.Cleanup(secure.Close)
	cfg := secure.Client().Transport.(*http.Transport).TLSClientConfig
	before := 0
	for i := range 120 {
		if i%4 == 3 {
			c, err := tls.Dial("tcp", secure.Listener.Addr().String(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			tlsEcho(t, c, "hello")
			_ = c.Close()
		} else {
			r := dialRaw(t, plain)
			r.send(requestTo("/ws"), text("hello"))
			if i%4 > 0 {
				r.head()
				r.want(codec.Text, "hello")
			}
			if i%4 == 1 {
				r.reset()
			}
			_ = r.Close()
		}
		if i == 30 {
			eventually(t, "the connections are gone", func() bool { return srv.Conns() == 0 })
			before = descriptors(t)
		}
	}
	eventually(t, "the connections are gone", func() bool { return srv.Conns() == 0 })
	before += 2 * srv.Loops // rings that loops may have made since
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
}

// A connection that comes with one of the last descriptors, as net/http accepts them as long as there are any, is
// refused, and costs the others nothing.
func TestUpgradeHTTPOutOfDescriptors(t *testing.T) {
	srv := &Server{}
	mux, errs := takeovers(t, srv)
	addr := serveMux(t, mux)
	first := dialRaw(t, addr)
	first.send(requestTo("/ws"))
	first.head()
	within(t, errs)
	e := srv.takeovers.engine
	full := e.fds.full
	e.fds.full = 0
	late := dialRaw(t, addr)
	late.send(requestTo("/ws"))
	if head := late.head(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("who came too late got %q", head)
	}
	if err := within(t, errs); err == nil {
		t.Error("UpgradeHTTP returned no error")
	}
	first.echo("still here")
	if n := srv.Conns(); n != 1 {
		t.Errorf("there are %d connections", n)
	}
	e.fds.full = full
	again := dialRaw(t, addr)
	again.send(requestTo("/ws"), text("room again"))
	again.head()
	again.want(codec.Text, "room again")
}

// Connections come while the server is shut down: none hangs and none is left.
func TestUpgradeHTTPDuringShutdown(t *testing.T) {
	for range 10 {
		srv := &Server{}
		mux, _ := takeovers(t, srv)
		front := httptest.NewServer(mux)
		ended := make(chan error, 1)
		var clients []*rawClient
		for i := range 20 {
			r := dialRaw(t, front.Listener.Addr().String())
			clients = append(clients, r)
			r.send(requestTo("/ws"))
			if i == 9 {
				r.head()
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
					defer cancel()
					ended <- srv.Shutdown(ctx)
				}()
			}
		}
		within(t, ended)
		front.Close()
		for _, r := range clients {
			r.end()
			_ = r.Close()
		}
		eventually(t, "no connection is left", func() bool { return srv.Conns() == 0 })
	}
}
