package main

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	rtm "runtime/metrics"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestLive watches a server as a dashboard does.
func TestLive(t *testing.T) {
	w := watch(t, &reactor.Server{TrackConns: true})
	front := httptest.NewServer(w.h)
	defer front.Close()
	page := &listener{heard: make(chan string, 100), closed: make(chan error, 1)}
	url := "ws" + strings.TrimPrefix(front.URL, "http") + "/live"
	if _, err := w.client.Dial(t.Context(), url, page, nil); err != nil {
		t.Fatal(err)
	}
	gone, l := w.dial("/")
	_ = gone.Close(codec.CloseNormal, "")
	within(t, l.closed)
	c, l := w.dial("/")
	var s snapshot
	eventually(t, "messages are seen to pass", func() bool {
		w.say(c, l, "hello world!")
		select {
		case text := <-page.heard:
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				t.Fatal(err)
			}
		default:
		}
		return s.MessagesIn > 0 && s.MessagesOut > 0 && s.BytesIn > 0 && s.BytesOut > 0
	})
	if s.Connections != 1 || s.App != "echo" || s.State != "ready" || s.Heap == 0 || s.Memory < s.Heap || s.Goroutines == 0 || s.NATS != "" {
		t.Errorf("%+v", s)
	}
	if len(s.Closes) != 1 || s.Closes[0] != (closeLine{1000, "1000 (Normal Closure)", "client", 1}) {
		t.Errorf("closes: %+v", s.Closes)
	}
	if len(s.Loops) == 0 {
		t.Error("there are no loops")
	}
}

// TestLiveOrigin holds that pages of other sites do not get to see anything.
func TestLiveOrigin(t *testing.T) {
	w := watch(t, &reactor.Server{})
	front := httptest.NewServer(w.h)
	defer front.Close()
	url := "ws" + strings.TrimPrefix(front.URL, "http") + "/live"
	elsewhere := &reactor.DialOptions{Origin: "https://elsewhere.example"}
	if _, err := w.client.Dial(t.Context(), url, &listener{}, elsewhere); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a page from elsewhere: %v", err)
	}
}

// TestSnapshot compares rates with what has come between two moments.
func TestSnapshot(t *testing.T) {
	at := time.Now()
	kind := reactor.CloseKind{Code: codec.CloseNormal}
	pauses := func(counts ...uint64) *rtm.Float64Histogram {
		return &rtm.Float64Histogram{Counts: counts, Buckets: []float64{0, 0.1, 0.2, math.Inf(1)}}
	}
	before := &sample{at: at, goes: goSample{cycles: 5, pauses: pauses(1, 1, 0)}, stats: reactor.Stats{
		Opened: 10, Received: reactor.Traffic{Text: 1, Binary: 2, Bytes: 100},
		Closed: map[reactor.CloseKind]uint64{kind: 1},
	}}
	now := &sample{at: at.Add(2 * time.Second), cpu: time.Second, goes: goSample{cycles: 11, pauses: pauses(1, 3, 0)}, stats: reactor.Stats{
		Opened: 14, Received: reactor.Traffic{Text: 5, Binary: 4, Control: 99, Bytes: 300},
		Closed: map[reactor.CloseKind]uint64{kind: 4}, Dropped: 2, Rejected: 4,
		Loops: []reactor.LoopStats{{Loop: 0, Lag: time.Second}, {Loop: 1, Lag: 3 * time.Second}},
	}, topics: reactor.TopicStats{Missed: 6, Published: 8, Delivered: 10}}
	s := newAdmin(echo{}, 100).snapshot(before, now)
	got := []float64{s.Opened, s.Closed, s.MessagesIn, s.BytesIn, s.Dropped, s.GCs, s.GCPause, s.CPU, s.Lag, s.Published, s.Delivered}
	want := []float64{2, 1.5, 3, 100, 6, 3, 0.1, 0.5, 3, 4, 5}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-9 {
			t.Errorf("%v, want %v", got, want)
			break
		}
	}
	if s.State != "starting" {
		t.Errorf("the state is %q", s.State)
	}
}

// TestQuantile holds what is told of histograms.
func TestQuantile(t *testing.T) {
	var before, after reactor.Histogram
	if got := quantile(0.5, before, after); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	before.Counts[20] = 1000
	after.Counts[20] = 1000 // which were there before
	after.Counts[1] = 90    // 1.024 to 2.048 µs
	after.Counts[10] = 10   // 0.5 to 1 ms
	for part, want := range map[float64]time.Duration{0.45: 1536, 0.9: 2048, 0.95: 786432, 1: 1048576} {
		if got := quantile(part, before, after); got != want {
			t.Errorf("%v: %v, want %v", part, got, want)
		}
	}
	after.Counts[len(after.Counts)-1] = 1000
	if got, want := quantile(0.99, before, after), reactor.HistogramBound(len(after.Counts)-2); got != want {
		t.Errorf("beyond all bounds: %v, want %v", got, want)
	}
}
