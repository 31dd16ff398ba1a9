package bench

import (
	"context"
	"time"

	"example.org/weir/reactor"
)

// Connect opens connections, as fast as the ramp says, and holds them for Duration, with pings if
// there are to be any. With PID it tells how much memory each one costs the server.
func RunConnect(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "connect", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	r.measure(func() {}, func() {})
	return r.finish(), nil
}

// Storm opens connections, drops all of them at once, and opens them again, until Duration is over.
// Connect times are those of the storms.
func RunStorm(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "storm", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	r.sampleFor(o.Warmup, phaseWarmup)
	r.connect.Reset()
	r.opened.Store(0)
	r.gone.Store(0)
	before := readSelf()
	server, _ := readProcess(o.PID)
	from := time.Now()
	for end := from.Add(o.Duration); time.Now().Before(end) && ctx.Err() == nil; {
		r.dropAll()
		if err := r.openAll(o.Conns); err != nil {
			return nil, err
		}
	}
	r.res.Seconds = time.Since(from).Seconds()
	r.addCost(before, server)
	if ctx.Err() != nil {
		r.res.Ended = "interrupted"
	}
	r.res.Connections.Rate = float64(r.opened.Load()) / r.res.Seconds
	return r.finish(), nil
}

// dropAll cuts all connections, as a network or a proxy that fails does, and waits until they are
// gone.
func (r *run) dropAll() {
	for _, l := range r.loops {
		all := l.all()
		for _, s := range all {
			s.leaving.Store(true)
			_ = s.conn.CloseNow()
		}
		for _, s := range all {
			<-s.ended
		}
		l.clear()
	}
}
