package reactor

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"example.org/weir/codec"
)

// With TLS the handler gets r.TLS, and the connection goes to net/http and back to a loop as it is.
func TestHTTPWithTLS(t *testing.T) {
	large := patterned(3 << 20)
	mux := site(nil, nil)
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, large) })
	mux.HandleFunc("/tls", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, tls.VersionName(r.TLS.Version), " ", r.TLS.ServerName, " ", r.RemoteAddr)
	})
	for _, v := range tlsVersions {
		h := newProbe()
		srv := &Server{Handler: h, HTTP: mux}
		addr := serveTLS(t, srv)
		r := dialTLS(t, addr, clientConfig(v))
		client := r.LocalAddr().String()
		for range 2 {
			r.send("GET /tls HTTP/1.1\r\nHost: a\r\n\r\n")
			r.wantHTTP("GET", 200, tls.VersionName(v)+" localhost "+client)
		}
		r.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", getPage)
		r.wantHTTP("GET", 200, large)
		r.wantHTTP("GET", 200, "<p>hello")
		go r.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n", large[:500_000])
		r.wantHTTP("POST", 200, "500000 "+large[:10])

		behind := large[:200_000]
		go r.send(request(), text("one"), text(behind), text("three"))
		if head := r.head(); head != string(mustUpgrade(t)) {
			t.Fatalf("got %q", head)
		}
		for _, want := range []string{"one", behind, "three"} {
			r.want(codec.Text, want)
		}
		c := within(t, h.opened)
		if state, ok := c.TLS(); !ok || state.Version != v {
			t.Errorf("TLS is %v, %v", state.Version, ok)
		}
		if c.RemoteAddr().String() != client || c.LocalAddr().String() != addr || srv.Conns() != 1 {
			t.Errorf("from %v to %v, %d connections", c.RemoteAddr(), c.LocalAddr(), srv.Conns())
		}
		r.send(text("on the loop"))
		r.want(codec.Text, "on the loop")
		_ = c.Close(codec.CloseNormal, "")
		r.wantCloseFrame(codec.CloseNormal)
		r.send(closeFrame(1000, ""))
		r.wantNotified()
		_ = r.TCPConn.Close()
		h.wantClosed(t, codec.CloseNormal, false)
	}
}

// Connections with TLS that come and go leave no descriptor, and Shutdown ends them in order.
func TestHTTPWithTLSDescriptors(t *testing.T) {
	srv := &Server{HTTP: site(nil, nil), Loops: 2}
	addr := serveTLS(t, srv)
	before := 0
	for i := range 80 {
		r := dialTLS(t, addr, clientConfig(0))
		r.send(getPage)
		if i%4 > 0 {
			r.wantHTTP("GET", 200, "<p>hello")
		}
		if i%4 > 1 {
			r.send(request(), text("x"))
		}
		if i%4 > 2 {
			r.head()
			r.want(codec.Text, "x")
		}
		r.reset()
		if i == 20 {
			eventually(t, "the connections are gone", func() bool { return srv.Conns() == 0 })
			before = descriptors(t)
		}
	}
	eventually(t, "the connections are gone", func() bool { return srv.Conns() == 0 })
	before += 2 * srv.Loops // rings that loops may have made since
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	idle := dialTLS(t, addr, clientConfig(0))
	idle.send(getPage)
	idle.wantHTTP("GET", 200, "<p>hello")
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	idle.wantNotified()
}

// A proxy keeps a connection for the requests of several clients: each request says whose it is.
func TestHTTPBehindProxy(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	ask := func(r *rawClient, forwarded, want string) {
		t.Helper()
		field := ""
		if forwarded != "" {
			field = "X-Forwarded-For: " + forwarded + "\r\n"
		}
		r.send("GET / HTTP/1.1\r\nHost: a\r\n", field, "\r\n")
		r.wantHTTP("GET", 200, want)
	}
	t.Run("X-Forwarded-For", func(t *testing.T) {
		h := newProbe()
		r := dialRaw(t, serve(t, &Server{Handler: h, HTTP: mux, TrustedProxies: loopback}))
		ask(r, "192.0.2.1", "192.0.2.1:0")
		ask(r, "203.0.113.9, 192.0.2.2, 127.0.0.1", "192.0.2.2:0")
		ask(r, "", r.LocalAddr().String())
		r.send(request("X-Forwarded-For: 192.0.2.3"))
		r.head()
		if c := within(t, h.opened); c.RemoteAddr().String() != "192.0.2.3:0" {
			t.Errorf("the WebSocket client is %v", c.RemoteAddr())
		}
	})
	t.Run("Forwarded", func(t *testing.T) {
		r := dialRaw(t, serve(t, &Server{HTTP: mux, TrustedProxies: loopback, Forwarded: ForwardedStandard}))
		r.send("GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.1\r\n\r\n")
		r.wantHTTP("GET", 200, "192.0.2.1:0")
		r.send("GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=\"\r\n\r\n")
		if resp, body := r.readHTTP("GET"); resp.StatusCode != 400 {
			t.Errorf("got %d with %q", resp.StatusCode, body)
		}
	})
	t.Run("not trusted", func(t *testing.T) {
		r := dialRaw(t, serve(t, &Server{HTTP: mux}))
		ask(r, "192.0.2.1", r.LocalAddr().String())
	})
	t.Run("PROXY protocol", func(t *testing.T) {
		r := dialRaw(t, serve(t, &Server{HTTP: mux, TrustedProxies: loopback, ProxyProtocol: true}))
		r.send(proxyHeader4(1, netip.MustParseAddrPort("192.0.2.1:1234")))
		ask(r, "203.0.113.9", "192.0.2.1:1234") // who is not to be believed
		ask(r, "", "192.0.2.1:1234")
	})
	t.Run("TLS", func(t *testing.T) {
		r := dialTLS(t, serveTLS(t, &Server{HTTP: mux, TrustedProxies: loopback}), clientConfig(0))
		ask(r.rawClient, "192.0.2.1", "192.0.2.1:0")
		ask(r.rawClient, "192.0.2.2", "192.0.2.2:0")
	})
	t.Run("UpgradeHTTP", func(t *testing.T) {
		h := newProbe()
		mux, _ := takeovers(t, &Server{Handler: h, TrustedProxies: loopback})
		r := dialRaw(t, serveMux(t, mux))
		r.send(requestTo("/ws", "X-Forwarded-For: 192.0.2.4"))
		r.head()
		if c := within(t, h.opened); c.RemoteAddr().String() != "192.0.2.4:0" {
			t.Errorf("the client is %v", c.RemoteAddr())
		}
	})
}

// What r.RemoteAddr may be, after middleware.
func TestRemoteOf(t *testing.T) {
	for given, want := range map[string]net.Addr{
		"192.0.2.1:80":     &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},
		"[2001:db8::1]:80": &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 80},
		"192.0.2.1":        &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)},
		"2001:db8::1":      &net.TCPAddr{IP: net.ParseIP("2001:db8::1")},
		"@":                &net.UnixAddr{Name: "@", Net: "unix"},
		"":                 &net.UnixAddr{Net: "unix"},
	} {
		got := remoteOf(&http.Request{RemoteAddr: given})
		if got.Network() != want.Network() || got.String() != want.String() {
			t.Errorf("%q is %v (%s)", given, got, got.Network())
		}
	}
	if s := strings.TrimSpace(remoteOf(&http.Request{}).String()); s != "" {
		t.Errorf("nothing is %q", s)
	}
}
