package reactor

import (
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

func TestBucket(t *testing.T) {
	var b bucket
	start := time.Unix(1000, 0)
	taken := func(after time.Duration) (n int) {
		for b.take(10, start.Add(after)) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{
		{0, 10}, // the burst
		{50 * time.Millisecond, 0},
		{100 * time.Millisecond, 1},
		{600 * time.Millisecond, 5},
		{time.Hour, 10}, // no more than a second's worth
	} {
		if n := taken(step.after); n != step.want {
			t.Errorf("after %v: %d, want %d", step.after, n, step.want)
		}
	}
}

func TestClientKey(t *testing.T) {
	for _, tt := range []struct{ addr, key string }{
		{"192.0.2.1:80", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:80", "192.0.2.1"},
		{"[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::"},
		{"[fe80::1%eth0]:80", "fe80::"},
	} {
		key, ok := clientKey(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.addr)))
		if !ok || key.String() != tt.key {
			t.Errorf("%s: %v, %v", tt.addr, key, ok)
		}
	}
	if _, ok := clientKey(&net.UnixAddr{Name: "/x", Net: "unix"}); ok {
		t.Error("a Unix socket has a key")
	}
}

// TestMaxConnsPerIP checks that connections of one address are refused beyond the limit, and taken again when
// others have gone; those of another address are not concerned.
func TestMaxConnsPerIP(t *testing.T) {
	srv := &Server{MaxConnsPerIP: 2, CloseTimeout: 100 * time.Millisecond}
	addr := serve(t, srv)
	first, second := open(t, addr), open(t, addr)
	third := dialRaw(t, addr)
	if got := readAll(t, third); !strings.HasPrefix(got, "HTTP/1.1 429 ") || !strings.Contains(got, "Retry-After") {
		t.Errorf("the third got %q", got)
	}
	_ = third.Close()
	other := dialFrom(t, net.IPv4(127, 0, 0, 2), addr)
	other.send(request())
	if head := other.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("another address got %q", head)
	}
	first.send(text("still there"))
	first.want(codec.Text, "still there")
	_ = second.Close()
	eventually(t, "the others have gone", func() bool { return srv.Conns() == 2 })
	open(t, addr)
	_ = srv.Close()
	if n := len(srv.admission.conns); n != 0 {
		t.Errorf("%d addresses are kept after the last connection", n)
	}
}

// TestMaxConnsPerIPBehindProxy counts by the client's address where a proxy tells it, and does not count the
// proxy's connections.
func TestMaxConnsPerIPBehindProxy(t *testing.T) {
	srv := &Server{MaxConnsPerIP: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	addr := serve(t, srv)
	for _, tt := range []struct {
		client string
		status string
	}{{"192.0.2.1", "101"}, {"192.0.2.2", "101"}, {"192.0.2.1", "429"}} {
		r := dialRaw(t, addr)
		r.send(request("X-Forwarded-For: " + tt.client))
		if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 "+tt.status) {
			t.Errorf("%s got %q, want %s", tt.client, head, tt.status)
		}
	}
	_ = srv.Close()
	if n := len(srv.admission.conns); n != 0 {
		t.Errorf("%d addresses are kept after the last connection", n)
	}
}

// TestRefusedTakeNoRate checks that a client with too many connections does not keep others out.
func TestRefusedTakeNoRate(t *testing.T) {
	addr := serve(t, &Server{MaxConnsPerIP: 1, HandshakeRate: 2})
	open(t, addr)
	for range 10 {
		if got := readAll(t, dialRaw(t, addr)); !strings.HasPrefix(got, "HTTP/1.1 429 ") {
			t.Fatalf("got %q", got)
		}
	}
	other := dialFrom(t, net.IPv4(127, 0, 0, 2), addr)
	other.send(request())
	if head := other.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("another client got %q", head)
	}
}

// TestHandshakeRateOfTakeovers checks that UpgradeHTTP has the rate of the server, too.
func TestHandshakeRateOfTakeovers(t *testing.T) {
	srv := &Server{Handler: echo, Logger: quiet, HandshakeRate: 1}
	web := httptest.NewServer(srv)
	defer web.Close()
	defer srv.Close()
	refused := 0
	for range 20 {
		r := dialRaw(t, web.Listener.Addr().String())
		r.send(request())
		if strings.HasPrefix(r.head(), "HTTP/1.1 503 ") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("all were taken")
	}
}

func TestHandshakeRate(t *testing.T) {
	srv := &Server{HandshakeRate: 3}
	addr := serve(t, srv)
	refused := 0
	start := time.Now()
	const n = 30
	for range n {
		r := dialRaw(t, addr)
		r.send(request())
		switch head := r.head(); {
		case strings.HasPrefix(head, "HTTP/1.1 503 ") && strings.Contains(head, "Retry-After: 1\r\n"):
			refused++
		case !strings.HasPrefix(head, "HTTP/1.1 101 "):
			t.Errorf("got %q", head)
		}
	}
	most := 3 + int(time.Since(start).Seconds()*3) + 1
	if taken := n - refused; taken < 3 || taken > most {
		t.Errorf("%d of %d were taken, want 3 to %d", taken, n, most)
	}
	if got := srv.Stats().Refused[Refusal{503, RefusedRate}]; got != uint64(refused) {
		t.Errorf("%d refusals are counted, want %d", got, refused)
	}
}
