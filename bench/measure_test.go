package bench

import (
	"math"
	"net"
	"slices"
	"testing"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// fakeConn is a connection that takes everything.
type fakeConn struct {
	err  error
	sent int
}

func (c *fakeConn) WriteMessage(codec.Opcode, []byte) error { c.sent++; return c.err }
func (c *fakeConn) Do(f func(*reactor.Conn)) error          { f(nil); return c.err }
func (c *fakeConn) CloseNow() error                         { return nil }

// fakeLoop is a loop of an open-loop run with sessions on connections that take everything.
func fakeLoop(o *Options, sessions int) *genLoop {
	if err := o.Normalize(); err != nil {
		panic(err)
	}
	r := &run{opt: o}
	l := &genLoop{run: r, meter: newMeter(&r.window, true), payloads: newPayloads(o, 0)}
	for i := range sessions {
		newSession(l, i).opened(&fakeConn{})
	}
	return l
}

// TestWindow holds that a message belongs to the measured time when it was meant to be sent in it,
// and is received in it when it came in it.
func TestWindow(t *testing.T) {
	t.Parallel()
	var w window
	if w.has(0) || w.has(now()) {
		t.Error("something belongs to a measured time that has not begun")
	}
	w.from.Store(1000)
	w.to.Store(2000)
	for _, tc := range []struct {
		intended, at   int64
		sent, received uint64
		latencies      int64
	}{
		{999, 1500, 0, 1, 0},
		{1000, 1001, 1, 1, 1},
		{1999, 2000, 1, 0, 1},
		{1999, 9000, 1, 0, 1},
		{2000, 2001, 0, 0, 0},
		{500, 600, 0, 0, 0},
	} {
		m := newMeter(&w, false)
		m.received(10, m.sent(10, tc.intended, tc.intended), tc.at)
		got := m.measured
		want := tally{sent: tc.sent, received: tc.received, bytesOut: 10 * tc.sent, bytesIn: 10 * tc.received}
		if got != want || m.latency.TotalCount() != tc.latencies || m.unmeasured.TotalCount() != 1-tc.latencies {
			t.Errorf("%+v: %+v, %d latencies", tc, got, m.latency.TotalCount())
		}
		if all := (tally{1, 1, 10, 10}); m.tally != all {
			t.Errorf("%+v: in all %+v", tc, m.tally)
		}
	}
	w.open()
	if at := now(); !w.has(at) || w.has(at-int64(1e9)) {
		t.Error("open has not begun it now")
	}
	if s := w.close(); w.has(now()) || s <= 0 || s > 10 {
		t.Error("close has not ended it")
	}
}

func TestMeterTake(t *testing.T) {
	t.Parallel()
	var w window
	w.from.Store(1000)
	w.to.Store(2000)
	m := newMeter(&w, true)
	latency, raw, unmeasured := newHistogram(), newHistogram(), newHistogram()
	for range 3 {
		m.received(1, m.sent(1, 1100, 1150), 1200)
		m.received(1, m.sent(1, 100, 100), 150)
		m.take(latency, raw, unmeasured)
	}
	for name, h := range map[string]struct {
		count, at int64
	}{"latency": {latency.TotalCount(), latency.Max()}, "raw": {raw.TotalCount(), raw.Max()}, "unmeasured": {unmeasured.TotalCount(), unmeasured.Max()}} {
		if want := map[string]int64{"latency": 100, "raw": 50, "unmeasured": 50}[name]; h.count != 3 || h.at != want {
			t.Errorf("%s: %+v, want 3 of %d", name, h, want)
		}
	}
}

// TestRecordBounds holds that no time is lost, however long.
func TestRecordBounds(t *testing.T) {
	t.Parallel()
	h := newHistogram()
	for _, ns := range []int64{math.MinInt64, 0, 1, longest, longest + 1, math.MaxInt64} {
		record(h, ns)
	}
	if h.TotalCount() != 6 || h.Min() != 1 {
		t.Errorf("%d were recorded, from %d", h.TotalCount(), h.Min())
	}
}

// TestNoAllocations holds that a message costs no allocation, with and without verification.
func TestNoAllocations(t *testing.T) {
	for _, verify := range []bool{false, true} {
		l := fakeLoop(&Options{Targets: []string{"ws://x"}, Verify: verify}, 1)
		s := l.sessions[0]
		m := codec.Message{Opcode: codec.Text, Payload: make([]byte, 128)}
		one := func() {
			at := now()
			l.mu.Lock()
			defer l.mu.Unlock()
			copy(m.Payload, l.payloads.next(s.number, s.flights.tail))
			s.send(at, at)
			if !s.reply(m, at) {
				t.Error("the message was not taken")
			}
		}
		if n := testing.AllocsPerRun(1000, one); n != 0 {
			t.Errorf("verify %v: %v allocations a message", verify, n)
		}
	}
}

// TestRefusedMessages holds that a message that could not be sent counts in an open loop.
func TestRefusedMessages(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"full": reactor.ErrBufferFull, "closed": net.ErrClosed} {
		l := fakeLoop(&Options{Targets: []string{"ws://x"}}, 1)
		l.run.loops = []*genLoop{l}
		l.run.window.open()
		s := l.sessions[0]
		s.establish()
		s.conn = &fakeConn{err: err}
		for range 5 {
			s.send(now(), now())
		}
		l.run.giveUp()
		if l.run.unanswered != 5 || l.meter.latency.TotalCount() != 5 || l.meter.measured.sent != 5 {
			t.Errorf("%s: unanswered %d, latencies %d, sent %d; want 5", name, l.run.unanswered, l.meter.latency.TotalCount(), l.meter.measured.sent)
		}
		if n := l.meter.failures(); (n == 5) != (name == "full") {
			t.Errorf("%s: errors: %v", name, l.meter.errors)
		}
	}
}

// TestGivenUpAttempts holds that what was sent on a connection that never counted as open does not
// count as lost.
func TestGivenUpAttempts(t *testing.T) {
	t.Parallel()
	l := fakeLoop(&Options{Targets: []string{"ws://x"}}, 2)
	l.run.loops = []*genLoop{l}
	l.sessions[0].establish()
	for _, s := range l.sessions {
		s.send(now(), now())
	}
	if l.run.giveUp(); l.run.unanswered != 1 {
		t.Errorf("%d messages were not answered, want that of the open connection", l.run.unanswered)
	}
}

// TestEstablish holds that a connection that ends is counted once, whether or not it does before the
// attempt to open it is known to have succeeded.
func TestEstablish(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		order   string
		leaving bool
		lost    int64
	}{{"established closed", false, 1}, {"closed established", false, 1}, {"established closed", true, 0}, {"closed", false, 0}} {
		l := fakeLoop(&Options{Targets: []string{"ws://x"}}, 1)
		s := l.sessions[0]
		s.leaving.Store(tc.leaving)
		switch tc.order {
		case "established closed":
			s.establish()
			s.closed(net.ErrClosed)
		case "closed established":
			s.closed(net.ErrClosed)
			s.establish()
		case "closed":
			s.closed(net.ErrClosed)
		}
		r := l.run
		if r.lost.Load() != tc.lost || r.live.Load() != 0 || int64(l.meter.failures()) != tc.lost || len(l.sessions) != 0 {
			t.Errorf("%+v: lost %d, live %d, errors %v", tc, r.lost.Load(), r.live.Load(), l.meter.errors)
		}
	}
}

// TestRemove holds that sessions can end in any order.
func TestRemove(t *testing.T) {
	t.Parallel()
	l := fakeLoop(&Options{Targets: []string{"ws://x"}}, 5)
	all := slices.Clone(l.sessions)
	l.mu.Lock()
	for _, s := range all {
		s.send(now(), now())
	}
	l.mu.Unlock()
	for i, n := range []int{2, 4, 0, 1, 3} {
		all[n].establish()
		all[n].closed(net.ErrClosed)
		if len(l.sessions) != 4-i || l.underway != 4-i || len(l.abandoned) != i+1 || slices.Contains(l.sessions, all[n]) {
			t.Fatalf("after %d: %d sessions, %d under way, %d abandoned", n, len(l.sessions), l.underway, len(l.abandoned))
		}
	}
	if l.any() != nil {
		t.Error("there is a session left")
	}
}

func TestGeneratorJudged(t *testing.T) {
	t.Parallel()
	for cpu, want := range map[float64]bool{1.7: false, 1.9: true} {
		o := &Options{Loops: 2}
		r := &run{opt: o, res: &Result{Seconds: 2}}
		if r.cores() == 2 {
			cpu *= 2
		}
		r.res.Generator.CPUSeconds = cpu
		r.judgeGenerator()
		if g := r.res.Generator; g.Bottleneck != want || (len(r.res.Warnings) == 1) != want || g.Loops != 2 {
			t.Errorf("%v s of CPU in 2 s: %+v, %q", cpu, g, r.res.Warnings)
		}
	}
}
