package bench

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// epoch is what the times of a process are counted from: nanoseconds of the monotonic clock.
var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// window is the measured time. A message belongs to it when it was meant to be sent in it, whenever
// it comes back: what is slow at the end counts, what was sent in the warm-up does not. So a result
// has as many latencies as messages that were sent.
type window struct{ from, to atomic.Int64 }

// open begins the measured time; before the first call nothing belongs to it.
func (w *window) open() {
	w.from.Store(now())
	w.to.Store(math.MaxInt64)
}

// close ends it, and returns how long it was, in seconds.
func (w *window) close() float64 {
	w.to.Store(now())
	return float64(w.to.Load()-w.from.Load()) / 1e9
}

func (w *window) has(at int64) bool { return at >= w.from.Load() && at < w.to.Load() }

// meter counts and times what one event loop does. It is guarded by the loop's mutex.
type meter struct {
	window     *window
	openLoop   bool  // messages have a time when they were meant to be sent, and one when they were
	tally      tally // all, the warm-up's too
	measured   tally // what was meant to be sent in the measured time, and what came in it
	latency    *hdrhistogram.Histogram
	raw        *hdrhistogram.Histogram // from the actual time of sending
	unmeasured *hdrhistogram.Histogram // of messages outside of the measured time
	verify     Verify
	errors     map[string]int
}

// tally are counts that only grow.
type tally struct {
	sent, received, bytesOut, bytesIn uint64
}

func (t tally) minus(u tally) tally {
	return tally{t.sent - u.sent, t.received - u.received, t.bytesOut - u.bytesOut, t.bytesIn - u.bytesIn}
}

func (t *tally) add(u tally) {
	t.sent += u.sent
	t.received += u.received
	t.bytesOut += u.bytesOut
	t.bytesIn += u.bytesIn
}

func newMeter(w *window, openLoop bool) meter {
	return meter{
		window:     w,
		openLoop:   openLoop,
		latency:    newHistogram(),
		raw:        newHistogram(),
		unmeasured: newHistogram(),
		errors:     make(map[string]int),
	}
}

// sent counts a message that was meant to be sent at intended, and was at at. It returns its flight.
func (m *meter) sent(bytes int, intended, at int64) flight {
	m.tally.sent++
	m.tally.bytesOut += uint64(bytes)
	x := flight{intended: intended, sent: at, measured: m.window.has(intended)}
	if x.measured {
		m.measured.sent++
		m.measured.bytesOut += uint64(bytes)
	}
	return x
}

// received counts a message that came back at at.
func (m *meter) received(bytes int, x flight, at int64) {
	m.tally.received++
	m.tally.bytesIn += uint64(bytes)
	if m.window.has(at) {
		m.measured.received++
		m.measured.bytesIn += uint64(bytes)
	}
	m.time(x, at)
}

// time takes down how long a message took.
func (m *meter) time(x flight, at int64) {
	if !x.measured {
		record(m.unmeasured, at-x.intended)
		return
	}
	record(m.latency, at-x.intended)
	if m.openLoop {
		record(m.raw, at-x.sent)
	}
}

// failed counts an error by what went wrong.
func (m *meter) failed(what string) { m.errors[what]++ }

// failures is the number of errors so far.
func (m *meter) failures() (n int) {
	for _, k := range m.errors {
		n += k
	}
	return n
}

// take moves what has been timed since the last call into the histograms.
func (m *meter) take(latency, raw, unmeasured *hdrhistogram.Histogram) {
	for from, to := range map[*hdrhistogram.Histogram]*hdrhistogram.Histogram{m.latency: latency, m.raw: raw, m.unmeasured: unmeasured} {
		if from.TotalCount() > 0 {
			to.Merge(from)
			from.Reset()
		}
	}
}
