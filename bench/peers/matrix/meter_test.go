package main

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestUsed(t *testing.T) {
	start := time.Unix(1000, 0)
	after := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	readings := []reading{
		{at: after(0), unused: 100, stolen: 1, cpu: 5, resident: 1000},
		{at: after(1), unused: 101, stolen: 1, cpu: 5, resident: 2000},
		{at: after(3), unused: 101.5, stolen: 1.2, cpu: 6, resident: 4000},
		{at: after(4), unused: 102.5, stolen: 1.2, cpu: 6, resident: 4000},
	}
	u, err := used(readings, after(1), after(3))
	if err != nil || !near(u.seconds, 2) || !near(u.busy, 1.5) || !near(u.stolen, 0.2) || !near(u.cpu, 1) || !near(u.growth, 3000) {
		t.Errorf("from reading to reading: %+v, %v", u, err)
	}
	u, err = used(readings, after(0.5), after(2))
	if err != nil || !near(u.seconds, 1.5) || !near(u.busy, 0.75) || !near(u.cpu, 0.5) || !near(u.growth, 2000) {
		t.Errorf("between readings: %+v, %v", u, err)
	}
	for name, window := range map[string][2]float64{"before the first": {-1, 1}, "after the last": {1, 5}} {
		if _, err := used(readings, after(window[0]), after(window[1])); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSteady holds that a pause is noticed that touches the measured time, and no other.
func TestSteady(t *testing.T) {
	start := time.Unix(1000, 0)
	after := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	readings := []reading{{at: after(0)}, {at: after(900)}, {at: after(2900)}, {at: after(3800)}, {at: after(4700)}}
	for window, want := range map[[2]int]bool{
		{0, 900}: true, {2900, 4700}: true, {0, 901}: false, {2899, 4700}: false, {1000, 2000}: false,
	} {
		if err := steady(readings, after(window[0]), after(window[1])); (err == nil) != want {
			t.Errorf("between %v ms: %v", window, err)
		}
	}
}

// TestMeter reads this process while it works.
func TestMeter(t *testing.T) {
	m, err := startMeter(0, []int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(4 * interval); time.Now().Before(deadline); {
		_ = strings.Repeat("work", 1000)
	}
	readings, err := m.end()
	if err != nil {
		t.Fatal(err)
	}
	first, final := readings[0], readings[len(readings)-1]
	if len(readings) < 3 || final.at.Sub(first.at) < 4*interval || final.cpu <= first.cpu || final.resident == 0 || final.unused == 0 {
		t.Errorf("%d readings from %+v to %+v", len(readings), first, final)
	}
	const nobody = 1 << 30 // beyond the largest process identifier
	if _, err := startMeter(0, []int{nobody}); err == nil {
		t.Error("no error for a process that is not there")
	}
	if _, err := startMeter(9999, nil); err == nil {
		t.Error("no error for a core that is not there")
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
