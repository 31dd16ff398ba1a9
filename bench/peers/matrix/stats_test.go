package main

import (
	"math"
	"testing"
)

func TestStat(t *testing.T) {
	for _, test := range []struct {
		rounds         []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 0},
		{[]float64{3, 1}, 2, 100},
		{[]float64{9, 1, 2}, 2, 400},
		{[]float64{4, 1, 3, 2}, 2.5, 120},
		{[]float64{0, 0, 0}, 0, 0},
	} {
		s := newStat(test.rounds)
		if s.Median != test.median || math.Abs(s.spread()-test.spread) > 1e-9 || s.N != len(test.rounds) {
			t.Errorf("%v: %+v with a spread of %v %%, want %v and %v %%", test.rounds, s, s.spread(), test.median, test.spread)
		}
	}
	rounds := []float64{3, 1, 2}
	newStat(rounds)
	if rounds[0] != 3 {
		t.Error("the rounds were sorted in place")
	}
}

func TestRatio(t *testing.T) {
	three, two, zero, none := newStat([]float64{3}), newStat([]float64{2}), newStat([]float64{0}), stat{}
	if x, ok := three.ratio(two); x != 1.5 || !ok {
		t.Errorf("3 to 2 is %v, %v", x, ok)
	}
	if x, ok := zero.ratio(two); x != 0 || !ok {
		t.Errorf("0 to 2 is %v, %v", x, ok)
	}
	for name, pair := range map[string][2]stat{"by zero": {three, zero}, "by none": {three, none}, "none": {none, three}} {
		if _, ok := pair[0].ratio(pair[1]); ok {
			t.Errorf("%s: there is a ratio", name)
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 0.99949: "0.999", 0.9996: "1.00", 1.234: "1.23", 9.994: "9.99", 9.996: "10.0",
		12.34: "12.3", 99.94: "99.9", 99.96: "100", 999.4: "999", 999.6: "1,000", 1234567: "1,234,567", -1234: "-1,234",
	} {
		if got := number(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
	for n, want := range map[int]string{16: "16 B", 1000: "1000 B", 1 << 10: "1 KiB", 3 << 20: "3 MiB", 1<<20 + 1024: "1025 KiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
