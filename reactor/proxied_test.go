package reactor

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// proxyAt is the address that the proxy of these tests connects from; the server trusts it, and 10.0.0.0/8.
var (
	proxyAt  = net.IPv4(127, 0, 0, 2)
	directAt = net.IPv4(127, 0, 0, 3)
	trusted  = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
)

// whoami is a handler that tells clients what they are taken for.
type whoami struct{ NopHandler }

func (whoami) OnOpen(c *Conn) { _ = c.WriteText(c.RemoteAddr().String()) }

// dialFrom opens a TCP connection from a loopback address.
func dialFrom(t *testing.T, from net.IP, addr string) *rawClient {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &rawClient{conn.(*net.TCPConn), t, bufio.NewReader(conn), conn}
}

// wantPeer reads the answer to a request and what the server takes the client for; "" is its own address.
func (r *rawClient) wantPeer(want string) {
	r.t.Helper()
	if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		r.t.Fatalf("the server answered %q", head)
	}
	if want == "" {
		want = r.LocalAddr().String()
	}
	r.want(codec.Text, want)
}

// proxyHeader4 is a header of version 2 for a TCP connection over IPv4.
func proxyHeader4(command byte, from netip.AddrPort) string {
	h := []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x0c")
	h[12] |= command
	ip := from.Addr().As4()
	h = append(append(h, ip[:]...), 127, 0, 0, 1)
	h = binary.BigEndian.AppendUint16(h, from.Port())
	return string(binary.BigEndian.AppendUint16(h, 8080))
}

func TestProxyProtocol(t *testing.T) {
	addr := serve(t, &Server{Handler: whoami{}, TrustedProxies: trusted, ProxyProtocol: true})
	client := netip.MustParseAddrPort("192.0.2.7:4711")
	inner := netip.MustParseAddrPort("10.1.2.3:99")
	for _, row := range []struct {
		name   string
		from   net.IP
		header string
		lines  []string
		want   string // whom the server takes it for; "" is the TCP connection's
	}{
		{"version 1", proxyAt, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 8080\r\n", nil, "192.0.2.7:4711"},
		{"version 1, IPv6", proxyAt, "PROXY TCP6 2001:db8::7 ::1 4711 8080\r\n", nil, "[2001:db8::7]:4711"},
		{"version 1, unknown", proxyAt, "PROXY UNKNOWN\r\n", nil, ""},
		{"version 2", proxyAt, proxyHeader4(1, client), nil, "192.0.2.7:4711"},
		{"version 2, a health check", proxyAt, proxyHeader4(0, client), nil, ""},
		{"the client's own word does not count", proxyAt, proxyHeader4(1, client), []string{"X-Forwarded-For: 1.1.1.1"}, "192.0.2.7:4711"},
		{"a proxy behind a proxy", proxyAt, proxyHeader4(1, inner), []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9:0"},
		{"a proxy that is not the connection's end", proxyAt, proxyHeader4(0, client), []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9:0"},
		{"others need none", directAt, "", []string{"X-Forwarded-For: 1.1.1.1"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := dialFrom(t, row.from, addr)
			r.send(row.header + request(row.lines...))
			r.wantPeer(row.want)
		})
	}
}

// The header comes before TLS, even in the same packet.
func TestProxyProtocolTLS(t *testing.T) {
	srv := &Server{Handler: whoami{}, TrustedProxies: trusted, ProxyProtocol: true}
	addr := serveTLS(t, srv)
	r := dialFrom(t, proxyAt, addr)
	wire := &watched{Conn: r.TCPConn}
	wire.write = func(p []byte) (int, error) {
		wire.write = nil
		header := proxyHeader4(1, netip.MustParseAddrPort("192.0.2.7:4711"))
		n, err := wire.Conn.Write(append([]byte(header), p...))
		return max(n-len(header), 0), err
	}
	c := tls.Client(wire, clientConfig(0))
	r.in, r.out = bufio.NewReader(c), c
	r.send(request())
	r.wantPeer("192.0.2.7:4711")
	plain := dialFrom(t, proxyAt, addr)
	plain.send("\x16\x03\x01")
	if b, _ := plain.in.Peek(1); len(b) > 0 {
		t.Errorf("without a header the server said %q", b)
	}
}

func TestProxyProtocolRefused(t *testing.T) {
	var log logBuffer
	h := newProbe()
	srv := &Server{Handler: h, TrustedProxies: trusted, ProxyProtocol: true, Logger: log.logger()}
	addr := serve(t, srv)
	for name, sent := range map[string]string{
		"no header":  request(),
		"malformed":  "PROXY TCP4 192.0.2.7 127.0.0.1 4711 08080\r\n" + request(),
		"half of it": "PROXY TCP4 192.0.2.7 127.0.0.1\r\n",
		"too long":   "PROXY UNKNOWN " + strings.Repeat("x", 200),
	} {
		t.Run(name, func(t *testing.T) {
			r := dialFrom(t, proxyAt, addr)
			r.send(sent)
			if b, err := r.in.Peek(1); len(b) > 0 {
				t.Errorf("the server said %q, %v", b, err)
			}
		})
	}
	t.Run("a header from elsewhere", func(t *testing.T) {
		r := dialFrom(t, directAt, addr)
		r.send("PROXY TCP4 192.0.2.7 127.0.0.1 4711 8080\r\n" + request())
		if head, _ := r.response(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
			t.Errorf("the server answered %q", head)
		}
	})
	eventually(t, "no connection is left", func() bool { return srv.Conns() == 0 })
	if len(h.opened)+len(h.closed) > 0 {
		t.Error("the handler was called")
	}
	if n := strings.Count(log.String(), "level=DEBUG msg=\"a trusted proxy sent no good PROXY header"); n != 4 {
		t.Errorf("%d of 4 are in the log:\n%s", n, log.String())
	}
}

// The bytes may come in any pieces, and with the request in the last.
func TestProxyProtocolSplit(t *testing.T) {
	header := proxyHeader4(1, netip.MustParseAddrPort("192.0.2.7:4711"))
	for cut := range len(header) + 1 {
		var got net.Addr
		srv := &Server{TrustUnix: true, ProxyProtocol: true, Upgrade: func(c *Conn, _ *Upgrade) error {
			got = c.RemoteAddr()
			return nil
		}}
		s := newStand(t, srv)
		s.arrive(header[:cut])
		s.wantOut()
		s.arrive(header[cut:] + request()[:9])
		s.arrive(request()[9:])
		s.wantOut(string(mustUpgrade(t)))
		if got.String() != "192.0.2.7:4711" {
			t.Fatalf("cut at %d: %v", cut, got)
		}
		if s.c.rare != nil && s.c.rare.proxy != nil {
			t.Fatalf("cut at %d: the header is still kept", cut)
		}
	}
}

func TestProxyProtocolTimeout(t *testing.T) {
	srv := &Server{TrustUnix: true, ProxyProtocol: true, HandshakeTimeout: 5 * time.Second}
	s := newStand(t, srv)
	s.arrive("PROXY TC")
	s.pass(50)
	if s.c.isClosed() {
		t.Fatal("closed too early")
	}
	s.pass(1)
	s.wantOut() // nothing is said, TLS may be what is spoken
	if !s.c.isClosed() {
		t.Fatal("not closed after the handshake timeout")
	}
}

func TestProxyProtocolShutdown(t *testing.T) {
	srv := &Server{TrustedProxies: trusted, ProxyProtocol: true}
	addr := serve(t, srv)
	r := dialFrom(t, proxyAt, addr)
	r.send("PROXY")
	eventually(t, "the connection is there", func() bool { return srv.Conns() == 1 })
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if b, _ := r.in.Peek(1); len(b) > 0 {
		t.Errorf("the server said %q", b)
	}
}

func TestForwarded(t *testing.T) {
	servers := map[ForwardedField]string{}
	for _, field := range []ForwardedField{ForwardedX, ForwardedStandard, ForwardedNone} {
		servers[field] = serve(t, &Server{Handler: whoami{}, TrustedProxies: trusted, Forwarded: field})
	}
	for _, row := range []struct {
		name  string
		field ForwardedField
		from  net.IP
		lines []string
		want  string
	}{
		{"nothing is told", ForwardedX, proxyAt, nil, ""},
		{"the client", ForwardedX, proxyAt, []string{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9:0"},
		{"with a port", ForwardedX, proxyAt, []string{"X-Forwarded-For: 203.0.113.9:5"}, "203.0.113.9:5"},
		{"from someone else", ForwardedX, directAt, []string{"X-Forwarded-For: 203.0.113.9"}, ""},
		{"the last that is not trusted", ForwardedX, proxyAt, []string{"X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.9.9.9"}, "203.0.113.9:0"},
		{"IPv4 written as IPv6", ForwardedX, proxyAt, []string{"X-Forwarded-For: 1.1.1.1, ::ffff:10.9.9.9"}, "1.1.1.1:0"},
		{"a trusted network of IPv6", ForwardedX, proxyAt, []string{"X-Forwarded-For: 2001:db8::1, fd00::1"}, "[2001:db8::1]:0"},
		{"several fields", ForwardedX, proxyAt, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.9"}, "203.0.113.9:0"},
		{"all are trusted", ForwardedX, proxyAt, []string{"X-Forwarded-For: 10.0.0.1, 10.0.0.2"}, "10.0.0.1:0"},
		{"what the client made up is not read", ForwardedX, proxyAt, []string{"X-Forwarded-For: <>, 203.0.113.9"}, "203.0.113.9:0"},
		{"the trail ends at a trusted proxy", ForwardedX, proxyAt, []string{"X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.2"}, "10.0.0.2:0"},
		{"the trail ends at once", ForwardedX, proxyAt, []string{"X-Forwarded-For: 1.1.1.1, unknown"}, ""},
		{"the other field does not count", ForwardedX, proxyAt, []string{"Forwarded: for=1.1.1.1"}, ""},
		{"Forwarded", ForwardedStandard, proxyAt, []string{`Forwarded: for=1.1.1.1, for="[2001:db8::1]:8";proto=https, for=10.0.0.1`}, "[2001:db8::1]:8"},
		{"Forwarded from someone else", ForwardedStandard, directAt, []string{"Forwarded: for=1.1.1.1"}, ""},
		{"malformed from someone else", ForwardedStandard, directAt, []string{"Forwarded: for"}, ""},
		{"Forwarded hides the client", ForwardedStandard, proxyAt, []string{"Forwarded: for=1.1.1.1, for=_hidden"}, ""},
		{"X-Forwarded-For does not count", ForwardedStandard, proxyAt, []string{"X-Forwarded-For: 1.1.1.1"}, ""},
		{"neither", ForwardedNone, proxyAt, []string{"X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := dialFrom(t, row.from, servers[row.field])
			r.send(request(row.lines...))
			r.wantPeer(row.want)
		})
	}
	t.Run("malformed", func(t *testing.T) {
		r := dialFrom(t, proxyAt, servers[ForwardedStandard])
		r.send(request(`Forwarded: for=1.1.1.1, for="`))
		if head, body := r.response(); !strings.HasPrefix(head, "HTTP/1.1 400 ") || !strings.Contains(body, "Forwarded") {
			t.Errorf("the server answered %q with %q", head, body)
		}
	})
}

// Who comes over a Unix socket is believed only where that is asked for, and a Unix socket on another
// machine that a proxy tells of never.
func TestTrustUnix(t *testing.T) {
	said := "X-Forwarded-For: 203.0.113.9"
	overUnix := "\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8/far" + strings.Repeat("\x00", 212)
	for _, row := range []struct {
		name   string
		srv    *Server
		header string
		want   string
	}{
		{"not asked for", &Server{TrustedProxies: trusted}, "", "@"},
		{"asked for", &Server{TrustUnix: true}, "", "203.0.113.9:0"},
		{"PROXY not asked for", &Server{TrustedProxies: trusted, ProxyProtocol: true}, "", "@"},
		{"PROXY asked for", &Server{TrustUnix: true, ProxyProtocol: true}, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 8080\r\n", "192.0.2.7:4711"},
		{"PROXY over a Unix socket", &Server{TrustUnix: true, ProxyProtocol: true}, overUnix, "/far"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := t.TempDir() + "/socket"
			row.srv.Handler, row.srv.Logger = whoami{}, quiet
			if err := row.srv.Start("unix://" + path); err != nil {
				t.Fatal(err)
			}
			defer row.srv.Close()
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := conn.Write([]byte(row.header + request(said))); err != nil {
				t.Fatal(err)
			}
			r := &rawClient{nil, t, bufio.NewReader(conn), conn}
			if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("the server answered %q", head)
			}
			if _, got, err := r.next(); err != nil || got != row.want {
				t.Errorf("the server takes it for %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestProxiesRefusedAtStart(t *testing.T) {
	for name, srv := range map[string]*Server{
		"nobody to believe": {ProxyProtocol: true},
		"no prefix":         {TrustedProxies: make([]netip.Prefix, 1)},
	} {
		srv.Handler = echo
		if err := srv.Start("127.0.0.1:0"); err == nil {
			t.Errorf("%s: the server has started", name)
			_ = srv.Close()
		}
	}
}
