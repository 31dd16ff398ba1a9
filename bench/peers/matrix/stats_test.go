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
