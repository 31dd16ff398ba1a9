package reactor

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"unsafe"

	"example.org/weir/codec"
)

// linkLocal returns an address of this machine that has a zone.
func linkLocal(t *testing.T) *net.TCPAddr {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			ip, ok := a.(*net.IPNet)
			if !ok || ip.IP.To4() != nil || !ip.IP.IsLinkLocalUnicast() {
				continue
			}
			at := &net.TCPAddr{IP: ip.IP, Zone: i.Name}
			if ln, err := net.ListenTCP("tcp", at); err == nil { // it may be down, or still be checked
				_ = ln.Close()
				return at
			}
		}
	}
	t.Skip("this machine has no link-local IPv6 address")
	return nil
}

// wantOwnZone checks that the addresses that gnet has of c, whose zones it will use the memory of, share none
// with those of a connection of the standard library.
func wantOwnZone(t *testing.T, c *Conn, to *net.TCPAddr) {
	t.Helper()
	other, err := net.DialTCP("tcp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	theirs := other.RemoteAddr().(*net.TCPAddr).Zone
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	for _, a := range []net.Addr{socket.LocalAddr(), socket.RemoteAddr()} {
		zone := zoneOf(a)
		if zone != to.Zone {
			t.Errorf("the address is %v, want the zone %s", a, to.Zone)
		} else if unsafe.StringData(zone) == unsafe.StringData(theirs) {
			t.Errorf("the zone of %v is in memory that others use", a)
		}
	}
}

func TestDialZone(t *testing.T) {
	to := linkLocal(t)
	srv := &Server{Handler: echo, Logger: quiet}
	if err := srv.Start("tcp6://[::]:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	to.Port = srv.Addrs()[0].(*net.TCPAddr).Port
	got := make(chan string, 1)
	h := HandlerFunc(func(_ *Conn, m codec.Message) { got <- string(m.Payload) })
	cl := &Client{Logger: quiet}
	defer cl.Close()
	c, err := cl.Dial(t.Context(), fmt.Sprintf("ws://[%s%%25%s]:%d/", to.IP, to.Zone, to.Port), h, nil) // RFC 6874 2
	if err != nil {
		t.Fatal(err)
	}
	wantOwnZone(t, c, to)
	if err := c.WriteText("hello"); err != nil {
		t.Fatal(err)
	}
	if m := within(t, got); m != "hello" {
		t.Errorf("got %q", m)
	}
	if got := c.RemoteAddr().String(); got != to.String() {
		t.Errorf("the remote address is %s, want %s", got, to)
	}
}

func TestUpgradeHTTPZone(t *testing.T) {
	to := linkLocal(t)
	h := newProbe()
	srv := &Server{Handler: h, Logger: quiet}
	defer srv.Close()
	ln, err := net.ListenTCP("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: srv}
	go func() { _ = web.Serve(ln) }()
	defer web.Close()
	to.Port = ln.Addr().(*net.TCPAddr).Port
	conn, err := net.DialTCP("tcp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request())); err != nil {
		t.Fatal(err)
	}
	c := within(t, h.opened)
	wantOwnZone(t, c, to)
	if got := c.RemoteAddr().String(); got != conn.LocalAddr().String() {
		t.Errorf("the remote address is %s, want %s", got, conn.LocalAddr())
	}
}
