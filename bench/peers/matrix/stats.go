package main

import "slices"

// stat is what the rounds of one figure come to.
type stat struct {
	Median, Min, Max float64
	N                int // rounds
}

// newStat summarises rounds; without any, N is 0.
func newStat(rounds []float64) stat {
	if len(rounds) == 0 {
		return stat{}
	}
	x := slices.Sorted(slices.Values(rounds))
	mid := len(x) / 2
	median := x[mid]
	if len(x)%2 == 0 {
		median = (x[mid-1] + x[mid]) / 2
	}
	return stat{Median: median, Min: x[0], Max: x[len(x)-1], N: len(x)}
}

// spread is how far the rounds lie apart, in percent of the median.
func (s stat) spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return 100 * (s.Max - s.Min) / s.Median
}

// ratio is how many times other s is; ok is false where there is nothing to compare.
func (s stat) ratio(other stat) (times float64, ok bool) {
	if s.N == 0 || other.N == 0 || other.Median == 0 {
		return 0, false
	}
	return s.Median / other.Median, true
}
