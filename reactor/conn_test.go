package reactor

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

func TestConnAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	h := newProbe()
	srv := &Server{Handler: h, Logger: quiet}
	addrs := []string{"127.0.0.1:0", "unix://" + path}
	if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		_ = ln.Close()
		addrs = append(addrs, "[::1]:0")
	}
	if err := srv.Start(addrs...); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, a := range srv.Addrs() {
		conn, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(request())); err != nil {
			t.Fatal(err)
		}
		c := within(t, h.opened)
		local, remote := c.LocalAddr(), c.RemoteAddr()
		if local == nil || local.String() != conn.RemoteAddr().String() || local.Network() != a.Network() {
			t.Errorf("%v: LocalAddr is %v", a, local)
		}
		if remote == nil || remote.Network() != a.Network() || a.Network() == "tcp" && remote.String() != conn.LocalAddr().String() {
			t.Errorf("%v: RemoteAddr is %v, want %v", a, remote, conn.LocalAddr())
		}
		_ = conn.Close()
		within(t, h.closed)
		if c.LocalAddr() != nil || c.RemoteAddr() != remote {
			t.Errorf("after the end: LocalAddr %v, RemoteAddr %v", c.LocalAddr(), c.RemoteAddr())
		}
	}
}

func TestCopyAddr(t *testing.T) {
	zone := []byte("eth0")
	given := &net.TCPAddr{IP: net.IPv6loopback, Port: 1, Zone: string(zone)}
	if got := copyAddr(given); got == net.Addr(given) || got.String() != given.String() {
		t.Errorf("got %v for %v", got, given)
	}
	plain := &net.TCPAddr{IP: net.IPv6loopback, Port: 1}
	if got := copyAddr(plain); got != net.Addr(plain) {
		t.Errorf("got %v", got)
	}
	if got := addrOf(&unix.SockaddrNetlink{}); got != nil {
		t.Errorf("got %v", got)
	}
}

// Data is the application's in each callback, hook and task.
func TestConnData(t *testing.T) {
	h := newProbe()
	h.onOpen = func(c *Conn) { c.Data = []string{c.Data.(string), "OnOpen"} }
	h.onMessage = func(c *Conn, m codec.Message) {
		c.Data = append(c.Data.([]string), string(m.Payload))
		_ = c.WriteText(strings.Join(c.Data.([]string), " "))
	}
	r := open(t, serve(t, &Server{Handler: h, Upgrade: func(c *Conn, _ *Upgrade) error { c.Data = "Upgrade"; return nil }}))
	c := within(t, h.opened)
	done := make(chan struct{})
	if err := c.Do(func(c *Conn) { c.Data = append(c.Data.([]string), "Do"); close(done) }); err != nil {
		t.Fatal(err)
	}
	within(t, done)
	r.send(text("OnMessage"))
	r.want(codec.Text, "Upgrade OnOpen Do OnMessage")
}

// A task that was posted before the connection closed, and whose turn comes after it, is not run.
func TestDoAfterClose(t *testing.T) {
	s := newOpenStand(t, &Server{})
	if err := s.c.Do(func(*Conn) { t.Error("the task was run") }); err != nil {
		t.Fatal(err)
	}
	_ = s.l.events.Close(s.c.socket)
	s.settle()
}

// Tasks for all connections of a loop reach each, also when one of them closes another.
func TestEachConn(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, Loops: 1}
	addr := serve(t, srv)
	const n = 2*tasksPerRun + 10
	for range n {
		open(t, addr)
	}
	first := within(t, h.opened)
	reached := make(chan *Conn, n)
	srv.core.engines[0].eachConn(func(c *Conn) { _ = first.CloseNow(); reached <- c })
	for range n - 1 {
		within(t, reached)
	}
	h.wantClosed(t, codec.CloseAbnormal, false)
}

// Before the opening handshake is done a connection can be ended, and nothing else.
func TestConnBeforeItIsOpen(t *testing.T) {
	s := newStand(t, &Server{})
	for name, err := range map[string]error{
		"WriteText": s.c.WriteText("x"),
		"Ping":      s.c.Ping(nil),
		"Close":     s.c.Close(1000, ""),
	} {
		if !errors.Is(err, net.ErrClosed) || err.Error() != "reactor: connection is closed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.c.Subprotocol() != "" {
		t.Errorf("Subprotocol is %q", s.c.Subprotocol())
	}
	if err := s.c.CloseNow(); err != nil {
		t.Error(err)
	}
	s.settle()
	if !s.c.isClosed() {
		t.Error("still there")
	}
	s.wantOut()
}

// A loop that has ended takes no tasks.
func TestLoopHasEnded(t *testing.T) {
	s := newOpenStand(t, &Server{})
	s.e.OnShutdown(s.e.gnet)
	if err := s.c.Do(func(*Conn) { t.Error("the task was run") }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	_ = s.c.WriteText("x")
	s.l.tick()
	s.l.rearm()
	late := s.e.loop(&standLoop{s: s}) // one whose first connection comes only now
	if late.post(task{}) {
		t.Error("a loop that has just begun takes a task")
	}
	if len(s.runs) != 0 {
		t.Errorf("%d runs are due", len(s.runs))
	}
}

func TestNopHandlers(t *testing.T) {
	var h struct{ NopHandler }
	s := newOpenStand(t, &Server{Handler: h})
	s.arrive(text("dropped") + closeFrame(1000, ""))
	s.wantOut(unmasked(codec.Close, "\x03\xE8"))
	f := newOpenStand(t, &Server{Handler: echo})
	f.arrive(closeFrame(1000, ""))
	f.wantOut(unmasked(codec.Close, "\x03\xE8"))
}

// The address is to be had at any time from any goroutine, also while the connection closes and after it: gnet
// gives it back to its pools then.
func TestRemoteAddrWhileClosing(t *testing.T) {
	h := newProbe()
	addr := serve(t, &Server{Handler: h})
	for range 20 {
		r := dialRaw(t, addr)
		r.send(request())
		c := within(t, h.opened)
		want := r.LocalAddr().String()
		asked, closed := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for last := false; !last; {
				select {
				case <-closed:
					last = true
				default:
				}
				if got := c.RemoteAddr(); got == nil || got.String() != want {
					t.Errorf("RemoteAddr is %v, want %s", got, want)
				}
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		})
		<-asked
		_ = r.Close()
		within(t, h.closed)
		close(closed)
		wg.Wait()
	}
}
