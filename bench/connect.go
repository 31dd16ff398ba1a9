package bench

import (
	"context"
	"time"

	"example.org/weir/reactor"
)

// RunConnect opens connections, as fast as the ramp says, and holds them for Duration, with pings if
// there are to be any. With PID it tells how much memory each one costs the server. With Raw the
// connections are plain TCP.
func RunConnect(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "connect", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.chooseTransport(answering{}); err != nil {
		return nil, err
	}
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	r.measure(func() {}, func() {})
	return r.finish(), nil
}

// RunStorm opens connections, drops all of them at once, and opens them again, until Duration is
// over. Connect times are those of the storms.
func RunStorm(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "storm", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	r.reconnects = true
	r.synchronize(stageMeasure)
	r.sampleFor(max(o.Warmup, 0), phaseWarmup)
	r.connect.Reset()
	end := r.beginCost()
	before := r.opened.Load()
	from := time.Now()
	for time.Since(from) < o.Duration && ctx.Err() == nil {
		r.storm()
	}
	r.res.Seconds = time.Since(from).Seconds()
	end()
	r.noteEnd()
	res := r.finish()
	res.Connections.Rate = float64(r.opened.Load()-before) / res.Seconds
	return res, nil
}

// storm drops all connections and opens as many. It pauses when not one could be opened, so that a
// server that is down is not hammered.
func (r *run) storm() {
	r.dropAll()
	before := r.opened.Load()
	r.res.Connections.Wanted += r.opt.Conns
	r.openAll(r.opt.Conns, phaseMeasuring)
	if r.opened.Load() == before {
		r.sleepUntil(time.Now().Add(100 * time.Millisecond))
	}
}
