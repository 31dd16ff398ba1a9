package bench

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/reactor"
)

// grace is how long replies are waited for once nothing more is sent.
const grace = 2 * time.Second

// quiesce stops the load and waits for what is in flight. What does not come back counts as lost,
// and in an open loop as a latency of at least the time it has been waited for.
func (r *run) quiesce() {
	r.stop.Store(true)
	end := time.Now().Add(grace)
	for r.inFlight() > 0 && time.Now().Before(end) && r.ctx.Err() == nil {
		r.sleepUntil(time.Now().Add(10 * time.Millisecond))
		r.sampleIfDue(phaseEnding)
	}
	if n := r.inFlight(); n > 0 {
		r.unanswered = uint64(n)
		r.warn("%d messages were not answered within %v after the end", n, grace)
	}
}

// inFlight asks the loops how many messages have not come back.
func (r *run) inFlight() (n int) {
	for _, l := range r.loops {
		l.onLoop(func() {
			for _, s := range l.all() {
				n += s.inFlight.len()
			}
		})
	}
	return n
}

// onLoop calls f on l's event loop and waits for it. It does nothing when no connection is left.
func (l *genLoop) onLoop(f func()) {
	for _, s := range l.all() {
		done := make(chan struct{})
		if s.conn.Do(func(*reactor.Conn) { f(); close(done) }) != nil {
			continue
		}
		select {
		case <-done:
			return
		case <-s.ended: // perhaps before its turn; the next one will do it again
		}
	}
}

// expect notes a check.
func (r *run) expect(name string, ok bool, format string, args ...any) {
	r.res.expect(name, ok, format, args...)
}

// warn notes a warning.
func (r *run) warn(format string, args ...any) {
	r.res.Warnings = append(r.res.Warnings, fmt.Sprintf(format, args...))
}

// withUnanswered returns the latencies, with those messages that were not answered at the time they
// have been waited for: leaving them out would flatter the server.
func (r *run) withUnanswered() *hdrhistogram.Histogram {
	h := newHistogram()
	h.Merge(r.latency)
	at := now()
	for _, l := range r.loops {
		l.onLoop(func() {
			for _, s := range l.all() {
				for i := s.inFlight.head; i < s.inFlight.tail; i++ {
					record(h, at-s.inFlight.ring[i&uint64(len(s.inFlight.ring)-1)].intended)
				}
			}
		})
	}
	return h
}
