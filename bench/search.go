package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/reactor"
)

// Search finds the highest rate of an open loop that keeps the objective: it doubles the rate until
// the objective is missed, and then halves the interval in between. Each rate is held for Duration.
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
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	s := &search{run: r}
	best := s.between(first)
	res := r.finish()
	res.Search = s.steps
	res.Latency, res.RawLatency = newLatency(s.bestLatency), nil
	res.Messages.Rate = best
	r.expect("objective", best > 0, "%v holds up to %.0f messages/s", o.SLO, best)
	return res, nil
}

type search struct {
	run         *run
	steps       []Step
	bestLatency *hdrhistogram.Histogram
}

// searchSteps is how often the interval is halved: to less than 2 % of the rate.
const searchSteps = 6

// between returns the highest rate that was seen to keep the objective; 0 if none did.
func (s *search) between(rate float64) (best float64) {
	s.bestLatency = newHistogram()
	low, high := 0.0, 0.0
	for high == 0 && s.run.ctx.Err() == nil {
		if s.holds(rate) {
			low, rate = rate, 2*rate
		} else {
			high = rate
		}
	}
	for range searchSteps {
		if s.run.ctx.Err() != nil {
			break
		}
		if mid := (low + high) / 2; s.holds(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// holds tries a rate.
func (s *search) holds(rate float64) bool {
	r := s.run
	r.latency.Reset()
	r.raw.Reset()
	before, seconds := r.measured, r.res.Seconds
	cpu := r.res.Generator.CPUSeconds
	r.stop.Store(false)
	r.unanswered = 0
	var p *pacer
	r.measure(func() { p = r.pace(rate) }, func() { p.halt(); r.quiesce() })

	h := r.withUnanswered()
	seconds = r.res.Seconds - seconds
	step := Step{
		Rate:     rate,
		Achieved: float64(r.measured.minus(before).received) / seconds,
		P99:      h.ValueAtQuantile(99),
		OK:       true,
	}
	got := time.Duration(h.ValueAtQuantile(r.opt.SLO.Percentile))
	switch busy := 100 * (r.res.Generator.CPUSeconds - cpu) / seconds / float64(r.opt.Loops); {
	case step.Achieved < 0.98*rate && busy > 90:
		step.OK, step.Why = false, "the generator could not send more"
	case step.Achieved < 0.98*rate:
		step.OK, step.Why = false, fmt.Sprintf("only %.0f messages/s came back", step.Achieved)
	case got > r.opt.SLO.Limit:
		step.OK, step.Why = false, fmt.Sprintf("p%g is %v", r.opt.SLO.Percentile, got.Round(time.Microsecond))
	}
	if step.OK {
		s.bestLatency.Reset()
		s.bestLatency.Merge(h)
	}
	s.steps = append(s.steps, step)
	return step.OK
}
