package bench

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// noon is when the workers of these tests start.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// worker is a result of echo with times drawn from a seed, as it comes back from JSON.
func worker(t *testing.T, seed uint64, n int) (*Result, []int64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	h := newHistogram()
	times := make([]int64, n)
	for i := range times {
		times[i] = 1000 + rnd.Int64N(50_000_000)
		record(h, times[i])
	}
	l := newLatency(h)
	l.hist = nil
	return &Result{
		Scenario:    "echo",
		Targets:     []string{"ws://localhost:8080"},
		Settings:    map[string]string{"conns": "10", "depth": "2", "loops": "1"},
		Started:     noon,
		Seconds:     2,
		Ended:       "complete",
		Connections: Connections{Wanted: 10, Opened: 10, Rate: 100},
		Messages:    Messages{Sent: uint64(n), Received: uint64(n), BytesOut: 5, BytesIn: 6, Rate: float64(n) / 2},
		Latency:     l,
		Generator:   Generator{CPUSeconds: 1, Loops: 1, Busiest: 40, PerMessage: 5},
		Errors:      map[string]int{},
		Checks:      []Check{{Name: "connections", OK: true}, {Name: "errors", OK: true}},
	}, times
}

func merged(t *testing.T, results ...*Result) *Result {
	t.Helper()
	m, err := Merge(results)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMergeHistogramsExactly(t *testing.T) {
	a, x := worker(t, 1, 3000)
	b, y := worker(t, 2, 500)
	c, _ := worker(t, 3, 10)
	c.Latency = nil
	m := merged(t, a, b, c)

	want := newHistogram()
	for _, ns := range append(x, y...) {
		record(want, ns)
	}
	got, err := m.Latency.Histogram()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equals(want) || m.Latency.Count != 3500 || m.Latency.At["99.9"] != want.ValueAtQuantile(99.9) {
		t.Errorf("merged to %d values, p99.9 %d; want %d, p99.9 %d",
			m.Latency.Count, m.Latency.At["99.9"], want.TotalCount(), want.ValueAtQuantile(99.9))
	}
	again, err := hdrhistogram.Decode([]byte(m.Latency.HDR))
	if err != nil || !again.Equals(want) {
		t.Errorf("HDR decodes to another histogram (%v)", err)
	}
	if m.RawLatency != nil || m.Connect != nil || m.Fanout != nil || m.Verify != nil || m.Server != nil {
		t.Error("the merged result has what no worker had")
	}
}

func TestMergeCounts(t *testing.T) {
	a, _ := worker(t, 1, 100)
	b, _ := worker(t, 2, 300)
	b.Started = noon.Add(-time.Second)
	b.Seconds = 4
	b.Targets = []string{"ws://localhost:8080", "ws://localhost:8081"}
	b.Settings = map[string]string{"conns": "20", "depth": "3", "loops": "2"}
	b.Ended = "interrupted"
	b.Machine.Cores = 8
	a.Warnings, b.Warnings = []string{"one"}, []string{"one", "two"}
	a.Errors["x"], b.Errors["x"], b.Errors["y"] = 1, 2, 3
	b.Connections.Lost = 1
	b.Generator = Generator{CPUSeconds: 3, Loops: 2, Busiest: 95, Bottleneck: true}
	a.Verify, b.Verify = &Verify{Lost: 1}, &Verify{Lost: 2, Corrupted: 3}
	m := merged(t, a, b)

	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"started", m.Started, noon.Add(-time.Second)},
		{"seconds", m.Seconds, 4.0},
		{"ended", m.Ended, "interrupted"},
		{"targets", m.Targets, []string{"ws://localhost:8080", "ws://localhost:8081"}},
		{"settings", m.Settings, map[string]string{"conns": "30", "depth": "2, 3", "loops": "3"}},
		{"connections", m.Connections, Connections{Wanted: 20, Opened: 20, Lost: 1, Rate: 200}},
		{"messages", m.Messages, Messages{Sent: 400, Received: 400, BytesOut: 10, BytesIn: 12, Rate: 100}},
		{"generator", m.Generator, Generator{CPUSeconds: 4, Loops: 3, Busiest: 95, PerMessage: 1e4, Bottleneck: true}},
		{"errors", m.Errors, map[string]int{"x": 3, "y": 3}},
		{"verify", *m.Verify, Verify{Lost: 3, Corrupted: 3}},
		{"warnings", len(m.Warnings), 3},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if !strings.Contains(strings.Join(m.Warnings, "\n"), "another machine") {
		t.Errorf("no warning of the other machine in %q", m.Warnings)
	}
	if a.Messages.Received != 100 || a.Errors["x"] != 1 || len(a.Warnings) != 1 {
		t.Error("Merge has changed a worker's result")
	}
}

func TestMergeChecks(t *testing.T) {
	check := func(m *Result, name string) Check {
		t.Helper()
		for _, c := range m.Checks {
			if c.Name == name {
				return c
			}
		}
		t.Fatalf("no check %q in %v", name, m.Checks)
		return Check{}
	}
	a, _ := worker(t, 1, 1000)
	b, _ := worker(t, 2, 1000)
	a.Settings["rate"], b.Settings["rate"] = "490", "510"
	a.Checks = append(a.Checks, Check{Name: "rate", OK: true}, Check{Name: "reach", OK: true, Detail: "all"})
	b.Checks = append(b.Checks, Check{Name: "rate", OK: false}, Check{Name: "reach", OK: true, Detail: "all"})
	m := merged(t, a, b)
	if c := check(m, "rate"); !c.OK || c.Detail != "1000 of 1000 messages/s came back" {
		t.Errorf("the whole kept the rate, yet: %+v", c)
	}
	if c := check(m, "reach"); !c.OK || c.Detail != "all" {
		t.Errorf("reach: %+v", c)
	}
	if !m.OK() || len(m.Checks) != 4 {
		t.Errorf("checks: %+v", m.Checks)
	}

	b.Messages.Received = 500
	b.Errors["x"] = 1
	b.Connections.Failed = 1
	b.Verify = &Verify{Reordered: 1}
	b.Checks[3].OK = false
	m = merged(t, a, b)
	for _, name := range []string{"rate", "reach", "errors", "connections", "verify"} {
		if check(m, name).OK {
			t.Errorf("check %q is met", name)
		}
	}
}

func TestMergeServers(t *testing.T) {
	var all []*Result
	for i, p := range []*Process{
		{PID: 7, CPUSeconds: 2, RSSBefore: 100, RSSAfter: 3000},
		{PID: 7, CPUSeconds: 3, RSSBefore: 200, RSSAfter: 2900},
		{PID: 8, CPUSeconds: 1, RSSBefore: 10, RSSAfter: 20},
		nil,
	} {
		w, _ := worker(t, uint64(i), 100)
		w.Server = p
		all = append(all, w)
	}
	want := Process{PID: 7, CPUSeconds: 4, PerMessage: 1e4, RSSBefore: 110, RSSAfter: 3020, PerConnection: 2910.0 / 40}
	if got := *merged(t, all...).Server; got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMergeFanouts(t *testing.T) {
	a, _ := worker(t, 1, 10)
	b, _ := worker(t, 2, 20)
	a.Fanout = &Fanout{Publishes: 10, Receivers: 10, Deliveries: 100, Rate: 50, Reach: 100, First: a.Latency, Last: a.Latency}
	b.Fanout = &Fanout{Publishes: 10, Receivers: 30, Deliveries: 150, Rate: 75, Reach: 50, First: b.Latency}
	f := merged(t, a, b).Fanout
	if f.Publishes != 20 || f.Receivers != 40 || f.Deliveries != 250 || f.Rate != 125 || f.Reach != 62.5 {
		t.Errorf("%+v", f)
	}
	if f.First.Count != 30 || f.Last.Count != 10 || f.Median != nil {
		t.Errorf("first %v, median %v, last %v", f.First, f.Median, f.Last)
	}
}

func TestMergeSeries(t *testing.T) {
	a, _ := worker(t, 1, 1)
	b, _ := worker(t, 2, 1)
	b.Started = noon.Add(500 * time.Millisecond)
	a.Series = []Sample{
		{T: 1, Connections: 5, Rate: 100, P50: 1, P99: 10, Max: 100, Warmup: true},
		{T: 2, Connections: 5, Rate: 100, P50: 2, P99: 20, Max: 200, Errors: 3},
	}
	b.Series = []Sample{
		{T: 0.25, Connections: 7, Rate: 1000, P50: 9, P99: 90, Max: 900, Warmup: true}, // 0.5 to 0.75 on a's clock
		{T: 1.25, Connections: 8, Rate: 400, P50: 1, P99: 5, Max: 70},                  // to 1.75
		{T: 2.25, Connections: 8, Rate: 400, P50: 3, P99: 6, Max: 50, Errors: 1},       // to 2.75
	}
	got := merged(t, a, b).Series
	want := []Sample{
		{T: 1, Connections: 5 + 8, Rate: 100 + 250 + 100, P50: 9, P99: 90, Max: 900, Warmup: true},
		{T: 2, Connections: 5 + 8, Rate: 100 + 300 + 100, P50: 2, P99: 20, Max: 200, Errors: 3 + 1},
		{T: 2.75, Connections: 8, Rate: 300 / 0.75, P50: 3, P99: 6, Max: 50, Errors: 3 + 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestMergeSeriesOfOneThatEnds holds that the errors of a worker that has ended are not forgotten, and
// its connections are.
func TestMergeSeriesOfOneThatEnds(t *testing.T) {
	a, _ := worker(t, 1, 1)
	b, _ := worker(t, 2, 1)
	a.Series = []Sample{{T: 1, Connections: 5, Errors: 1}, {T: 1.5, Connections: 4, Errors: 2}}
	b.Series = []Sample{{T: 1, Connections: 7}, {T: 2, Connections: 7}, {T: 3, Connections: 7, Errors: 4}}
	want := []Sample{{T: 1, Connections: 12, Errors: 1}, {T: 2, Connections: 11, Errors: 2}, {T: 3, Connections: 7, Errors: 6}}
	for _, results := range [][]*Result{{a, b}, {b, a}} {
		if got := merged(t, results...).Series; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// TestMergeSeriesKeepsAmounts holds that no message is lost or counted twice, however the samples
// of a worker lie.
func TestMergeSeriesKeepsAmounts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		results := []*Result{{Started: noon}, {Started: noon.Add(time.Duration(rnd.Int64N(3e9)))}}
		sent := 0.0
		var worst int64
		for _, w := range results {
			at := 0.0
			for range 5 {
				d := 0.2 + 2*rnd.Float64()
				at += d
				s := Sample{T: at, Rate: 1000 * rnd.Float64(), Max: rnd.Int64N(1e9)}
				sent += s.Rate * d
				worst = max(worst, s.Max)
				w.Series = append(w.Series, s)
			}
		}
		got, from, most := 0.0, 0.0, int64(0)
		for _, s := range mergeSeries(results, noon) {
			got += s.Rate * (s.T - from)
			from = s.T
			most = max(most, s.Max)
		}
		// The last tenth of a second may be left out.
		if got > sent+1e-6 || got < sent-0.1*2000 || math.IsNaN(got) {
			t.Fatalf("%v messages became %v", sent, got)
		}
		if most != worst {
			t.Fatalf("the longest time %d became %d", worst, most)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	a, _ := worker(t, 1, 10)
	other, _ := worker(t, 2, 10)
	other.Scenario = "fanout"
	search, _ := worker(t, 3, 10)
	search.Scenario = "search"
	bad, _ := worker(t, 4, 10)
	bad.Latency.HDR = "!"
	longer, _ := worker(t, 5, 10)
	h := hdrhistogram.New(1, 100*longest, 3)
	if err := h.RecordValue(50 * longest); err != nil {
		t.Fatal(err)
	}
	longer.Latency = newLatency(h)
	for name, results := range map[string][]*Result{
		"nothing":                        nil,
		"different scenarios":            {a, other},
		"searches":                       {search},
		"a histogram that is not one":    {a, bad},
		"a histogram that does not fit":  {a, longer},
		"an unreadable one in the first": {bad, a},
	} {
		if m, err := Merge(results); err == nil {
			t.Errorf("%s: merged to %+v", name, m)
		}
	}
}
