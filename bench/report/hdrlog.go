package report

import (
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/bench"
)

// WriteHDR writes the distributions of r as an HdrHistogram log, format 1.3: a line each, in
// nanoseconds, over the whole of the measured time. Its tag is the distribution's name in the table:
// "corrected" (from when a message was due) and "raw" (from when it was sent) of an open loop,
// "connect", and so on.
func WriteHDR(w io.Writer, r *bench.Result) error {
	began := r.Started.UnixMilli()
	from := measuredFrom(r)
	to := from + int64(1000*r.Seconds)
	lw := hdrhistogram.NewHistogramLogWriter(w)
	for _, err := range []error{
		lw.OutputComment("[weirbench " + title(r) + "]"),
		lw.OutputLogFormatVersion(),
		// The library's OutputStartTime writes local time; the log is the same wherever it is written.
		lw.OutputComment(fmt.Sprintf("[StartTime: %.3f (seconds since epoch), %s]", float64(began)/1000, r.Started.UTC().Format(time.RFC3339))),
		lw.OutputLegend(),
	} {
		if err != nil {
			return err
		}
	}
	for _, d := range distributions(r) {
		h, err := d.Histogram()
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		h = hdrhistogram.Import(h.Export()) // a copy: the result's own stays without a tag
		h.SetTag(d.Name)
		h.SetStartTimeMs(from)
		h.SetEndTimeMs(to)
		if d.Latency == r.Connect {
			h.SetStartTimeMs(began)
		}
		if err := lw.OutputIntervalHistogram(h); err != nil {
			return err
		}
	}
	return nil
}

// measuredFrom is when the warm-up was over, in milliseconds of Unix time.
func measuredFrom(r *bench.Result) int64 {
	warm := 0.0
	for _, s := range r.Series {
		if !s.Warmup {
			break
		}
		warm = s.T
	}
	return r.Started.UnixMilli() + int64(1000*warm)
}
