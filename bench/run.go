package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/reactor"
)

// run is a scenario under way.
type run struct {
	opt   *Options
	res   *Result
	loops []*genLoop
	ctx   context.Context // ends on Ctrl-C

	opened, lost atomic.Int64
	gone         atomic.Int64 // closed, by whomever
	unanswered   uint64
	now          atomic.Value // the phase, a string
	stop         atomic.Bool  // closed loops send no more
	connectMu    sync.Mutex
	connect      *hdrhistogram.Histogram
	failed       int

	latency, raw *hdrhistogram.Histogram // of the measured time
	measured     tally                   // in the measured time
	began        time.Time
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
		began:   time.Now(),
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
	r.sampled = r.began
	r.res.Connections.Wanted = o.Conns
	for i := range o.Loops {
		l := &genLoop{run: r, meter: newMeter(), payloads: newPayloads(o, i)}
		l.client = &reactor.Client{
			MaxMessage:  -1,
			MaxOutbound: 64 << 20,
			IdleTimeout: -1,
			Loops:       1,
			ReadBuffer:  1 << 20,
			Logger:      o.Logger,
		}
		if o.Pings > 0 {
			l.client.IdleTimeout = 2 * o.Pings
		}
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
	return r, nil
}

// close cuts what connections are left.
func (r *run) close() {
	for _, l := range r.loops {
		for _, s := range l.all() {
			s.leaving.Store(true)
		}
	}
	for _, l := range r.loops {
		_ = l.client.Close()
	}
}

// openAll opens n connections to the targets in turn, at the ramp's rate, and returns their
// sessions. What fails is counted. It ends early with the context.
func (r *run) openAll(n int) error {
	if err := enoughFiles(n); err != nil {
		return err
	}
	start := time.Now()
	sem := make(chan struct{}, 64)
	var wg sync.WaitGroup
	for i := range n {
		if r.opt.Ramp > 0 {
			r.sleepUntil(start.Add(time.Duration(float64(i) / r.opt.Ramp * float64(time.Second))))
		}
		if r.ctx.Err() != nil {
			break
		}
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			_, _ = r.open(r.ctx, i)
		})
		r.sampleIfDue(phaseConnecting)
	}
	wg.Wait()
	opened := int(r.opened.Load())
	c := &r.res.Connections
	c.Opened = opened
	c.Failed = r.failed
	c.Rate = float64(opened) / time.Since(start).Seconds()
	if opened == 0 && r.ctx.Err() == nil {
		return fmt.Errorf("no connection could be opened: %s", r.anyError())
	}
	return nil
}

// open opens the connection number i.
func (r *run) open(ctx context.Context, i int) (*session, error) {
	o := r.opt
	l := r.loops[i%len(r.loops)]
	s := newSession(l)
	target, socket := address(o.Targets[i%len(o.Targets)])
	opt := &reactor.DialOptions{
		Subprotocols: o.Subprotocols,
		Origin:       o.Origin,
		Fields:       o.Fields,
		Socket:       socket,
		Data:         s,
	}
	if o.Source.IsValid() {
		opt.LocalAddr = &net.TCPAddr{IP: sourceAddress(o.Source, i)}
	}
	start := now()
	_, err := l.client.Dial(ctx, target, l.handler, opt)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			l.meter.failed("connect: " + reason(err))
			r.connectMu.Lock()
			r.failed++
			r.connectMu.Unlock()
		}
		return nil, err
	}
	r.opened.Add(1)
	r.connectMu.Lock()
	record(r.connect, now()-start)
	r.connectMu.Unlock()
	l.add(s)
	return s, nil
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
		l.meter.mu.Lock()
		for e := range l.meter.errors {
			l.meter.mu.Unlock()
			return e
		}
		l.meter.mu.Unlock()
	}
	return "no reason is known"
}
