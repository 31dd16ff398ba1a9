package bench

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestSearchConverges has the search look for capacities that are known.
func TestSearchConverges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ first, capacity float64 }{
		{1000, 1}, {1000, 500}, {1000, 1000}, {1000, 1999}, {1000, 2000}, {1000, 123_456}, {7, 1e6}, {1e6, 999_000},
	} {
		var highest float64
		s := &search{run: &run{ctx: t.Context()}, ready: func() bool { return true }, best: newHistogram()}
		s.try = func(rate float64) (Step, *hdrhistogram.Histogram) {
			h := newHistogram()
			record(h, int64(rate))
			if rate <= tc.capacity {
				highest = max(highest, rate)
			}
			return Step{Rate: rate, OK: rate <= tc.capacity}, h
		}
		best := s.between(tc.first)
		resolution := max(best, tc.first) / 64
		if best != highest || best > tc.capacity || tc.capacity-best > resolution+1e-9 {
			t.Errorf("%+v: %v, the highest that held was %v; the resolution is %v", tc, best, highest, resolution)
		}
		if doublings := math.Log2(max(tc.capacity/tc.first, 1)); float64(len(s.steps)) > doublings+2+searchSteps {
			t.Errorf("%+v took %d steps", tc, len(s.steps))
		}
		if best > 0 && s.best.Max() < int64(best)*99/100 {
			t.Errorf("%+v: the latencies are not those of the best rate", tc)
		}
	}
}

// TestSearchInterrupted holds that a rate that was interrupted does not count as held.
func TestSearchInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &search{run: &run{ctx: ctx}, ready: func() bool { return ctx.Err() == nil }, best: newHistogram()}
	s.try = func(rate float64) (Step, *hdrhistogram.Histogram) {
		if rate == 4000 {
			cancel()
		}
		return Step{Rate: rate, OK: true}, newHistogram()
	}
	if best := s.between(1000); best != 2000 || len(s.steps) != 2 {
		t.Errorf("%v after %+v", best, s.steps)
	}
}

// TestSearch has a server that takes 2 ms for each message.
func TestSearch(t *testing.T) {
	t.Parallel()
	srv := &testServer{onMessage: func(c *reactor.Conn, m codec.Message) {
		time.Sleep(2 * time.Millisecond)
		echo(c, m)
	}}
	srv.start(t)
	o := short(srv.url)
	o.Rate, o.SLO = 100, SLO{Percentile: 50, Limit: 200 * time.Millisecond}
	o.patience.answers, o.patience.recover = 100*time.Millisecond, time.Second
	res := must(t, RunSearch, o)
	if res.Messages.Rate <= 0 || res.Messages.Rate > 550 || failedChecks(res) != "" {
		t.Errorf("%v messages/s, checks %+v, steps %+v", res.Messages.Rate, res.Checks, res.Search)
	}
	best, failed := 0.0, 0
	for _, s := range res.Search {
		if s.OK {
			best = max(best, s.Rate)
		} else if failed++; s.Why == "" {
			t.Errorf("no reason: %+v", s)
		}
	}
	if best != res.Messages.Rate || failed == 0 || res.Latency == nil || res.Ended != "complete" {
		t.Errorf("best %v, %d failed, latency %+v, ended %q", best, failed, res.Latency, res.Ended)
	}
}

// TestSearchBeginsEachRateClean has a server that loses its connections at rates that are too high:
// it is found all the same, with all connections.
func TestSearchBeginsEachRateClean(t *testing.T) {
	t.Parallel()
	srv := &testServer{}
	var last time.Time
	burst := 0
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if at := time.Now(); at.Sub(last) > 100*time.Millisecond {
			last, burst = at, 0
		}
		if burst++; burst > 100 {
			_ = c.CloseNow()
			return
		}
		echo(c, m)
	}
	srv.start(t)
	o := short(srv.url)
	o.Rate, o.SLO = 2000, SLO{Percentile: 50, Limit: 3 * time.Second}
	o.Duration, o.Warmup = 300*time.Millisecond, 50*time.Millisecond
	res := must(t, RunSearch, o)
	if first := res.Search[0]; first.OK || !strings.Contains(first.Why, "connections were lost") {
		t.Errorf("the first rate: %+v", first)
	}
	if srv.opened.Load() < 8 || len(res.Search) < searchSteps || res.Ended != "complete" {
		t.Errorf("%v messages/s, %d connections, %+v", res.Messages.Rate, srv.opened.Load(), res.Search)
	}
}
