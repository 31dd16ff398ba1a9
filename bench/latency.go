package bench

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms reach from 1 ns to longest with three significant digits; what is longer counts as
// longest.
const longest = int64(10 * time.Minute)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

// record adds a time to a histogram.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, 1), longest)) // in range, so it cannot fail
}

// percentiles are those that a Latency names.
var percentiles = []string{"50", "90", "99", "99.9", "99.99"}

// newLatency summarises a histogram; nil when it is empty.
func newLatency(h *hdrhistogram.Histogram) *Latency {
	if h.TotalCount() == 0 {
		return nil
	}
	l := &Latency{
		Count: h.TotalCount(),
		Mean:  h.Mean(),
		Min:   h.Min(),
		Max:   h.Max(),
		At:    make(map[string]int64, len(percentiles)),
		hist:  h,
	}
	for _, p := range percentiles {
		var q float64
		_, _ = fmt.Sscan(p, &q)
		l.At[p] = h.ValueAtQuantile(q)
	}
	if b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		l.HDR = string(b)
	}
	return l
}

// Histogram returns the whole distribution, decoded from HDR if need be.
func (l *Latency) Histogram() (*hdrhistogram.Histogram, error) {
	if l.hist != nil {
		return l.hist, nil
	}
	if _, err := base64.StdEncoding.DecodeString(l.HDR); err != nil {
		return nil, fmt.Errorf("the histogram is not base64: %w", err)
	}
	h, err := hdrhistogram.Decode([]byte(l.HDR))
	if err != nil {
		return nil, err
	}
	l.hist = h
	return h, nil
}
