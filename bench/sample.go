package bench

import (
	"time"
)

// phase is a part of a run, as Progress is told.
const (
	phaseConnecting = "connecting"
	phaseWarmup     = "warm-up"
	phaseMeasuring  = "measuring"
	phaseEnding     = "ending"
	phaseBefore     = "" // the remainder of the phase before
)

// measure runs the load for the warm-up and then for the measured time, or until the context ends.
func (r *run) measure(start, stop func()) {
	start()
	r.sampleFor(r.opt.Warmup, phaseWarmup)
	before := readSelf()
	server, _ := readProcess(r.opt.PID)
	from := time.Now()
	r.sampleFor(r.opt.Duration, phaseMeasuring)
	r.now.Store(phaseEnding)
	r.res.Seconds += time.Since(from).Seconds()
	r.addCost(before, server)
	stop()
	if r.ctx.Err() != nil {
		r.res.Ended = "interrupted"
	}
}

// sampleFor takes a sample each second, for d or until the context ends.
func (r *run) sampleFor(d time.Duration, phase string) {
	r.sample(phaseBefore) // what was before belongs to another phase
	r.now.Store(phase)
	end := time.Now().Add(d)
	for next := time.Now().Add(time.Second); time.Now().Before(end) && r.ctx.Err() == nil; next = next.Add(time.Second) {
		if next.After(end) {
			next = end
		}
		r.sleepUntil(next)
		r.sample(phase)
	}
}

// phase is the phase that the run is in.
func (r *run) phase() string {
	p, _ := r.now.Load().(string)
	return p
}

// sampleIfDue takes a sample when the last is a second old.
func (r *run) sampleIfDue(phase string) {
	if time.Since(r.sampled) >= time.Second {
		r.sample(phase)
	}
}

// sample takes what the loops have measured since the last sample.
func (r *run) sample(phase string) {
	latency, raw := newHistogram(), newHistogram()
	var t tally
	errs := 0
	for _, l := range r.loops {
		t.add(l.meter.take(latency, raw))
		errs += l.meter.failures()
	}
	at := time.Now()
	seconds := at.Sub(r.sampled).Seconds()
	d := t.minus(r.sampledTally)
	r.sampled, r.sampledTally = at, t
	if phase == phaseMeasuring {
		r.latency.Merge(latency)
		r.raw.Merge(raw)
		r.measured.add(d)
	}
	if seconds < 0.1 {
		return // a remainder at a change of phase, too short for rates
	}
	s := Sample{
		T:           at.Sub(r.began).Seconds(),
		Connections: int(r.opened.Load() - r.gone.Load()),
		Rate:        float64(d.received) / seconds,
		BytesIn:     float64(d.bytesIn) / seconds,
		BytesOut:    float64(d.bytesOut) / seconds,
		P50:         latency.ValueAtQuantile(50),
		P99:         latency.ValueAtQuantile(99),
		Max:         latency.Max(),
		Errors:      errs,
		Warmup:      phase != phaseMeasuring,
	}
	r.res.Series = append(r.res.Series, s)
	if r.opt.Progress != nil {
		r.opt.Progress(s, phase)
	}
}

// addCost notes what the generator and the server have used since.
func (r *run) addCost(before, server usage) {
	g := &r.res.Generator
	g.CPUSeconds += readSelf().cpu - before.cpu
	if r.res.Server != nil {
		if p, err := readProcess(r.opt.PID); err == nil {
			r.res.Server.CPUSeconds += p.cpu - server.cpu
			r.res.Server.RSSAfter = p.rss
		} else {
			r.warn("the server's process could not be read at the end: %v", err)
		}
	}
}

// finish fills in the result.
func (r *run) finish() *Result {
	res := r.res
	m := &res.Messages
	m.Sent, m.Received = r.measured.sent, r.measured.received
	m.BytesOut, m.BytesIn = r.measured.bytesOut, r.measured.bytesIn
	if res.Seconds > 0 {
		m.Rate = float64(m.Received) / res.Seconds
	}
	res.Latency = newLatency(r.latency)
	res.RawLatency = newLatency(r.raw)
	res.Connect = newLatency(r.connect)
	res.Connections.Lost = int(r.lost.Load())
	for _, l := range r.loops {
		l.meter.mu.Lock()
		for e, n := range l.meter.errors {
			res.Errors[e] += n
		}
		l.meter.mu.Unlock()
	}
	r.finishCost()
	r.check()
	return res
}

// finishCost works out what a message and a connection cost.
func (r *run) finishCost() {
	res := r.res
	res.costs()
	g := &res.Generator
	g.Loops = r.opt.Loops
	if res.Seconds > 0 {
		g.Busiest = 100 * g.CPUSeconds / res.Seconds / float64(g.Loops)
	}
	if g.Bottleneck = g.Busiest > 90; g.Bottleneck {
		r.warn("the generator itself was the bottleneck: it used %.0f %% of a core per event loop; give it more loops (-loops), or more processes (weirbench worker)", g.Busiest)
	}
}

// costs works out what a message has cost both sides, and what a connection has cost the server.
func (r *Result) costs() {
	perMessage := func(cpu float64) float64 {
		if r.Messages.Received == 0 {
			return 0
		}
		return cpu * 1e6 / float64(r.Messages.Received)
	}
	r.Generator.PerMessage = perMessage(r.Generator.CPUSeconds)
	if p := r.Server; p != nil {
		p.PerMessage = perMessage(p.CPUSeconds)
		if n := r.Connections.Opened; n > 0 {
			p.PerConnection = float64(p.RSSAfter-p.RSSBefore) / float64(n)
		}
	}
}

// check notes the conditions that every run has to meet.
func (r *run) check() {
	res := r.res
	res.expectConnections()
	res.expectNoErrors()
	if r.opt.Verify {
		v := Verify{}
		for _, l := range r.loops {
			v.add(l.meter.verify)
			for _, s := range l.all() {
				v.Lost += s.order.lost()
			}
		}
		v.Lost += r.unanswered
		res.Verify = &v
		res.expectVerified()
	}
}

func (v *Verify) add(w Verify) {
	v.Lost += w.Lost
	v.Duplicated += w.Duplicated
	v.Reordered += w.Reordered
	v.Corrupted += w.Corrupted
}
