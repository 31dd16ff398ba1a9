package reactor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// httpProxy is an HTTP proxy that knows nothing but CONNECT, and whatever host it is asked for connects to
// one server.
type httpProxy struct {
	*url.URL
	requests chan *http.Request
}

// newHTTPProxy starts a proxy to the server at addr, which answers what answer says.
func newHTTPProxy(t *testing.T, addr, answer string) *httpProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p := &httpProxy{&url.URL{Scheme: "http", Host: ln.Addr().String()}, make(chan *http.Request, 16)}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(conn, addr, answer)
		}
	}()
	return p
}

func (p *httpProxy) serve(conn net.Conn, addr, answer string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.requests <- r
	if _, err := io.WriteString(conn, answer); err != nil || addr == "" {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	}()
	_, _ = io.Copy(server, in)
}

// use makes the proxy a Client.Proxy.
func (p *httpProxy) use(*url.URL) (*url.URL, error) { return p.URL, nil }

const tunnelOpen = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\n\r\n"

func TestTunnel(t *testing.T) {
	for _, row := range []struct {
		name, url, asked string
		user             *url.Userinfo
		auth             string
	}{
		{"ws", "ws://weir.test/path", "weir.test:80", nil, ""},
		{"ws with a port", "ws://weir.test:8081/", "weir.test:8081", nil, ""},
		{"IPv6", "ws://[2001:db8::1]/", "[2001:db8::1]:80", nil, ""},
		{"wss", "wss://localhost/", "localhost:443", nil, ""},
		{"password", "ws://weir.test/", "weir.test:80", url.UserPassword("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, // RFC 7617 2
		{"no password", "ws://weir.test/", "weir.test:80", url.User("a"), "Basic YTo="},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := &Server{}
			if strings.HasPrefix(row.url, "wss") {
				srv.TLS = serverConfig()
			}
			proxy := newHTTPProxy(t, serve(t, srv), tunnelOpen)
			proxy.User = row.user
			cl := &Client{Proxy: proxy.use, TLS: clientConfig(0)}
			defer cl.Close()
			h := newCollector()
			c, err := cl.Dial(t.Context(), row.url, h, &DialOptions{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}})
			if err != nil {
				t.Fatal(err)
			}
			_ = c.WriteText("hello")
			if got := within(t, h.messages); got != "text:hello" {
				t.Errorf("got %q", got)
			}
			r := within(t, proxy.requests)
			if r.Method != "CONNECT" || r.RequestURI != row.asked || r.Host != row.asked || r.Header.Get("Proxy-Authorization") != row.auth {
				t.Errorf("the proxy was asked %s %s, host %s, fields %v", r.Method, r.RequestURI, r.Host, r.Header)
			}
			if got := c.RemoteAddr().String(); got != proxy.Host {
				t.Errorf("the remote address is %s, want the proxy's, %s", got, proxy.Host)
			}
			if ip := c.LocalAddr().(*net.TCPAddr).IP; !ip.Equal(net.IPv4(127, 0, 0, 9)) {
				t.Errorf("connected from %v", ip)
			}
		})
	}
}

func TestTunnelRefused(t *testing.T) {
	for _, row := range []struct {
		name, answer, want string
		status             int
	}{
		{"password", "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", `407 "Who?"`, 407},
		{"host", "HTTP/1.1 502 Bad Gateway\r\n\r\n", `502 "Bad Gateway"`, 502},
		{"not HTTP", "220 smtp.example\r\n", "status line", 0},
		{"more than asked for", "HTTP/1.1 200 OK\r\n\r\nWelcome", "behind its answer", -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			proxy := newHTTPProxy(t, "", row.answer)
			proxy.User = url.UserPassword("a", "secret")
			cl := &Client{Proxy: proxy.use}
			defer cl.Close()
			_, err := cl.Dial(t.Context(), "ws://weir.test/", NopHandler{}, nil)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "the proxy http://a:xxxxx@127.0.0.1") {
				t.Errorf("got %v", err)
			}
			var he *codec.HandshakeError
			if errors.As(err, &he) && he.Status != row.status || he == nil && row.status >= 0 {
				t.Errorf("got %v, want status %d", err, row.status)
			}
		})
	}
}

// A proxy that takes its time has as much as a server; the context ends the wait, too.
func TestTunnelSlow(t *testing.T) {
	proxy := newHTTPProxy(t, "", "HTTP/1.1 2")
	cl := &Client{Proxy: proxy.use, HandshakeTimeout: 50 * time.Millisecond}
	defer cl.Close()
	if _, err := cl.Dial(t.Context(), "ws://weir.test/", NopHandler{}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	another := newHTTPProxy(t, "", "HTTP/1.1 2") // the first may have got no request in time
	patient := &Client{Proxy: another.use, HandshakeTimeout: -1}
	defer patient.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-another.requests
		cancel()
	}()
	if _, err := patient.Dial(ctx, "ws://weir.test/", NopHandler{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestProxyUnusable(t *testing.T) {
	for _, raw := range []string{"https://proxy.example", "socks5://proxy.example:1080", "http://", "proxy.example:3128"} {
		proxy, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		cl := &Client{Proxy: (&httpProxy{URL: proxy}).use}
		if _, err := cl.Dial(t.Context(), "ws://weir.test/", NopHandler{}, nil); err == nil || !strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("%s: %v", raw, err)
		}
		_ = cl.Close()
	}
	cl := &Client{Proxy: func(*url.URL) (*url.URL, error) { return nil, errors.New("nobody knows") }}
	defer cl.Close()
	if _, err := cl.Dial(t.Context(), "ws://weir.test/", NopHandler{}, nil); err == nil || !strings.Contains(err.Error(), "nobody knows") {
		t.Errorf("got %v", err)
	}
}

// TestProxyEnvironment runs itself in another process, since the environment is read once.
func TestProxyEnvironment(t *testing.T) {
	const variable = "WEIR_TEST_DIRECT" // is the address of a server on the loopback
	if direct := os.Getenv(variable); direct != "" {
		cl := &Client{HandshakeTimeout: patience}
		defer cl.Close()
		for _, u := range []string{"ws://weir.test/", "ws://" + direct} { // through the proxy; the loopback never is
			if _, err := cl.Dial(t.Context(), u, NopHandler{}, nil); err != nil {
				t.Errorf("%s: %v", u, err)
			}
		}
		for _, u := range []string{"wss://weir.test/", "ws://none.test:1/"} { // HTTPS_PROXY; NO_PROXY
			if _, err := cl.Dial(t.Context(), u, NopHandler{}, nil); err == nil || strings.Contains(err.Error(), "the proxy http://user:xxxxx@") != (u[2] == 's') {
				t.Errorf("%s: %v", u, err)
			}
		}
		return
	}
	addr := serve(t, &Server{})
	proxy := newHTTPProxy(t, addr, tunnelOpen)
	refusing := newHTTPProxy(t, "", "HTTP/1.1 403 Forbidden\r\n\r\n")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyEnvironment$")
	cmd.Env = append(os.Environ(), variable+"="+addr, "HTTP_PROXY="+proxy.String(), "http_proxy=", "https_proxy=", "no_proxy=",
		"HTTPS_PROXY=http://user:password@"+refusing.Host, "NO_PROXY=none.test", "REQUEST_METHOD=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r := within(t, proxy.requests); r.Host != "weir.test:80" || len(proxy.requests) > 0 {
		t.Errorf("the proxy was asked for %s, and %d more", r.Host, len(proxy.requests))
	}
	if r := within(t, refusing.requests); r.Host != "weir.test:443" || r.Header.Get("Proxy-Authorization") == "" {
		t.Errorf("the other proxy was asked for %s with %v", r.Host, r.Header)
	}
}

// A redirect is not followed, and says where it leads.
func TestDialRedirect(t *testing.T) {
	proxy := newHTTPProxy(t, "", "HTTP/1.1 307 Temporary Redirect\r\nLocation: wss://elsewhere.example/\r\n\r\n")
	cl := &Client{}
	defer cl.Close()
	_, err := cl.Dial(t.Context(), "ws://"+proxy.Host, NopHandler{}, nil)
	var he *codec.HandshakeError
	if !errors.As(err, &he) || he.Status != 307 || !strings.Contains(err.Error(), `redirects to "wss://elsewhere.example/"`) ||
		len(he.Fields) != 1 || he.Fields[0] != (codec.Field{Name: "Location", Value: "wss://elsewhere.example/"}) {
		t.Errorf("got %v", err)
	}
}
