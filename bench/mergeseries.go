package bench

import (
	"math"
	"time"
)

// mergeSeries aligns the workers' samples by the clock, in whole seconds since began, and adds them
// up. The last second may be shorter.
func mergeSeries(results []*Result, began time.Time) []Sample {
	end := 0.0
	for _, r := range results {
		if n := len(r.Series); n > 0 {
			end = max(end, r.Series[n-1].T+r.Started.Sub(began).Seconds())
		}
	}
	const tooShort = 0.1 // for rates
	series := make([]Sample, max(int(math.Ceil(end-tooShort)), 0))
	for i := range series {
		series[i].T = min(float64(i+1), end)
	}
	for _, r := range results {
		resample(series, r.Series, r.Started.Sub(began).Seconds())
	}
	for i := range series {
		s := &series[i]
		length := s.T - float64(i)
		s.Rate /= length
		s.BytesIn /= length
		s.BytesOut /= length
	}
	return series
}

// resample adds one worker's samples, moved by offset seconds, to the seconds that they touch: to
// Rate, BytesIn and BytesOut as amounts, so that none is lost or counted twice.
func resample(series, samples []Sample, offset float64) {
	from := offset
	for n, s := range samples {
		to := s.T + offset
		last := n == len(samples)-1
		for i := int(from); i < len(series) && float64(i) < to; i++ {
			second := &series[i]
			share := min(to, second.T) - max(from, float64(i))
			second.Rate += s.Rate * share
			second.BytesIn += s.BytesIn * share
			second.BytesOut += s.BytesOut * share
			if to >= second.T || last {
				second.Connections += s.Connections
				second.Errors += s.Errors
			}
			// What cannot be shared out goes where most of the sample is, and where it fills half a second.
			if share >= min(to-from, 1)/2 {
				second.P50 = max(second.P50, s.P50)
				second.P99 = max(second.P99, s.P99)
				second.Max = max(second.Max, s.Max)
				second.Warmup = second.Warmup || s.Warmup
			}
		}
		from = to
		if last { // the errors of a worker that has ended remain
			for i := int(math.Ceil(to)); i < len(series); i++ {
				series[i].Errors += s.Errors
			}
		}
	}
}
