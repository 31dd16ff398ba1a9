package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// run is a scenario under way.
type run struct {
	opt    *Options
	res    *Result
	loops  []*genLoop
	ctx    context.Context // ends on Ctrl-C
	dial   func(ctx context.Context, s *session) error
	endRaw func() // ends the loops of raw connections; nil without
	window window
	stop   atomic.Bool // nothing more is sent

	// Counts of connections.
	opened, live, lost, failed atomic.Int64
	plain                      atomic.Int64 // those on which the server declined to compress

	connectMu sync.Mutex
	connect   *hdrhistogram.Histogram

	// The rest belongs to the goroutine of the scenario.
	latency, raw *hdrhistogram.Histogram // of the measured time
	phase        string
	reconnects   bool // that no connection is left does not end the run
	unanswered   uint64
	sampled      time.Time // the end of the last sample
	sampledTally tally     // at that time
}

// newRun prepares the event loops. handler makes the handler of each loop.
func newRun(ctx context.Context, scenario string, o *Options, handler func(*genLoop) reactor.Handler) (*run, error) {
	if err := o.Normalize(); err != nil {
		return nil, err
	}
	r := &run{
		opt:     o,
		ctx:     ctx,
		connect: newHistogram(),
		latency: newHistogram(),
		raw:     newHistogram(),
		res: &Result{
			Scenario: scenario,
			Targets:  o.Targets,
			Settings: o.settings(scenario),
			Started:  time.Now(),
			Ended:    "complete",
			Machine:  thisMachine(),
			Errors:   map[string]int{},
		},
	}
	r.dial = r.dialWebSocket
	r.sampled = r.res.Started
	r.res.Connections.Wanted = o.Conns
	openLoop := scenario == "rate" || scenario == "search"
	for i := range o.Loops {
		l := &genLoop{run: r, meter: newMeter(&r.window, openLoop), payloads: newPayloads(o, o.Worker<<32+i)}
		l.client = newClient(o)
		r.loops = append(r.loops, l)
	}
	for _, l := range r.loops {
		l.handler = handler(l)
	}
	if o.PID != 0 {
		p, err := readProcess(o.PID)
		if err != nil {
			return nil, fmt.Errorf("cannot watch process %d: %w", o.PID, err)
		}
		r.res.Server = &Process{PID: o.PID, RSSBefore: p.rss}
	}
	r.synchronize(stageConnect)
	return r, nil
}

// newClient makes the event loop of a genLoop.
func newClient(o *Options) *reactor.Client {
	c := &reactor.Client{
		MaxMessage:       -1,
		MaxOutbound:      o.outbound(),
		HandshakeTimeout: o.patience.connect,
		IdleTimeout:      -1,
		Loops:            1,
		ReadBuffer:       1 << 20,
		TLS:              o.tls,
		Logger:           o.Logger,
	}
	if o.Deflate {
		c.Deflate = &codec.Deflate{ServerContextTakeover: true, ClientContextTakeover: true}
	}
	if o.Pings > 0 {
		c.IdleTimeout = 2 * o.Pings // a ping is sent after half of it
	}
	return c
}

// The stages of a run that several workers begin together.
const (
	stageConnect = "connect"
	stageMeasure = "measure"
	stageEcho    = "echo"    // of hold
	stagePublish = "publish" // of hold
)

// synchronize waits until all workers have come as far, where there are several. Its error, which
// means that the run is to end, shows in the context too.
func (r *run) synchronize(stage string) {
	if r.opt.Sync != nil {
		_ = r.opt.Sync(r.ctx, stage)
	}
}

// close cuts what connections are left.
func (r *run) close() {
	for _, l := range r.loops {
		for _, s := range l.open() {
			s.leaving.Store(true)
		}
	}
	var all sync.WaitGroup // gnet takes half a second to end a loop
	for _, l := range r.loops {
		all.Go(func() { _ = l.client.Close() })
	}
	if r.endRaw != nil {
		r.endRaw()
	}
	all.Wait()
}

// begin opens the n connections that a scenario begins with. It fails when there is not a single one.
func (r *run) begin(n int) error {
	if err := enoughFiles(n); err != nil {
		return err
	}
	r.openAll(n, phaseConnecting)
	if r.opened.Load() == 0 && r.ctx.Err() == nil {
		return fmt.Errorf("no connection could be opened: %s", r.anyError())
	}
	return nil
}

// dialers is how many attempts are under way at a time.
const dialers = 64

// openAll opens n connections to the targets in turn, at the ramp's rate. What fails is counted. It
// ends early with the context.
func (r *run) openAll(n int, phase string) {
	start := time.Now()
	before := r.opened.Load()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, dialers) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if r.opt.Ramp > 0 {
					r.sleepUntil(start.Add(time.Duration(float64(i) / r.opt.Ramp * float64(time.Second))))
				}
				if r.ctx.Err() != nil {
					return
				}
				_, _ = r.open(i) // counted
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	r.sampleUntil(done, phase)
	<-done // it may have ended with the context
	c := &r.res.Connections
	c.Rate = float64(r.opened.Load()-before) / time.Since(start).Seconds()
}

// open opens the connection number i.
func (r *run) open(i int) (*session, error) {
	s := newSession(r.loops[i%len(r.loops)], i)
	ctx, cancel := context.WithTimeout(r.ctx, r.opt.patience.connect)
	defer cancel()
	s.began = now()
	if err := r.dial(ctx, s); err != nil {
		if r.ctx.Err() == nil { // otherwise we gave up, not the server
			s.loop.failed("connect: " + reason(err))
			r.failed.Add(1)
		}
		return nil, err
	}
	took := now() - s.began
	s.establish()
	r.connectMu.Lock()
	record(r.connect, took)
	r.connectMu.Unlock()
	return s, nil
}

// dialWebSocket connects a session to its target.
func (r *run) dialWebSocket(ctx context.Context, s *session) error {
	o := r.opt
	target, socket := address(o.target(s.number))
	opt := &reactor.DialOptions{
		Subprotocols: o.Subprotocols,
		Origin:       o.Origin,
		Fields:       o.Fields,
		Socket:       socket,
		Data:         s,
	}
	if o.Source.IsValid() {
		opt.LocalAddr = &net.TCPAddr{IP: sourceAddress(o.Source, s.number)}
	}
	c, err := s.loop.client.Dial(ctx, target, s.loop.handler, opt)
	if err == nil && o.Deflate {
		if _, agreed := c.Deflate(); !agreed {
			r.plain.Add(1)
		}
	}
	return err
}

// dropAll cuts all connections, as a network or a proxy that fails does, and waits until they are
// gone.
func (r *run) dropAll() {
	var all []*session
	for _, l := range r.loops {
		all = append(all, l.open()...)
	}
	for _, s := range all {
		s.leave()
	}
	for _, s := range all {
		<-s.ended
	}
}

// sleepUntil sleeps, or returns early with the context.
func (r *run) sleepUntil(t time.Time) {
	select {
	case <-time.After(time.Until(t)):
	case <-r.ctx.Done():
	}
}

// anyError returns one of the errors that were counted.
func (r *run) anyError() string {
	for _, l := range r.loops {
		l.mu.Lock()
		defer l.mu.Unlock()
		for e := range l.meter.errors {
			return e
		}
	}
	return "no reason is known"
}
