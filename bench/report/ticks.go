package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
)

// intervals is the largest number of intervals between ticks.
const intervals = 6

// evenTicks are round numbers from min to max, written by label.
func evenTicks(label func(float64) string) plot.TickerFunc {
	return func(from, to float64) (ticks []plot.Tick) {
		step := roundStep((to - from) / intervals)
		for i := math.Ceil(from/step - 1e-9); i*step <= to*(1+1e-9); i++ {
			ticks = append(ticks, plot.Tick{Value: i * step, Label: label(i * step)})
		}
		return ticks
	}
}

// roundStep is the smallest of 1, 2 and 5 times a power of ten that is at least x.
func roundStep(x float64) float64 {
	if !(x > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// timeTicks are for a logarithmic axis of nanoseconds: the powers of ten, and 2 and 5 times those
// where there is room.
func timeTicks(from, to float64) (ticks []plot.Tick) {
	steps := []float64{1, 2, 5}
	if to/from > 1e3 {
		steps = steps[:1]
	}
	for power := math.Pow(10, math.Floor(math.Log10(from))); power <= to; power *= 10 {
		for _, m := range steps {
			if v := m * power; v >= from*(1-1e-9) && v <= to*(1+1e-9) {
				ticks = append(ticks, plot.Tick{Value: v, Label: roundTime(v)})
			}
		}
	}
	return ticks
}

// roundTime writes a round number of nanoseconds.
func roundTime(ns float64) string {
	units := []string{"ns", "µs", "ms", "s"}
	for len(units) > 1 && ns >= 1000*(1-1e-9) {
		ns /= 1000
		units = units[1:]
	}
	return fmt.Sprintf("%.4g %s", ns, units[0])
}

// timeAxis makes a logarithmic axis of nanoseconds around what it holds, which is at least 1.
func timeAxis(a *plot.Axis) {
	a.Min = roundDown(a.Min)
	a.Max = math.Max(roundUp(a.Max), 2*a.Min)
	a.Scale = plot.LogScale{}
	a.Tick.Marker = plot.TickerFunc(timeTicks)
}

// roundUp is the smallest of 1, 2 and 5 times a power of ten that is at least x, roundDown the
// largest that is at most x.
func roundUp(x float64) float64   { return roundStep(x) }
func roundDown(x float64) float64 { return 1 / roundStep(1/x) }

// An axis of percentiles is logarithmic in what is above them, as HdrHistogram plots have it: each
// nine more is as far as the one before.

// nines is where a share from 0 to 1 is on such an axis.
func nines(share float64) float64 { return -math.Log10(1 - share) }

// percentileTicks are for an axis of percentiles.
func percentileTicks(_, to float64) (ticks []plot.Tick) {
	for _, t := range []struct {
		share float64
		label string
	}{
		{0.5, "50 %"},
		{0.9, "90 %"},
		{0.99, "99 %"},
		{0.999, "99.9 %"},
		{0.9999, "99.99 %"},
		{0.99999, "99.999 %"},
		{0.999999, "99.9999 %"},
		{0.9999999, "99.99999 %"},
	} {
		if x := nines(t.share); x <= to {
			ticks = append(ticks, plot.Tick{Value: x, Label: t.label})
		}
	}
	return ticks
}
