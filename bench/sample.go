package bench

import "time"

// The phases of a run, as Progress is told.
const (
	phaseConnecting = "connecting"
	phaseWarmup     = "warm-up"
	phaseMeasuring  = "measuring"
	phaseEchoing    = "echoing"
	phaseListening  = "listening"
	phaseEnding     = "ending"
)

// measure runs the load for the warm-up and then for the measured time, or until the context ends or
// the last connection is lost. start begins the load; stop ends it and waits for what is under way.
func (r *run) measure(start, stop func()) {
	r.synchronize(stageMeasure)
	start()
	r.sampleFor(max(r.opt.Warmup, 0), phaseWarmup)
	end := r.beginCost()
	r.window.open()
	r.sampleFor(r.opt.Duration, phaseMeasuring)
	r.res.Seconds += r.window.close()
	end()
	stop()
	r.sample(phaseEnding)
	r.noteEnd()
}

// noteEnd says how the run has ended, if it was before its time.
func (r *run) noteEnd() {
	switch {
	case r.ctx.Err() != nil:
		r.res.Ended = "interrupted"
	case r.deserted():
		r.res.Ended = "all connections were lost"
	}
}

// deserted reports whether the connections that a scenario began with have all been lost.
func (r *run) deserted() bool { return !r.reconnects && r.lost.Load() > 0 && r.live.Load() == 0 }

// sampleFor takes a sample each second, for d, or until the context ends or the last connection is
// lost.
func (r *run) sampleFor(d time.Duration, phase string) {
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(done) })
	defer timer.Stop()
	r.sample(r.phase) // what was before belongs to another phase
	r.sampleUntil(done, phase)
}

// watch is how often a sample looks whether anything is left to be sampled.
const watch = 100 * time.Millisecond

// sampleUntil takes a sample each second, until done is closed, and one at the end. In the phases in
// which there is load it ends early with the context, and when the last connection is lost.
func (r *run) sampleUntil(done <-chan struct{}, phase string) {
	r.phase = phase
	defer func() { r.sample(phase) }()
	loaded := phase == phaseWarmup || phase == phaseMeasuring
	ended := r.ctx.Done()
	if !loaded {
		ended = nil
	}
	tick := time.NewTicker(watch)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ended:
			return
		case <-tick.C:
		}
		if loaded && r.deserted() {
			return
		}
		if time.Since(r.sampled) >= time.Second-watch/2 {
			r.sample(phase)
		}
	}
}

// sample takes what the loops have measured since the last sample.
func (r *run) sample(phase string) {
	latency, raw, unmeasured := newHistogram(), newHistogram(), newHistogram()
	var t tally
	errs := 0
	for _, l := range r.loops {
		l.mu.Lock()
		l.meter.take(latency, raw, unmeasured)
		t.add(l.meter.tally)
		errs += l.meter.failures()
		l.mu.Unlock()
	}
	at := time.Now()
	seconds := at.Sub(r.sampled).Seconds()
	d := t.minus(r.sampledTally)
	r.sampled, r.sampledTally = at, t
	r.latency.Merge(latency)
	r.raw.Merge(raw)
	if seconds < 0.1 {
		return // a remainder at a change of phase, too short for rates
	}
	latency.Merge(unmeasured)
	s := Sample{
		T:           at.Sub(r.res.Started).Seconds(),
		Connections: int(r.live.Load()),
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
