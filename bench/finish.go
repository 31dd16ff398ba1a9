package bench

import (
	"fmt"
	"runtime"
)

// beginCost begins to count what the generator and the server use; the function that it returns ends
// that and adds it to the result.
func (r *run) beginCost() (end func()) {
	self := readSelf()
	server, err := readProcess(r.opt.PID)
	return func() {
		r.res.Generator.CPUSeconds += readSelf().cpu - self.cpu
		p := r.res.Server
		if p == nil {
			return
		}
		after, endErr := readProcess(r.opt.PID)
		if err != nil || endErr != nil {
			r.warn("the server's process %d has gone: its CPU and memory are not known", r.opt.PID)
			return
		}
		p.CPUSeconds += after.cpu - server.cpu
		p.RSSAfter = after.rss
	}
}

// finish fills in the result. What must hold for every run is checked.
func (r *run) finish() *Result {
	r.fill()
	r.res.expectConnections()
	r.res.expectNoErrors()
	r.checkMessages()
	return r.res
}

// fill fills in what was measured.
func (r *run) fill() {
	res := r.res
	m := &res.Messages
	t := r.measured()
	m.Sent, m.Received, m.BytesOut, m.BytesIn = t.sent, t.received, t.bytesOut, t.bytesIn
	if res.Seconds > 0 {
		m.Rate = float64(m.Received) / res.Seconds
	}
	res.Latency = newLatency(r.latency)
	res.RawLatency = newLatency(r.raw)
	res.Connect = newLatency(r.connect)
	c := &res.Connections
	c.Opened, c.Failed, c.Lost = int(r.opened.Load()), int(r.failed.Load()), int(r.lost.Load())
	for _, l := range r.loops {
		l.mu.Lock()
		for e, n := range l.meter.errors {
			res.Errors[e] += n
		}
		l.mu.Unlock()
	}
	if n := r.plain.Load(); n > 0 {
		r.warn("the server declined permessage-deflate on %d of %d connections", n, c.Opened)
	}
	res.costs()
	r.judgeGenerator()
}

// measured adds up what was counted in the measured time.
func (r *run) measured() (t tally) {
	for _, l := range r.loops {
		l.mu.Lock()
		t.add(l.meter.measured)
		l.mu.Unlock()
	}
	return t
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

// judgeGenerator says how busy the generator was, and warns when that has limited the run: then the
// figures are its own, and not the server's.
func (r *run) judgeGenerator() {
	g := &r.res.Generator
	g.Loops = r.opt.Loops
	if r.res.Seconds > 0 {
		g.Busiest = 100 * g.CPUSeconds / r.res.Seconds / float64(r.cores())
	}
	if g.Bottleneck = g.Busiest > 90; g.Bottleneck {
		r.warn("the generator itself was the bottleneck: it used %.0f %% of a core per event loop; "+
			"give it more loops (-loops), processes (-spawn) or machines (-workers)", g.Busiest)
	}
}

// cores is how many cores the event loops can use.
func (r *run) cores() int { return min(r.opt.Loops, runtime.GOMAXPROCS(0)) }

// checkMessages notes whether all that was sent has come back, and as it was sent.
func (r *run) checkMessages() {
	r.expect("answers", r.unanswered == 0, "%d messages did not come back", r.unanswered)
	if !r.opt.Verify {
		return
	}
	v := Verify{Lost: r.unanswered}
	for _, l := range r.loops {
		l.mu.Lock()
		v.add(l.meter.verify)
		l.mu.Unlock()
	}
	r.res.Verify = &v
	r.res.expectVerified()
}

func (v *Verify) add(w Verify) {
	v.Lost += w.Lost
	v.Duplicated += w.Duplicated
	v.Reordered += w.Reordered
	v.Corrupted += w.Corrupted
}

// expect notes a check.
func (r *run) expect(name string, ok bool, format string, args ...any) {
	r.res.expect(name, ok, format, args...)
}

// warn notes a warning.
func (r *run) warn(format string, args ...any) {
	r.res.Warnings = append(r.res.Warnings, fmt.Sprintf(format, args...))
}
