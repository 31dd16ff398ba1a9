package bench

import (
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestChurn holds that a cycle is a connection, an upgrade, an echo and a close.
func TestChurn(t *testing.T) {
	t.Parallel()
	srv := &testServer{Server: reactor.Server{Upgrade: func(*reactor.Conn, *reactor.Upgrade) error {
		time.Sleep(10 * time.Millisecond)
		return nil
	}}}
	srv.start(t)
	o := short(srv.url)
	o.Verify, o.Warmup = true, 20*time.Millisecond
	res := must(t, RunChurn, o)
	wantChecks(t, res, "")
	wantWhole(t, res)
	opened := srv.opened.Load()
	if c := res.Connections; int64(c.Opened) != opened || srv.messages.Load() != opened || c.Failed != 0 || c.Lost != 0 || c.Rate <= 0 {
		t.Errorf("%+v; the server had %d connections and %d messages", c, opened, srv.messages.Load())
	}
	eventually(t, "all connections are closed", func() bool { return srv.closed.Load() == opened })
	if m := res.Messages; m.Received == 0 || m.Received > uint64(opened) || res.Connect.Count != opened {
		t.Errorf("%+v, connect %+v", m, res.Connect)
	}
	if res.Latency.Min < int64(10*time.Millisecond) || res.Connect.Min < int64(10*time.Millisecond) {
		t.Errorf("the upgrade alone takes 10 ms, a cycle %v", time.Duration(res.Latency.Min))
	}
}

// TestChurnUnanswered has servers that do not echo, or cut the connection instead.
func TestChurnUnanswered(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*reactor.Conn){"silence": func(*reactor.Conn) {}, "cut": func(c *reactor.Conn) { _ = c.CloseNow() }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &testServer{onMessage: func(c *reactor.Conn, _ codec.Message) { fault(c) }}
			srv.start(t)
			o := short(srv.url)
			o.Duration = time.Second // not interrupted: then what an attempt had sent has no latency
			o.patience.answers, o.patience.cycle = 100*time.Millisecond, 50*time.Millisecond
			res := must(t, RunChurn, o)
			want := map[string]string{"silence": "errors answers", "cut": "connections errors answers"}[name]
			wantChecks(t, res, want)
			// What an attempt had sent that the interruption ended has no latency.
			if missing := int64(res.Messages.Sent) - res.Latency.Count; missing < 0 || missing > int64(o.Conns) {
				t.Errorf("%d messages were sent, %d have latencies", res.Messages.Sent, res.Latency.Count)
			}
			if res.Messages.Received != 0 || (name == "cut") != (res.Connections.Lost > 0) {
				t.Errorf("%+v, %+v", res.Messages, res.Connections)
			}
		})
	}
}

func TestStorm(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Conns = 20
	res := must(t, RunStorm, o)
	wantChecks(t, res, "")
	c := res.Connections
	if c.Wanted < 40 || c.Wanted%20 != 0 || c.Opened != c.Wanted || int64(c.Opened) != srv.opened.Load() || c.Rate <= 0 {
		t.Errorf("%+v; the server had %d", c, srv.opened.Load())
	}
	if res.Connect.Count != int64(c.Opened)-20 {
		t.Errorf("%d connect times of %d connections, the first 20 are no storm", res.Connect.Count, c.Opened)
	}
	eventually(t, "all connections are closed", func() bool { return srv.closed.Load() == srv.opened.Load() })
}

func TestConnect(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Conns, o.Ramp, o.PID = 30, 300, os.Getpid()
	began := time.Now()
	res := must(t, RunConnect, o)
	wantChecks(t, res, "")
	if d := time.Since(began); d < 29*time.Second/300 || res.Connections.Rate > 330 {
		t.Errorf("30 connections at 300/s were opened in less than %v, at %v/s", d, res.Connections.Rate)
	}
	p := res.Server
	if p == nil || p.PID != os.Getpid() || p.RSSBefore <= 0 || p.RSSAfter <= 0 || p.PerConnection != float64(p.RSSAfter-p.RSSBefore)/30 {
		t.Errorf("%+v", p)
	}
	if res.Connect.Count != 30 || res.Messages.Sent != 0 || srv.opened.Load() != 30 {
		t.Errorf("connect %+v, %+v", res.Connect, res.Messages)
	}
}

func TestPID(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.PID = os.Getpid()
	res := must(t, RunEcho, o)
	if p := res.Server; p.CPUSeconds <= 0 || p.CPUSeconds > 60 || p.PerMessage != p.CPUSeconds*1e6/float64(res.Messages.Received) {
		t.Errorf("%+v of %+v", p, res.Messages)
	}
	if g := res.Generator; g.CPUSeconds <= 0 || g.PerMessage <= 0 || g.Busiest <= 0 {
		t.Errorf("%+v", g)
	}
	o.PID = 1 << 30
	if _, err := RunEcho(t.Context(), o); err == nil {
		t.Error("a process that is not there is watched")
	}
}

// TestPings holds that idle connections are pinged, and lost when no pong comes.
func TestPings(t *testing.T) {
	t.Parallel()
	for _, pongs := range []bool{true, false} {
		var pings atomic.Int64
		p := newPeer(t, func(c *peerConn, m codec.Message) {
			if m.Opcode == codec.Ping {
				pings.Add(1)
				if pongs {
					c.write(codec.Pong, m.Payload)
				}
			}
		})
		o := short(p.url)
		o.Conns, o.Pings, o.Duration = 2, time.Second, 3500*time.Millisecond
		res := must(t, RunConnect, o)
		if pongs {
			wantChecks(t, res, "")
			if n := pings.Load(); n < 2 {
				t.Errorf("%d pings", n)
			}
		} else if res.Connections.Lost != 2 || res.Ended != "all connections were lost" || pings.Load() < 2 {
			t.Errorf("without pongs: %+v, ended %q, %d pings", res.Connections, res.Ended, pings.Load())
		}
	}
}

// TestSlow holds that slow clients make the server run into its bound while the others are served,
// and that it is noticed when the server drops them.
func TestSlow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	full := map[*reactor.Conn]bool{}
	srv := &testServer{onMessage: func(c *reactor.Conn, m codec.Message) {
		if c.WriteMessage(m.Opcode, m.Payload) != nil {
			mu.Lock()
			defer mu.Unlock()
			full[c] = true
			_ = c.CloseNow()
		}
	}}
	srv.MaxOutbound = 16 << 10
	srv.start(t)
	o := short(srv.url)
	o.Slow, o.Stuck = 1, 2
	res := mustUntil(t, RunSlow, o, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(full) == 3 && srv.messages.Load() > 1000
	})
	wantChecks(t, res, "")
	wantWhole(t, res)
	if len(full) != 3 || !strings.Contains(strings.Join(res.Warnings, "\n"), "of 1 slow and 2 stuck clients the server dropped ") {
		t.Errorf("%d clients were too slow; %q", len(full), res.Warnings)
	}
	if res.Settings["slow"] != "1" || res.Settings["stuck"] != "2" || res.Connections.Opened != 4 {
		t.Errorf("%v, %+v", res.Settings, res.Connections)
	}
}

// TestSlowDropped holds that a client notices that the server has dropped it, whether it reads or not.
func TestSlowDropped(t *testing.T) {
	t.Parallel()
	srv := &testServer{onMessage: func(c *reactor.Conn, _ codec.Message) { _ = c.CloseNow() }}
	srv.start(t)
	for _, reads := range []bool{true, false} {
		o := short(srv.url)
		_ = o.Normalize()
		c := &badClient{run: &run{opt: &o}, reads: reads, done: make(chan struct{})}
		ctx, cancel := contextUntil(t, c.dropped.Load)
		c.live(ctx)
		cancel()
		if !c.dropped.Load() {
			t.Errorf("reads %v: not noticed", reads)
		}
	}
}

// TestSlowReceiveBuffer holds that the kernel does not read ahead for a slow client.
func TestSlowReceiveBuffer(t *testing.T) {
	t.Parallel()
	o := short(new(testServer).start(t).url)
	_ = o.Normalize()
	conn, err := (&run{opt: &o}).dialBlocking(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rc, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	_ = rc.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	if size == 0 || size > 4*receiveBuffer {
		t.Errorf("the receive buffer has %d bytes", size)
	}
}

// TestSlowReads holds that a slow client reads little, and a stuck one nothing.
func TestSlowReads(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{true, false} {
		var taken, asked atomic.Int64
		p := newPeer(t, func(c *peerConn, _ codec.Message) {
			if asked.Add(1) > 1 {
				return
			}
			go func() { // as much as it takes, in small pieces
				for {
					n, err := c.Write(make([]byte, 100))
					if err != nil {
						return
					}
					taken.Add(int64(n))
				}
			}()
		})
		o := short(p.url)
		_ = o.Normalize()
		c := &badClient{run: &run{opt: &o}, reads: reads, done: make(chan struct{})}
		ctx, cancel := contextUntil(t, func() bool { return asked.Load() >= 3*askMessages })
		c.live(ctx)
		cancel()
		<-c.done
		// Three beats, and what the kernels of both sides hold.
		if n := taken.Load(); c.dropped.Load() || n > 8<<20 {
			t.Errorf("reads %v: it took %d bytes, dropped %v", reads, n, c.dropped.Load())
		}
	}
}

// TestSlowRefused has the slow clients refused.
func TestSlowRefused(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	srv := &testServer{Server: reactor.Server{Upgrade: func(*reactor.Conn, *reactor.Upgrade) error {
		if n.Add(1) > 4 {
			return reactor.Refuse(503, "full")
		}
		return nil
	}}}
	srv.start(t)
	o := short(srv.url)
	o.Slow, o.Stuck = 3, -1
	res := must(t, RunSlow, o)
	wantChecks(t, res, "connections errors")
	if res.Connections.Failed != 3 || res.Connections.Opened != 4 {
		t.Errorf("%+v, %v", res.Connections, res.Errors)
	}
}

// TestSeed holds that the same seed gives the same messages, and that other seeds, loops and workers
// give others.
func TestSeed(t *testing.T) {
	t.Parallel()
	sizes, _ := ParseSizes("20-40,100:2")
	messages := func(seed uint64, worker, loop int) string {
		o := Options{Targets: []string{"ws://x"}, Seed: seed, Size: sizes, Worker: worker}
		_ = o.Normalize()
		p := newPayloads(&o, o.Worker<<32+loop)
		all := ""
		for i := range uint64(100) {
			all += string(p.next(1, i))
		}
		return all
	}
	first := messages(1, 0, 0)
	if messages(1, 0, 0) != first || messages(0, 0, 0) != first {
		t.Error("the same seed gives other messages")
	}
	seen := map[string]bool{first: true}
	for _, other := range []string{messages(2, 0, 0), messages(1, 1, 0), messages(1, 0, 1)} {
		if seen[other] {
			t.Error("another seed, worker or loop gives the same messages")
		}
		seen[other] = true
	}
}
