package bench

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// rawServer serves plain connections, each on a goroutine.
func rawServer(t *testing.T, network, addr string, serve func(net.Conn)) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return ln
}

// rawEcho counts what it echoes, in bytes and in connections.
type rawEcho struct{ in, opened, closed atomic.Int64 }

func (e *rawEcho) serve(c net.Conn) {
	e.opened.Add(1)
	defer e.closed.Add(1)
	buf := make([]byte, 10_000) // so that answers come in pieces
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		e.in.Add(int64(n))
		_, _ = c.Write(buf[:n])
	}
}

func TestRawEcho(t *testing.T) {
	t.Parallel()
	var e rawEcho
	tcp := rawServer(t, "tcp", "127.0.0.1:0", e.serve)
	local := rawServer(t, "unix", filepath.Join(t.TempDir(), "s"), e.serve)
	for _, size := range []int{1, 128, 100_000} {
		e.in.Store(0)
		o := short("tcp://"+tcp.Addr().String(), "unix://"+local.Addr().String())
		o.Raw, o.Conns, o.Depth, o.Loops, o.Size = true, 5, 4, 2, FixedSize(size)
		o.Duration = time.Second
		res := must(t, RunEcho, o)
		wantChecks(t, res, "")
		wantWhole(t, res)
		m := res.Messages
		if m.BytesOut != uint64(size)*m.Sent || uint64(e.in.Load())%uint64(size) != 0 || uint64(e.in.Load()) < m.BytesOut {
			t.Errorf("size %d: %+v, the server got %d bytes", size, m, e.in.Load())
		}
		if res.Connections.Opened != 5 || res.Connect.Count != 5 || res.Settings["raw"] != "true" {
			t.Errorf("%+v, %v", res.Connections, res.Settings)
		}
		if g := res.Generator; g.CPUSeconds <= 0 || g.Busiest <= 0 {
			t.Errorf("what the generator used is not known: %+v", g)
		}
	}
}

// TestRawWaits sends more than the sockets hold, so that the generator has to keep what the kernel
// does not take.
func TestRawWaits(t *testing.T) {
	t.Parallel()
	var e rawEcho
	ln := rawServer(t, "tcp", "127.0.0.1:0", e.serve)
	o := short("tcp://" + ln.Addr().String())
	o.Raw, o.Conns, o.Depth, o.Size = true, 1, 8, FixedSize(4<<20)
	o.patience.answers = 15 * time.Second // 32 MiB each way
	res := must(t, RunEcho, o)
	wantChecks(t, res, "")
	if n := e.in.Load(); n < 8*4<<20 || n%(4<<20) != 0 {
		t.Errorf("the server got %d bytes", n)
	}
}

func TestRawConnect(t *testing.T) {
	t.Parallel()
	var e rawEcho
	ln := rawServer(t, "tcp", "127.0.0.1:0", e.serve)
	o := short("tcp://" + ln.Addr().String())
	o.Raw, o.Conns = true, 30
	res := must(t, RunConnect, o)
	wantChecks(t, res, "")
	if res.Connections.Opened != 30 || res.Messages.Sent != 0 || e.opened.Load() != 30 || e.in.Load() != 0 {
		t.Errorf("%+v, %+v; the server had %d connections and %d bytes", res.Connections, res.Messages, e.opened.Load(), e.in.Load())
	}
	eventually(t, "all connections are closed", func() bool { return e.closed.Load() == 30 })
}

// TestRawChurn holds that a cycle is a connection, an echo and a close.
func TestRawChurn(t *testing.T) {
	t.Parallel()
	var e rawEcho
	slowly := func(c net.Conn) {
		time.Sleep(10 * time.Millisecond)
		e.serve(c)
	}
	ln := rawServer(t, "tcp", "127.0.0.1:0", slowly)
	o := short("tcp://" + ln.Addr().String())
	o.Raw, o.Size, o.Duration = true, FixedSize(25_000), time.Second
	res := must(t, RunChurn, o)
	wantChecks(t, res, "")
	wantWhole(t, res)
	opened := e.opened.Load()
	if c := res.Connections; int64(c.Opened) != opened || c.Failed != 0 || c.Lost != 0 || e.in.Load() != 25_000*opened {
		t.Errorf("%+v; the server had %d connections and %d bytes", c, opened, e.in.Load())
	}
	eventually(t, "all connections are closed", func() bool { return e.closed.Load() == opened })
	if m := res.Messages; m.Received == 0 || m.Received > uint64(opened) || res.Latency.Min < int64(10*time.Millisecond) {
		t.Errorf("%+v, latency %+v", m, res.Latency)
	}
}

// TestRawChurnFaults has servers that answer nothing, cut the connection, or answer too much.
func TestRawChurnFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve  func(net.Conn)
		failed string
	}{
		"silent": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "errors answers"},
		"cut":    {func(c net.Conn) { _, _ = c.Read(make([]byte, 128)) }, "connections errors answers"},
		"too much": {func(c net.Conn) {
			_, _ = c.Read(make([]byte, 128))
			_, _ = c.Write(make([]byte, 256))
		}, "errors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln := rawServer(t, "tcp", "127.0.0.1:0", tc.serve)
			o := short("tcp://" + ln.Addr().String())
			o.Raw, o.Duration = true, time.Second
			if name == "silent" {
				o.patience.answers, o.patience.cycle = 100*time.Millisecond, 50*time.Millisecond
			}
			res := must(t, RunChurn, o)
			wantChecks(t, res, tc.failed)
			wantWhole(t, res)
		})
	}
}

// TestRawFaults has servers that send too much, too little, or end.
func TestRawFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve  func(net.Conn)
		failed string
	}{
		"silent": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "answers"},
		"ends":   {func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, "connections errors answers"},
		"too much": {func(c net.Conn) {
			_, _ = c.Write(make([]byte, 1280))
			_, _ = io.Copy(c, c)
		}, "errors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln := rawServer(t, "tcp", "127.0.0.1:0", tc.serve)
			o := short("tcp://" + ln.Addr().String())
			o.Raw = true
			o.patience.answers = 100 * time.Millisecond
			res := must(t, RunEcho, o)
			if got := failedChecks(res); !strings.Contains(got, tc.failed) {
				t.Errorf("failed: %q, want %q; %v", got, tc.failed, res.Errors)
			}
			if name == "ends" && (res.Connections.Lost != 4 || res.Ended != "all connections were lost") {
				t.Errorf("%+v, ended %q", res.Connections, res.Ended)
			}
		})
	}
	o := short("tcp://127.0.0.1:1")
	o.Raw = true
	if _, err := RunEcho(t.Context(), o); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}
