package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// epoch is what the times of a process are counted from: nanoseconds of the monotonic clock.
var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// meter counts and times what one event loop does. The loop writes, the sampler reads once a
// second, so its mutex is hardly ever contended.
type meter struct {
	mu      sync.Mutex
	tally   tally
	latency *hdrhistogram.Histogram // since the last sample
	raw     *hdrhistogram.Histogram // since the last sample; from the actual time of sending
	verify  Verify
	errors  map[string]int
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

func newMeter() *meter {
	return &meter{latency: newHistogram(), raw: newHistogram(), errors: make(map[string]int)}
}

// sent counts a message that was sent.
func (m *meter) sent(bytes int) {
	m.mu.Lock()
	m.tally.sent++
	m.tally.bytesOut += uint64(bytes)
	m.mu.Unlock()
}

// received counts a message that came back after latency, or without a time when that is negative.
// raw is the latency from the actual time of sending, where that is another.
func (m *meter) received(bytes int, latency, raw int64) {
	m.mu.Lock()
	m.tally.received++
	m.tally.bytesIn += uint64(bytes)
	if latency >= 0 {
		record(m.latency, latency)
	}
	if raw >= 0 {
		record(m.raw, raw)
	}
	m.mu.Unlock()
}

// failed counts an error by what went wrong.
func (m *meter) failed(what string) {
	m.mu.Lock()
	m.errors[what]++
	m.mu.Unlock()
}

// failures is the number of errors so far.
func (m *meter) failures() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.errors {
		n += k
	}
	return n
}

// take adds what has been measured since the last take to the histograms, and returns the counts so
// far.
func (m *meter) take(latency, raw *hdrhistogram.Histogram) tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	latency.Merge(m.latency)
	raw.Merge(m.raw)
	m.latency.Reset()
	m.raw.Reset()
	return m.tally
}

// sequence looks at the numbers that come back on one connection.
type sequence struct {
	next    uint64              // the number that is due
	missing map[uint64]struct{} // smaller ones that have not come
}

// check takes in a message and counts what is wrong with it.
func (s *sequence) check(v *Verify, payload []byte) {
	seq, intact := unseal(payload)
	switch {
	case !intact:
		v.Corrupted++
		s.next++ // it stands for the one that was due
	case seq == s.next:
		s.next++
	case seq > s.next:
		if s.missing == nil {
			s.missing = make(map[uint64]struct{})
		}
		for ; s.next < seq; s.next++ {
			s.missing[s.next] = struct{}{}
		}
		s.next++
	default:
		if _, late := s.missing[seq]; late {
			delete(s.missing, seq)
			v.Reordered++
		} else {
			v.Duplicated++
		}
	}
}

// lost is the number of messages that others have overtaken and that never came.
func (s *sequence) lost() uint64 { return uint64(len(s.missing)) }
