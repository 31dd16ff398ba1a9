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

func TestRawEcho(t *testing.T) {
	t.Parallel()
	var in atomic.Int64
	echo := func(c net.Conn) {
		buf := make([]byte, 10_000) // so that answers come in pieces
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			in.Add(int64(n))
			_, _ = c.Write(buf[:n])
		}
	}
	tcp := rawServer(t, "tcp", "127.0.0.1:0", echo)
	local := rawServer(t, "unix", filepath.Join(t.TempDir(), "s"), echo)
	for _, size := range []int{1, 128, 100_000} {
		in.Store(0)
		o := short("tcp://"+tcp.Addr().String(), "unix://"+local.Addr().String())
		o.Raw, o.Conns, o.Depth, o.Loops, o.Size = true, 5, 4, 2, FixedSize(size)
		res := must(t, RunEcho, o)
		wantChecks(t, res, "")
		wantWhole(t, res)
		m := res.Messages
		if m.BytesOut != uint64(size)*m.Sent || uint64(in.Load())%uint64(size) != 0 || uint64(in.Load()) < m.BytesOut {
			t.Errorf("size %d: %+v, the server got %d bytes", size, m, in.Load())
		}
		if res.Connections.Opened != 5 || res.Connect.Count != 5 || res.Settings["raw"] != "true" {
			t.Errorf("%+v, %v", res.Connections, res.Settings)
		}
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
