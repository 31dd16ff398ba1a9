package reactor

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// A server takes the place of another at the same port, again and again, under connections that come all the time.
// None is refused or reset, and each is opened.
func TestSharePortTakesOver(t *testing.T) {
	current := &Server{SharePort: true, Loops: 2}
	addr := serve(t, current)
	stop := make(chan struct{})
	var opened, refused atomic.Int64
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := openAndEcho(addr); err != nil {
					refused.Add(1)
					t.Error(err)
				}
				opened.Add(1)
			}
		})
	}
	for i := range 4 { // with fewer loops, as many, and more
		next := &Server{Handler: echo, SharePort: true, Loops: 1 + i%3, Logger: quiet}
		if err := next.Start(addr); err != nil {
			t.Fatal(err)
		}
		before := opened.Load()
		eventually(t, "both serve", func() bool { return opened.Load() > before+100 })
		if err := current.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		before = opened.Load()
		eventually(t, "all come to the successor", func() bool { return opened.Load() > before+100 })
		current = next
		t.Cleanup(func() { _ = next.Close() })
	}
	close(stop)
	load.Wait()
	t.Logf("%d connections, %d refused", opened.Load(), refused.Load())
}

// openAndEcho opens a connection, gets an echo, and closes it. A server that drains may close it in between, with 1001.
func openAndEcho(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(request() + text("hello") + closeFrame(1000, ""))); err != nil {
		return err
	}
	in := make([]byte, 0, 1024)
	for len(in) < cap(in) {
		n, err := conn.Read(in[len(in):cap(in)])
		in = in[:len(in)+n]
		if err != nil {
			break
		}
	}
	switch s := string(in); {
	case !strings.HasPrefix(s, "HTTP/1.1 101 "):
		return errors.New("not opened: " + s)
	case !strings.Contains(s, unmasked(codec.Text, "hello")) && !strings.Contains(s, "\x03\xE9"):
		return errors.New("neither echo nor 1001: " + s)
	}
	return nil
}

// Connections that wait in the queue of a listener when Shutdown begins are opened, and told 1001, also where the
// loop is held up for longer than the grace.
func TestSharePortServesTheQueue(t *testing.T) {
	for _, held := range []time.Duration{0, 3 * leaveGrace / 2} {
		t.Run(held.String(), func(t *testing.T) { testSharePortServesTheQueue(t, held) })
	}
}

func testSharePortServesTheQueue(t *testing.T, held time.Duration) {
	h := newProbe()
	busy, free := make(chan struct{}), make(chan struct{})
	h.onMessage = func(*Conn, codec.Message) {
		close(busy)
		<-free
	}
	srv := &Server{Handler: h, SharePort: true, Loops: 1}
	addr := serve(t, srv)
	first := open(t, addr)
	first.send(text("hold the loop up"))
	within(t, busy)
	clients := []*rawClient{first}
	for range 20 {
		r := dialRaw(t, addr)
		r.send(request())
		clients = append(clients, r)
	}
	next := &Server{Handler: echo, SharePort: true, Loops: 1, Logger: quiet}
	if err := next.Start(addr); err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	time.AfterFunc(held, func() { close(free) })
	for _, r := range clients {
		if r != first {
			if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("who waited in the queue got %q", head)
			}
		}
		r.want(codec.Close, "\x03\xE9server is shutting down")
		r.send(closeFrame(1001, ""))
		_ = r.Close()
	}
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
	if n := next.Conns(); n > 0 {
		t.Errorf("%d connections came to the successor", n)
	}
}

// Without another process the port is closed as soon as the server drains, and nothing of it is left.
func TestSharePortIsLeft(t *testing.T) {
	before := descriptors(t)
	srv := &Server{Handler: echo, SharePort: true, Loops: 3, Logger: quiet}
	if err := srv.Start("127.0.0.1:0", "127.0.0.2:0"); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.core.engines[0].port.listeners); n != 6 {
		t.Errorf("%d listeners were found, want 6", n)
	}
	r := open(t, srv.Addrs()[0].String())
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	r.want(codec.Close, "\x03\xE9server is shutting down")
	for _, a := range srv.Addrs() {
		if conn, err := net.Dial("tcp", a.String()); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s is still open: %v, %v", a, conn, err)
		}
	}
	r.send(closeFrame(1001, ""))
	_ = r.Close()
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	claimed.Range(func(inode, _ any) bool {
		t.Errorf("%v is still claimed", inode)
		return true
	})
}

// Servers of one process that share a port know which listeners are theirs.
func TestSharePortWithinAProcess(t *testing.T) {
	a := &Server{SharePort: true, Loops: 2}
	addr := serve(t, a)
	b := &Server{Handler: echo, SharePort: true, Loops: 3, Logger: quiet}
	if err := b.Start(addr); err != nil {
		t.Fatal(err)
	}
	inodes := make(map[string]bool)
	for _, s := range []*Server{a, b} {
		for _, l := range s.core.engines[0].port.listeners {
			inodes[l.inode] = true
		}
	}
	if len(inodes) != 5 {
		t.Errorf("there are %d listeners, want 5", len(inodes))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = b.Shutdown(ctx)
	for range 20 {
		if err := openAndEcho(addr); err != nil {
			t.Error(err)
		}
	}
}

// An engine that has been started again can leave its port too.
func TestSharePortAfterRestart(t *testing.T) {
	srv := &Server{SharePort: true, Loops: 2}
	addr := serve(t, srv)
	e := srv.core.engines[0]
	before := e.port.listeners[0].inode
	e.stop()
	eventually(t, "it has found its new listeners", func() bool {
		e.port.mu.Lock()
		defer e.port.mu.Unlock()
		return len(e.port.listeners) == 2 && e.port.listeners[0].inode != before
	})
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("Dial returned %v", err)
	}
}

// Start does not look for more listeners than gnet makes, for which it would wait.
func TestMoreLoopsThanThereCanBe(t *testing.T) {
	srv := &Server{Loops: maxLoops + 1}
	serve(t, srv)
	if n := len(srv.core.engines[0].port.listeners); n != maxLoops {
		t.Errorf("%d listeners were found, want %d", n, maxLoops)
	}
}

// Who connects while the server starts is refused, waits or is served: nobody is accepted and then reset.
func TestStartUnderConnections(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	for range 10 {
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				err := openAndEcho(addr)
				for end := time.Now().Add(patience); errors.Is(err, unix.ECONNREFUSED) && time.Now().Before(end); {
					err = openAndEcho(addr)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		srv := &Server{Handler: echo, Logger: quiet}
		if err := srv.Start(addr); err != nil {
			t.Fatal(err)
		}
		clients.Wait()
		_ = srv.Close()
	}
}
