package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/reactor"
)

// RunSearch finds the highest rate of an open loop that keeps the objective: it doubles the rate
// until the objective is missed, and then halves the interval in between. Each rate is held for
// Warmup and Duration. What goes wrong at a rate makes it a miss; it does not fail the run.
func RunSearch(ctx context.Context, o Options) (*Result, error) {
	first := o.Rate
	if first <= 0 {
		first = 1000
	}
	r, err := newRun(ctx, "search", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	s := &search{run: r, ready: r.recover, try: r.tryRate, best: newHistogram()}
	best := s.between(first)
	if s.done {
		r.res.Ended = "complete" // whatever connections a rate has cost
	} else {
		r.noteEnd()
	}
	r.unanswered = 0 // of the last rate; one that holds has none
	r.fill()
	res := r.res
	res.Search = s.steps
	res.Latency, res.RawLatency = newLatency(s.best), nil
	res.Messages.Rate = best
	r.checkMessages()
	r.expect("objective", best > 0, "%v holds up to %.0f messages/s", o.SLO, best)
	return res, nil
}

// search is a search under way.
type search struct {
	run   *run
	ready func() bool // makes the next rate begin clean; false when there is no use in going on
	try   func(rate float64) (Step, *hdrhistogram.Histogram)
	done  bool // it was not cut short
	steps []Step
	best  *hdrhistogram.Histogram // the latencies at the highest rate that holds
}

// searchSteps is how often the interval is halved: to less than 2 % of the rate.
const searchSteps = 6

// between returns the highest rate that was seen to keep the objective; 0 if none did.
func (s *search) between(rate float64) float64 {
	low, high := 0.0, 0.0
	for high == 0 {
		if !s.ready() {
			return low
		}
		if s.holds(rate) {
			low, rate = rate, 2*rate
		} else {
			high = rate
		}
	}
	for range searchSteps {
		if !s.ready() {
			return low
		}
		if mid := (low + high) / 2; s.holds(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	s.done = s.run.ctx.Err() == nil
	return low
}

// holds tries a rate. One that was interrupted is left out: it has not been held long enough.
func (s *search) holds(rate float64) bool {
	step, latency := s.try(rate)
	if s.run.ctx.Err() != nil {
		return false
	}
	s.steps = append(s.steps, step)
	if step.OK {
		s.best = latency
	}
	return step.OK
}

// tryRate holds a rate, and says how it went.
func (r *run) tryRate(rate float64) (Step, *hdrhistogram.Histogram) {
	r.latency.Reset()
	r.raw.Reset()
	r.unanswered = 0
	r.stop.Store(false)
	before, lost, errs := r.measured().received, r.lost.Load(), r.failures()
	seconds, cpu := r.res.Seconds, r.res.Generator.CPUSeconds
	var p *pacer
	r.measure(func() { p = r.pace(rate) }, func() { p.halt(r.window.to.Load()); r.quiesce() })

	h := newHistogram()
	h.Merge(r.latency)
	seconds = max(r.res.Seconds-seconds, 1e-9)
	step := Step{
		Rate:     rate,
		Achieved: float64(r.measured().received-before) / seconds,
		P99:      h.ValueAtQuantile(99),
	}
	got := time.Duration(h.ValueAtQuantile(r.opt.SLO.Percentile))
	busy := 100 * (r.res.Generator.CPUSeconds - cpu) / seconds / float64(r.cores())
	short := step.Achieved+float64(len(r.loops))/seconds < 0.98*rate // but for what the measured time cuts off
	switch n := r.failures() - errs; {
	case r.lost.Load() > lost:
		step.Why = fmt.Sprintf("%d connections were lost", r.lost.Load()-lost)
	case short && busy > 90:
		step.Why = "the generator could not send more"
	case n > 0:
		step.Why = fmt.Sprintf("%d errors", n)
	case r.unanswered > 0:
		step.Why = fmt.Sprintf("%d messages did not come back", r.unanswered)
	case short:
		step.Why = fmt.Sprintf("only %.0f messages/s came back", step.Achieved)
	case got > r.opt.SLO.Limit:
		step.Why = fmt.Sprintf("p%g is %v", r.opt.SLO.Percentile, got.Round(time.Microsecond))
	default:
		step.OK = true
	}
	return step, h
}

// recover makes the next rate begin with all connections and nothing under way: what the last one
// has left behind must not be charged to it. A server that takes too long is relieved of it by new
// connections. It reports false when there are none to be had, and when the run is to end.
func (r *run) recover() bool {
	if r.ctx.Err() != nil {
		return false
	}
	if !r.drain(r.opt.patience.recover) || int(r.live.Load()) < r.opt.Conns {
		r.dropAll()
		r.openAll(r.opt.Conns, phaseConnecting)
	}
	for _, l := range r.loops {
		l.mu.Lock()
		l.abandoned = nil
		l.mu.Unlock()
	}
	r.sample(phaseEnding)
	return r.live.Load() > 0 && r.ctx.Err() == nil
}

// failures is the number of errors so far.
func (r *run) failures() (n int) {
	for _, l := range r.loops {
		l.mu.Lock()
		n += l.meter.failures()
		l.mu.Unlock()
	}
	return n
}
