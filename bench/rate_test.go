package bench

import (
	"math"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

func TestRate(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Rate, o.Conns, o.Loops, o.Verify = 2000, 7, 2, true
	o.Warmup, o.Duration = 50*time.Millisecond, 400*time.Millisecond
	res := must(t, RunRate, o)
	if failed := failedChecks(res); failed != "" && failed != "rate" { // on a busy machine
		t.Errorf("checks: %+v", res.Checks)
	}
	wantSchedule(t, res, o.Rate)
	if res.RawLatency == nil || res.RawLatency.Count != res.Latency.Count || res.RawLatency.Mean > res.Latency.Mean {
		t.Errorf("latency %+v, from the actual sending %+v", res.Latency, res.RawLatency)
	}
}

// wantSchedule fails the test unless exactly what was due in the measured time was sent and timed.
func wantSchedule(t *testing.T, res *Result, rate float64) {
	t.Helper()
	wantWhole(t, res)
	if due := rate * res.Seconds; math.Abs(float64(res.Messages.Sent)-due) > 1+float64(res.Generator.Loops) {
		t.Errorf("%d messages were sent, %.1f were due", res.Messages.Sent, due)
	}
}

// TestSchedule holds that messages are due at even intervals and go to the connections in turn, and
// that none is sent before it is due.
func TestSchedule(t *testing.T) {
	t.Parallel()
	l := fakeLoop(&Options{Targets: []string{"ws://x"}}, 3)
	at := now()
	s := &schedule{loop: l, start: at, gap: 1e6, end: math.MaxInt64}
	s.sendDue()
	if n := l.underway; n == 0 {
		t.Error("the first message is not due at the start")
	}
	eventually(t, "10 messages", func() bool { s.sendDue(); return l.underway >= 10 })
	for i, c := range l.sessions {
		n := int64(i)
		c.flights.all(func(x flight) {
			if x.intended != at+n*1e6 || x.sent < x.intended {
				t.Errorf("message %d: meant for %d, sent at %d", n, x.intended-at, x.sent-at)
			}
			n += 3
		})
	}
	s.end = s.due(s.next) + 2e6 // two more
	sent := l.underway
	eventually(t, "the end", func() bool { s.sendDue(); return now() > s.end+1e6 })
	if l.underway != sent+2 {
		t.Errorf("%d messages were sent up to the end, want 2", l.underway-sent)
	}
}

// TestRateChargesStall holds that there is no coordinated omission: a server that stalls is charged
// for every message that the schedule had meanwhile.
func TestRateChargesStall(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	srv := &testServer{}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if srv.messages.Load() == 100 {
			time.Sleep(stall)
		}
		echo(c, m)
	}
	srv.start(t)
	o := short(srv.url)
	o.Rate, o.Duration = 1000, 600*time.Millisecond
	res := must(t, RunRate, o)
	wantSchedule(t, res, o.Rate)
	h, _ := res.Latency.Histogram()
	// In the first 200 ms of the stall 200 messages are due, which wait for 100 ms at least.
	slow := int64(0)
	for _, b := range h.Distribution() {
		if b.From >= int64(99*time.Millisecond) {
			slow += b.Count
		}
	}
	if slow < 190 {
		t.Errorf("%d messages took 100 ms or more, at least 200 have", slow)
	}
}

// TestRateStallAtTheEnd holds that what is answered after the end counts.
func TestRateStallAtTheEnd(t *testing.T) {
	t.Parallel()
	const stall = 500 * time.Millisecond
	srv := &testServer{}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if srv.messages.Load() == 50 {
			time.Sleep(stall)
		}
		echo(c, m)
	}
	srv.start(t)
	o := short(srv.url)
	o.Rate, o.Duration = 1000, 150*time.Millisecond
	res := must(t, RunRate, o)
	wantSchedule(t, res, o.Rate)
	if res.Latency.Max < int64(stall)*9/10 {
		t.Errorf("the longest latency is %v", time.Duration(res.Latency.Max))
	}
	wantChecks(t, res, "rate")
}

// TestRateUnanswered holds that messages that do not come back are timed too, and counted as lost,
// also those of connections that end.
func TestRateUnanswered(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(c *reactor.Conn){
		"silence": func(*reactor.Conn) {},
		"cut":     func(c *reactor.Conn) { _ = c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &testServer{}
			srv.onMessage = func(c *reactor.Conn, m codec.Message) {
				if srv.messages.Load() > 100 && c.Data == nil {
					c.Data = true
				}
				if c.Data != nil {
					fault(c)
					return
				}
				echo(c, m)
			}
			srv.start(t)
			o := short(srv.url)
			o.Rate, o.Verify, o.Duration = 1000, true, 300*time.Millisecond
			o.patience.answers = 300 * time.Millisecond
			res := must(t, RunRate, o)
			wantWhole(t, res)
			if name == "silence" {
				wantSchedule(t, res, o.Rate)
				if res.Latency.Max < int64(300*time.Millisecond) {
					t.Errorf("the longest latency is %v", time.Duration(res.Latency.Max))
				}
			}
			if failed := failedChecks(res); res.Verify.Lost == 0 || !strings.Contains(failed, "answers verify") {
				t.Errorf("verify %+v, failed: %s", res.Verify, failed)
			}
			if n := srv.messages.Load() - 100; name == "silence" && res.Verify.Lost != uint64(n) {
				t.Errorf("%d messages were not answered, found: %+v", n, res.Verify)
			}
		})
	}
}

func TestRateNeedsRate(t *testing.T) {
	t.Parallel()
	if _, err := RunRate(t.Context(), short("ws://localhost")); err == nil {
		t.Error("no error without a rate")
	}
}
