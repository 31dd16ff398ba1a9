package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

func TestShutdown(t *testing.T) {
	const n = 50
	h := newProbe()
	srv := &Server{Handler: h, Loops: 2}
	addr := serve(t, srv)
	clients := make([]*rawClient, n)
	for i := range clients {
		clients[i] = open(t, addr)
		_ = within(t, h.opened).WriteText("before")
	}
	waiting := dialRaw(t, addr) // has not sent its request
	eventually(t, "it is accepted", func() bool { return srv.Conns() == n+1 })

	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	for _, r := range clients {
		r.want(codec.Text, "before")
		r.want(codec.Close, "\x03\xE9server is shutting down")
	}
	head, _ := waiting.response()
	if !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("a connection without a request got %q", head)
	}
	_ = waiting.Close()

	for _, sent := range []string{request(), ""} { // still accepted, to be refused at once
		late := dialRaw(t, addr)
		late.send(sent)
		head, body := late.response()
		if !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(body, "shutting down") {
			t.Errorf("a late connection got %q", head)
		}
		wantField(t, head, "Retry-After", "1")
		_ = late.Close()
	}

	if len(h.closed) > 0 || len(ended) > 0 {
		t.Error("Shutdown does not wait for the clients")
	}
	for _, r := range clients {
		r.send(closeFrame(1001, ""))
		r.wantEOF()
		_ = r.Close()
	}
	if err := within(t, ended); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	if len(h.closed) != n {
		t.Errorf("OnClose was called %d times, want %d", len(h.closed), n)
	}
	for range n {
		h.wantClosed(t, codec.CloseGoingAway, false)
	}
	if srv.Conns() != 0 {
		t.Errorf("%d connections are left", srv.Conns())
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it still listens")
	}
	if err := srv.Wait(); err != ErrServerClosed {
		t.Errorf("Wait returned %v", err)
	}
}

func TestShutdownCutsAtTheEndOfContext(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h}
	addr := serve(t, srv)
	clients := []*rawClient{open(t, addr), open(t, addr), dialRaw(t, addr)}
	for range 2 {
		within(t, h.opened)
	}
	eventually(t, "all are accepted", func() bool { return srv.Conns() == 3 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(ctx) }()
	for _, r := range clients[:2] {
		r.want(codec.Close, "\x03\xE9server is shutting down")
	}
	cancel()
	if err := within(t, ended); err != context.Canceled {
		t.Errorf("Shutdown returned %v", err)
	}
	for range 2 {
		h.wantClosed(t, codec.CloseGoingAway, false)
	}
	if len(h.closed) > 0 || srv.Conns() != 0 {
		t.Errorf("OnClose %d times too often, %d connections left", len(h.closed), srv.Conns())
	}
	for _, r := range clients {
		r.end()
	}
}

// A client that is still getting what waited for it, after its own close frame, is not cut.
func TestShutdownFlushes(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, MaxOutbound: 64 << 20}
	r := open(t, serve(t, srv))
	c := within(t, h.opened)
	large := strings.Repeat("x", 48<<20)
	if err := c.WriteText(large); err != nil {
		t.Fatal(err)
	}
	r.send(closeFrame(1000, ""))
	eventually(t, "the server has seen the close frame", func() bool { return c.closing() == codec.Closed })
	ended := make(chan error, 2)
	for range 2 {
		go func() { ended <- srv.Shutdown(t.Context()) }()
	}
	eventually(t, "all are told", func() bool { return srv.core.draining.Load() })
	told := make(chan struct{})
	if err := c.Do(func(*Conn) { close(told) }); err != nil {
		t.Fatal(err)
	}
	within(t, told)
	r.want(codec.Text, large)
	r.wantClose(1000)
	_ = r.Close()
	for range 2 {
		if err := within(t, ended); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
	}
}

func TestListenAndServe(t *testing.T) {
	srv := &Server{Handler: echo, Logger: quiet}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe("127.0.0.1:0") }()
	eventually(t, "it listens", func() bool { return len(srv.Addrs()) == 1 })
	r := open(t, srv.Addrs()[0].String())
	r.send(text("hello"))
	r.want(codec.Text, "hello")
	if err := srv.Close(); err != nil {
		t.Errorf("Close returned %v", err)
	}
	if err := within(t, ended); err != ErrServerClosed {
		t.Errorf("ListenAndServe returned %v", err)
	}
	r.end()
	if err := srv.ListenAndServe("127.0.0.1:0"); err == nil || err == ErrServerClosed {
		t.Errorf("the second ListenAndServe returned %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	if err := new(Server).Start("127.0.0.1:0"); err == nil {
		t.Error("a server without a Handler starts")
	}
	srv := &Server{Handler: echo, Logger: quiet}
	if err := srv.Wait(); err == nil || err == ErrServerClosed {
		t.Errorf("Wait before Start returned %v", err)
	}
	for range 2 { // which changes nothing before Start
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown before Start returned %v", err)
		}
	}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := srv.Start("127.0.0.1:0"); err == nil {
		t.Error("a server starts twice")
	}
	for range 2 {
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
		if err := srv.Close(); err != nil {
			t.Errorf("Close returned %v", err)
		}
	}
}

func TestShutdownConcurrently(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h}
	addr := serve(t, srv)
	for range 10 {
		r := open(t, addr)
		go func() {
			for {
				op, _, err := r.next()
				if err != nil {
					_ = r.Close()
					return
				}
				if op == codec.Close {
					_, _ = r.Write([]byte(closeFrame(1001, "")))
				}
			}
		}()
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := srv.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown returned %v", err)
			}
		})
	}
	wg.Wait()
	for range 10 {
		h.wantClosed(t, codec.CloseGoingAway, false)
	}
}

// Servers that are started and ended at once, with clients in every phase, leave no descriptor.
func TestShutdownLeavesNothing(t *testing.T) {
	before := descriptors(t)
	for range 20 {
		srv := &Server{Handler: echo, Logger: quiet, Loops: 2}
		if err := srv.Start("127.0.0.1:0", "unix://"+t.TempDir()+"/s"); err != nil {
			t.Fatal(err)
		}
		addr := srv.Addrs()[0].String()
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						return
					}
					_, _ = conn.Write([]byte(request() + text("x")))
					_ = conn.SetReadDeadline(time.Now().Add(time.Second))
					_, _ = conn.Read(make([]byte, 100))
					_ = conn.Close()
				}
			})
		}
		eventually(t, "there are connections", func() bool { return srv.Conns() > 0 })
		_ = srv.Close()
		close(stop)
		wg.Wait()
	}
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
}

// Methods called while the server ends, and after it, return errors and do no harm.
func TestWritesDuringShutdown(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, Loops: 2}
	addr := serve(t, srv)
	var wg sync.WaitGroup
	for range 8 {
		open(t, addr)
		c := within(t, h.opened)
		wg.Go(func() {
			for {
				err := c.WriteText("x")
				_ = c.Do(func(*Conn) {})
				if err != nil && err != ErrBufferFull {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("WriteText returned %v", err)
					}
					return
				}
			}
		})
	}
	_ = srv.Close()
	wg.Wait()
}

// Dial while its client ends returns, one way or the other.
func TestDialDuringClose(t *testing.T) {
	addr := serve(t, &Server{})
	for range 30 {
		cl := &Client{Loops: 1}
		ended := make(chan error, 4)
		for range cap(ended) {
			go func() {
				for {
					if _, err := cl.Dial(t.Context(), "ws://"+addr, NopHandler{}, nil); err != nil {
						ended <- err
						return
					}
				}
			}()
		}
		eventually(t, "there are connections", func() bool { return cl.Conns() > 3 })
		_ = cl.Close()
		for range cap(ended) {
			within(t, ended)
		}
		if n := cl.Conns(); n != 0 {
			t.Fatalf("%d connections are left", n)
		}
	}
}

// An engine that ends by itself, as gnet's does when accept fails, is started again.
func TestEngineRestarts(t *testing.T) {
	var log logBuffer
	h := newProbe()
	srv := &Server{Handler: h, Logger: log.logger(), Loops: 2}
	addr := serve(t, srv)
	r := open(t, addr)
	srv.core.engines[0].stop()
	r.end()
	h.wantClosed(t, codec.CloseAbnormal, false)
	eventually(t, "all its loops have ended", func() bool { return strings.Contains(log.String(), "starting again") })
	eventually(t, "it serves again", func() bool { return echoes(addr) })
	r = open(t, addr)
	srv.core.engines[0].stop()
	r.end()
	if err := srv.Close(); err != nil { // during the pause before it starts again
		t.Error(err)
	}
}

// echoes reports whether a server opens a connection and echoes.
func echoes(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write([]byte(request() + text("hello") + closeFrame(1000, "")))
	b, err := io.ReadAll(conn)
	return err == nil && strings.Contains(string(b), unmasked(codec.Text, "hello"))
}

// descriptors counts those that are open.
func descriptors(t testing.TB) (n int) {
	t.Helper()
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = ln.Close() // the first makes descriptors of the runtime's own, which stay
	}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	for fd := range int(min(r.Cur, 1<<16)) {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

// TestShutdownAndLateClient has a client come while the server shuts down. It is refused and not waited for, though it
// does not go.
func TestShutdownAndLateClient(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, CloseTimeout: time.Hour}
	addr := serve(t, srv)
	r := open(t, addr)
	within(t, h.opened)
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	r.wantCloseFrame(codec.CloseGoingAway)
	late := dialRaw(t, addr)
	late.send(request())
	if head, _ := late.response(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("the server answered %q", head)
	}
	r.send(closeFrame(codec.CloseGoingAway, ""))
	r.end()
	_ = r.TCPConn.Close()
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
}
