package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/panjf2000/gnet/v2"
	"go.uber.org/zap"

	"example.org/weir/bench"
)

// readBuffer is what weirbench gives its event loop.
const readBuffer = 1 << 20

// loop is the handler of the event loop. Its fields belong to the loop, but for those that are atomic.
type loop struct {
	gnet.BuiltinEventEngine
	opt       options
	block     []byte // Depth messages
	stopped   atomic.Bool
	measuring atomic.Bool
	received  atomic.Uint64 // in the measured time, as are the latencies
	lost      atomic.Int64
	latency   *hdrhistogram.Histogram
}

// conn is what is in flight on a connection.
type conn struct {
	sent    []time.Time // of the messages in flight, a ring
	next    int         // the one that is due
	partial int         // bytes of it that have come
}

// OnTraffic counts the messages that have come whole, and sends as many.
func (l *loop) OnTraffic(c gnet.Conn) gnet.Action {
	b, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	s := c.Context().(*conn)
	whole := (s.partial + len(b)) / l.opt.size
	s.partial = (s.partial + len(b)) % l.opt.size
	if whole > len(s.sent) {
		return gnet.Close // more than was sent; it counts as lost
	}
	now := time.Now()
	measuring := l.measuring.Load()
	for range whole {
		if measuring {
			_ = l.latency.RecordValue(int64(now.Sub(s.sent[s.next]))) // beyond an hour it is not recorded
		}
		s.sent[s.next] = now
		s.next = (s.next + 1) % len(s.sent)
	}
	if measuring {
		l.received.Add(uint64(whole))
	}
	if whole == 0 || l.stopped.Load() {
		return gnet.None
	}
	if _, err := c.Write(l.block[:whole*l.opt.size]); err != nil {
		return gnet.Close
	}
	return gnet.None
}

func (l *loop) OnClose(gnet.Conn, error) gnet.Action {
	if !l.stopped.Load() {
		l.lost.Add(1)
	}
	return gnet.None
}

// runLoop opens all connections, and keeps messages in flight on them; connect only holds them.
func runLoop(ctx context.Context, o options, res *bench.Result) error {
	l := &loop{opt: o, block: make([]byte, o.depth*o.size), latency: hdrhistogram.New(1, int64(time.Hour), 3)}
	// gnet would log to standard output, which is for the result.
	client, err := gnet.NewClient(l, gnet.WithReadBufferCap(readBuffer), gnet.WithLogger(zap.NewNop().Sugar()))
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	defer func() { _ = client.Stop() }()
	defer l.stopped.Store(true)

	conns, err := l.open(ctx, client, res)
	if err != nil {
		return err
	}
	if o.scenario == "echo" {
		if err := l.begin(ctx, conns); err != nil {
			return err
		}
	}
	sleep(ctx, o.warmup)
	l.measuring.Store(true)
	from, cpu := time.Now(), cpuSeconds()
	sleep(ctx, o.duration)
	l.measuring.Store(false)
	res.Seconds = time.Since(from).Seconds()
	used := cpuSeconds() - cpu
	l.stopped.Store(true)

	res.Messages.Received = l.received.Load()
	res.Connections.Lost = int(l.lost.Load())
	res.Generator = bench.Generator{CPUSeconds: used, Loops: 1, Busiest: 100 * used / res.Seconds}
	res.Generator.Bottleneck = res.Generator.Busiest > 90
	res.Latency, err = l.latencies(ctx, conns[0])
	return err
}

// open opens the connections, one after the other.
func (l *loop) open(ctx context.Context, client *gnet.Client, res *bench.Result) (conns []gnet.Conn, err error) {
	start := time.Now()
	for len(conns) < l.opt.conns && ctx.Err() == nil {
		c, err := client.DialContext("tcp", l.opt.addr, &conn{sent: make([]time.Time, l.opt.depth)})
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(conns)+1, err)
		}
		conns = append(conns, c)
	}
	res.Connections.Wanted, res.Connections.Opened = l.opt.conns, len(conns)
	res.Connections.Rate = float64(len(conns)) / time.Since(start).Seconds()
	return conns, ctx.Err()
}

// begin puts the messages in flight, each connection's on its event loop.
func (l *loop) begin(ctx context.Context, conns []gnet.Conn) error {
	for _, c := range conns {
		err := c.EventLoop().Execute(ctx, gnet.RunnableFunc(func(context.Context) error {
			s := c.Context().(*conn)
			for i := range s.sent {
				s.sent[i] = time.Now()
			}
			_, err := c.Write(l.block)
			return err
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

// latencies reads the histogram on the event loop, to which it belongs.
func (l *loop) latencies(ctx context.Context, c gnet.Conn) (*bench.Latency, error) {
	done := make(chan *bench.Latency, 1)
	err := c.EventLoop().Execute(ctx, gnet.RunnableFunc(func(context.Context) error {
		done <- summary(l.latency)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	select {
	case s := <-done:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func summary(h *hdrhistogram.Histogram) *bench.Latency {
	return &bench.Latency{
		Count: h.TotalCount(),
		Mean:  h.Mean(),
		Min:   h.Min(),
		Max:   h.Max(),
		At:    map[string]int64{"50": h.ValueAtQuantile(50), "99": h.ValueAtQuantile(99)},
	}
}

// sleep sleeps, or returns early with the context.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
