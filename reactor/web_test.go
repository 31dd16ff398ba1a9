package reactor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// site is a small application: a page, a JSON API, an upload, a handler that panics, and one that waits.
func site(waiting chan<- struct{}, goOn <-chan struct{}) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<p>hello") })
	mux.HandleFunc("GET /api/who", func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
		_ = json.NewEncoder(w).Encode(map[string]string{"remote": r.RemoteAddr, "local": local, "host": r.Host})
	})
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, fmt.Sprint("more than ", tooLarge.Limit), http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprintf(w, "%d %.10s", len(b), b)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("in the handler") })
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		waiting <- struct{}{}
		select {
		case <-goOn:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
			waiting <- struct{}{}
		}
	})
	return mux
}

// readHTTP reads a response with its body.
func (r *rawClient) readHTTP(method string) (*http.Response, string) {
	r.t.Helper()
	resp, err := http.ReadResponse(r.in, &http.Request{Method: method})
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(b)
}

// wantHTTP reads a response and compares it.
func (r *rawClient) wantHTTP(method string, status int, body string) *http.Response {
	r.t.Helper()
	resp, got := r.readHTTP(method)
	if resp.StatusCode != status || got != body {
		r.t.Fatalf("got %d with %.80q, want %d with %.80q", resp.StatusCode, got, status, body)
	}
	return resp
}

const (
	getPage = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	getWait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
)

// A page, an API and WebSocket share a port; the HTTP client keeps its connection.
func TestHTTPBesideWebSocket(t *testing.T) {
	srv := &Server{HTTP: site(nil, nil)}
	addr := serve(t, srv)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	var first string
	for range 3 {
		resp, err := client.Get("http://" + addr + "/api/who")
		if err != nil {
			t.Fatal(err)
		}
		var who map[string]string
		err = json.NewDecoder(resp.Body).Decode(&who)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if first == "" {
			first = who["remote"]
		}
		if err != nil || who["remote"] != first || who["local"] != addr || who["host"] != addr {
			t.Errorf("the API says %v, %v", who, err)
		}
	}
	if host, _, err := net.SplitHostPort(first); err != nil || host != "127.0.0.1" {
		t.Errorf("the client's address is %q", first)
	}
	ws := open(t, addr)
	ws.send(text("hello"))
	ws.want(codec.Text, "hello")
	if n := srv.Conns(); n != 2 {
		t.Errorf("%d connections, want one of HTTP and one of WebSocket", n)
	}
	client.CloseIdleConnections()
	eventually(t, "the HTTP connection is gone", func() bool { return srv.Conns() == 1 })
}

// A connection that has carried requests becomes a WebSocket connection, with frames right behind the
// request.
func TestHTTPThenWebSocket(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, HTTP: site(nil, nil), MaxConns: 1, HTTPConns: 1}
	addr := serve(t, srv)
	r := dialRaw(t, addr)
	for range 3 {
		r.send(getPage)
		r.wantHTTP("GET", 200, "<p>hello")
	}
	long := strings.Repeat("long ", 10_000)
	r.send(request(), text("one"), text(long), text("three"))
	if head := r.head(); head != string(mustUpgrade(t)) {
		t.Errorf("got %q", head)
	}
	r.want(codec.Text, "one")
	r.want(codec.Text, long)
	r.want(codec.Text, "three")
	c := within(t, h.opened)
	if c.RemoteAddr().String() != r.LocalAddr().String() || c.LocalAddr().String() != addr {
		t.Errorf("from %v to %v", c.RemoteAddr(), c.LocalAddr())
	}
	if n := srv.Conns(); n != 1 {
		t.Errorf("%d connections", n)
	}
	page := dialRaw(t, addr) // there is room: the bounds are not the same
	page.send(getPage)
	page.wantHTTP("GET", 200, "<p>hello")
	full := dialRaw(t, addr)
	full.send(request())
	if head, _ := full.response(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("a second WebSocket connection gets %q", head)
	}
	page.send(request())
	page.wantHTTP("GET", 503, errTooManyConns.Text+"\n")
	page.wantEOF()
	r.send(closeFrame(1000, ""))
	r.wantClose(1000)
	_ = r.Close()
	h.wantClosed(t, 1000, true)
}

// All at once: what net/http has not read of the first bytes is not lost either.
func TestHTTPThenWebSocketAtOnce(t *testing.T) {
	long := patterned(50_000)
	r := dialRaw(t, serve(t, &Server{HTTP: site(nil, nil)}))
	r.send(getPage, request(), text(long), text("last"))
	r.wantHTTP("GET", 200, "<p>hello")
	r.head()
	r.want(codec.Text, long)
	r.want(codec.Text, "last")
}

// Requests arrive in every way that HTTP/1.1 has.
func TestHTTPRequests(t *testing.T) {
	const max = 100_000
	addr := serve(t, &Server{HTTP: site(nil, nil), HTTPMaxBody: max})
	post := func(fields ...string) string {
		return "POST /upload HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(fields, "", ""), "\r\n")
	}
	body := strings.Repeat("0123456789", 5000)
	length := fmt.Sprint("Content-Length: ", len(body))

	t.Run("body in pieces", func(t *testing.T) {
		r := dialRaw(t, addr)
		all := post(length) + body
		for len(all) > 0 {
			n := min(len(all), 7000)
			if len(all) > len(body) {
				n = min(n, 20)
			}
			r.send(all[:n])
			all = all[n:]
		}
		r.wantHTTP("POST", 200, "50000 0123456789")
		r.send(getPage)
		r.wantHTTP("GET", 200, "<p>hello")
	})
	t.Run("chunks", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send(post("Transfer-Encoding: chunked"), "5\r\n01234\r\n", "6\r\n567")
		r.send("89a\r\n0\r\n\r\n")
		r.wantHTTP("POST", 200, "11 0123456789")
	})
	t.Run("Expect: 100-continue", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send(post(length, "Expect: 100-continue"))
		if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 100 ") {
			t.Fatalf("got %q", head)
		}
		r.send(body)
		r.wantHTTP("POST", 200, "50000 0123456789")
	})
	t.Run("pipelined", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send(getPage, post("Content-Length: 3"), "abc", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", getPage)
		r.wantHTTP("GET", 200, "<p>hello")
		r.wantHTTP("POST", 200, "3 abc")
		r.wantHTTP("HEAD", 200, "")
		r.wantHTTP("GET", 200, "<p>hello")
	})
	t.Run("HEAD", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if resp := r.wantHTTP("HEAD", 200, ""); resp.ContentLength != 8 {
			t.Errorf("Content-Length is %d", resp.ContentLength)
		}
	})
	t.Run("no such method", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n")
		r.wantHTTP("DELETE", 405, "Method Not Allowed\n")
	})
	t.Run("announced body too large", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send(post(fmt.Sprint("Content-Length: ", max+1)))
		r.wantHTTP("POST", 413, "The request has a body of more than 100000 bytes. Send less.\n")
	})
	t.Run("chunks too large", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send(post("Transfer-Encoding: chunked"), fmt.Sprintf("%x\r\n%s\r\n", 2*len(body), body+body), "1\r\nx\r\n0\r\n\r\n")
		r.wantHTTP("POST", 413, "more than 100000\n")
	})
	t.Run("malformed", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
		if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
			t.Errorf("got %q", head)
		}
	})
	t.Run("HTTP/1.0, as of a health check", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send("GET / HTTP/1.0\r\n\r\n")
		r.wantHTTP("GET", 200, "<p>hello")
		r.wantEOF()
	})
	t.Run("HTTP/1.0 with keep-alive, as of ApacheBench", func(t *testing.T) {
		r := dialRaw(t, addr)
		for range 3 {
			r.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\n\r\n")
			r.wantHTTP("GET", 200, "<p>hello")
		}
		r.send("GET / HTTP/1.0\r\nConnection: Upgrade, Keep-Alive\r\nUpgrade: websocket\r\n\r\n", text("hello"))
		if resp, _ := r.readHTTP("GET"); resp.StatusCode != 505 {
			t.Errorf("got %v", resp)
		}
		r.wantEOF()
	})
	t.Run("an upgrade in HTTP/1.0", func(t *testing.T) { // RFC 6455 4.2.1, item 1
		r := dialRaw(t, addr)
		r.send(strings.Replace(request(), "HTTP/1.1", "HTTP/1.0", 1), text("hello"))
		if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 505 ") {
			t.Errorf("got %q", head)
		}
	})
	t.Run("HTTP/1.0 with a coding", func(t *testing.T) { // RFC 9112 6.1
		r := dialRaw(t, addr)
		r.send("POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
			t.Errorf("got %q", head)
		}
	})
	t.Run("an upgrade to something else", func(t *testing.T) {
		r := dialRaw(t, addr)
		r.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		r.wantHTTP("GET", 200, "<p>hello")
	})
}

// A file server answers for ranges, and large files arrive whole.
func TestHTTPFiles(t *testing.T) {
	dir := t.TempDir()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	if err := os.WriteFile(filepath.Join(dir, "large"), large, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := serve(t, &Server{HTTP: http.FileServer(http.Dir(dir))})
	r := dialRaw(t, addr)
	r.send("GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=14-17\r\n\r\n")
	r.wantHTTP("GET", 206, "ef01")
	r.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
	r.wantHTTP("GET", 200, string(large))
	r.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
	r.wantHTTP("GET", 404, "404 page not found\n")
}

// A Unix socket carries HTTP and WebSocket too, one after the other.
func TestHTTPOnUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	srv := &Server{Handler: echo, Logger: quiet, HTTP: site(nil, nil)}
	if err := srv.Start("unix://" + path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, getPage)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v", resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_, _ = io.WriteString(conn, request()+text("hello"))
	want := string(mustUpgrade(t)) + unmasked(codec.Text, "hello")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

// A client that sends the head of a later request slowly, or none, is cut.
func TestHTTPTimeouts(t *testing.T) {
	for name, tt := range map[string]struct {
		srv  *Server
		then string
	}{
		"slow head": {&Server{HandshakeTimeout: 500 * time.Millisecond}, "GET / HT"},
		"idle":      {&Server{IdleTimeout: 500 * time.Millisecond}, ""},
		"slow body": {&Server{HTTPTimeout: 500 * time.Millisecond}, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.srv.HTTP = site(nil, nil)
			r := dialRaw(t, serve(t, tt.srv))
			r.send(getPage)
			r.wantHTTP("GET", 200, "<p>hello")
			r.send(tt.then)
			r.end()
			eventually(t, "the connection is gone", func() bool { return tt.srv.Conns() == 0 })
		})
	}
}

// Beyond HTTPConns requests are refused by the loop, and WebSocket goes on.
func TestHTTPConns(t *testing.T) {
	waiting, goOn := make(chan struct{}, 8), make(chan struct{})
	srv := &Server{HTTP: site(waiting, goOn), HTTPConns: 2}
	addr := serve(t, srv)
	busy := []*rawClient{dialRaw(t, addr), dialRaw(t, addr)}
	for _, r := range busy {
		r.send(getWait)
		within(t, waiting)
	}
	for range 3 {
		r := dialRaw(t, addr)
		r.send(getPage)
		head, body := r.response()
		if !strings.HasPrefix(head, "HTTP/1.1 503 ") || body != errTooManyHTTP.Text+"\n" {
			t.Errorf("got %q with %q", head, body)
		}
		wantField(t, head, "Retry-After", "1")
		_ = r.Close()
	}
	open(t, addr)
	close(goOn)
	for _, r := range busy {
		r.wantHTTP("GET", 200, "done")
		_ = r.Close()
	}
	eventually(t, "there is room", func() bool { return srv.web.count() == 0 })
	r := dialRaw(t, addr)
	r.send(getPage)
	r.wantHTTP("GET", 200, "<p>hello")
}

// A handler that panics costs its connection; the log says where.
func TestHTTPPanic(t *testing.T) {
	var log logBuffer
	srv := &Server{HTTP: site(nil, nil), Logger: log.logger()}
	addr := serve(t, srv)
	ws := open(t, addr)
	r := dialRaw(t, addr)
	r.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	r.end()
	eventually(t, "the connection is gone", func() bool { return srv.Conns() == 1 })
	if l := log.String(); !strings.Contains(l, "in the handler") || !strings.Contains(l, "web_test.go") {
		t.Errorf("the log says %s", l)
	}
	ws.send(text("unharmed"))
	ws.want(codec.Text, "unharmed")
	other := dialRaw(t, addr)
	other.send(getPage)
	other.wantHTTP("GET", 200, "<p>hello")
}

// A request's context ends with its connection.
func TestHTTPContext(t *testing.T) {
	waiting := make(chan struct{}, 2)
	r := dialRaw(t, serve(t, &Server{HTTP: site(waiting, nil)}))
	r.send(getWait)
	within(t, waiting)
	_ = r.Close()
	within(t, waiting)
}

// Shutdown waits for requests, and closes idle connections.
func TestHTTPShutdown(t *testing.T) {
	waiting, goOn := make(chan struct{}, 1), make(chan struct{})
	srv := &Server{HTTP: site(waiting, goOn)}
	addr := serve(t, srv)
	idle, busy, ws := dialRaw(t, addr), dialRaw(t, addr), open(t, addr)
	idle.send(getPage)
	idle.wantHTTP("GET", 200, "<p>hello")
	busy.send(getWait)
	within(t, waiting)
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	idle.wantEOF()
	if reason := ws.wantCloseFrame(codec.CloseGoingAway); reason != "server is shutting down" {
		t.Errorf("the reason is %q", reason)
	}
	ws.send(closeFrame(1001, ""))
	ws.wantEOF()
	_ = ws.Close()
	eventually(t, "only the request is left", func() bool { return srv.Conns() == 1 })
	select {
	case err := <-ended:
		t.Fatalf("Shutdown did not wait: %v", err)
	default:
	}
	close(goOn)
	busy.wantHTTP("GET", 200, "done")
	busy.wantEOF()
	if err := within(t, ended); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	if n := srv.Conns(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// What Shutdown has no time to wait for is cut.
func TestHTTPShutdownInTime(t *testing.T) {
	waiting := make(chan struct{}, 2)
	srv := &Server{HTTP: site(waiting, nil)}
	r := dialRaw(t, serve(t, srv))
	r.send(getWait)
	within(t, waiting)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown returned %v", err)
	}
	within(t, waiting)
	r.end()
}

// Requests of every kind leave no descriptor. TestMain sees to the goroutines.
func TestHTTPDescriptors(t *testing.T) {
	srv := &Server{HTTP: site(nil, nil), Loops: 2, HTTPConns: 20}
	addr := serve(t, srv)
	before := 0
	for i := range 300 {
		r := dialRaw(t, addr)
		switch i % 5 {
		case 0:
			r.send(getPage)
			r.wantHTTP("GET", 200, "<p>hello")
		case 1:
			r.send(getPage)
			r.reset()
		case 2:
			r.send(getPage, request())
			r.wantHTTP("GET", 200, "<p>hello")
			r.head()
		case 3:
			r.send(request())
			r.head()
		case 4:
			r.send(getPage, request(), text("x"))
			r.reset()
		}
		_ = r.Close()
		eventually(t, "the connection is gone", func() bool { return srv.Conns() == 0 })
		if i == 50 { // now the loops have all that they need
			before = descriptors(t)
		}
	}
	before += 2 * srv.Loops // rings that loops may have made since
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
}

// Connections of HTTP and WebSocket count together for MaxConnsPerIP, one that changes over once.
func TestHTTPMaxConnsPerIP(t *testing.T) {
	srv := &Server{HTTP: site(nil, nil), MaxConnsPerIP: 2}
	addr := serve(t, srv)
	a, b := dialRaw(t, addr), dialRaw(t, addr)
	for _, r := range []*rawClient{a, b} {
		r.send(getPage)
		r.wantHTTP("GET", 200, "<p>hello")
	}
	refused := func() {
		t.Helper()
		r := dialRaw(t, addr)
		r.send(getPage)
		if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 429 ") {
			t.Errorf("a third connection gets %q", head)
		}
		_ = r.Close()
	}
	refused()
	a.send(request())
	if head := a.head(); head != string(mustUpgrade(t)) {
		t.Errorf("the change to WebSocket gets %q", head)
	}
	refused()
	_ = a.Close()
	eventually(t, "one is gone", func() bool { return srv.Conns() == 1 })
	b.send(request("Origin: http://elsewhere.example"))
	b.wantHTTP("GET", 403, errOrigin.Text+"\n")
	b.wantEOF()
	_ = b.Close()
	eventually(t, "both are gone", func() bool { return srv.Conns() == 0 })
	if n := len(srv.admission.conns); n != 0 {
		t.Errorf("%d addresses are still counted", n)
	}
}
