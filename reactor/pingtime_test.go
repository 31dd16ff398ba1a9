package reactor

import (
	"testing"
	"time"

	"example.org/weir/codec"
)

func TestPingClock(t *testing.T) {
	p := newPingClock()
	other := newPingClock()
	mine := p.payload()
	for _, tt := range []struct {
		name    string
		payload []byte
		longest time.Duration
		ok      bool
	}{
		{"its own", mine, time.Hour, true},
		{"none", nil, time.Hour, false},
		{"too short", mine[:7], time.Hour, false},
		{"too long", append(mine, 0), time.Hour, false},
		{"of a stranger", other.payload(), time.Hour, false},
		{"too old", mine, 0, false},
	} {
		if d, ok := p.since(tt.payload, tt.longest); ok != tt.ok || ok && d < 0 {
			t.Errorf("%s: %v, %v", tt.name, d, ok)
		}
	}
}

// TestPingTime checks that the pong to a ping for a silent client is timed, and no other.
func TestPingTime(t *testing.T) {
	srv := &Server{IdleTimeout: 10 * time.Second}
	s := newOpenStand(t, srv)
	s.arrive(frame(codec.Pong, "not ours"))
	if n := observed(read(&s.l.counts.ping)); n != 0 {
		t.Errorf("%d pings were timed before there was one", n)
	}
	s.pass(51)
	s.arrive(frame(codec.Pong, s.wantPing()))
	if n := observed(read(&s.l.counts.ping)); n != 1 {
		t.Errorf("%d pings were timed, want 1", n)
	}
}

// observed is the number of durations in h.
func observed(h Histogram) (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// read returns what h has counted.
func read(h *histogram) (out Histogram) {
	h.addTo(&out)
	return out
}
