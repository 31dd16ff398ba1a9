package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestHDR(t *testing.T) {
	for name, tags := range map[string][]string{
		"echo":    {"message", "connect"},
		"rate":    {"corrected", "raw", "connect"},
		"search":  {"corrected", "connect"},
		"churn":   {"cycle", "connect"},
		"fanout":  {"delivery", "first", "median", "last", "connect"},
		"connect": {"connect"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fixture(t, name)
			var b bytes.Buffer
			if err := WriteHDR(&b, r); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "#[Histogram log format version 1.3]\n#[StartTime: ") {
				t.Errorf("head: %.200s", b.String())
			}
			reader := hdrhistogram.NewHistogramLogReader(&b)
			var got []string
			for _, d := range distributions(r) {
				h, err := reader.NextIntervalHistogram()
				if err != nil || h == nil {
					t.Fatalf("%s: %v", d.Name, err)
				}
				got = append(got, h.Tag())
				want, err := d.Histogram()
				if err != nil {
					t.Fatal(err)
				}
				if !h.Equals(want) || h.TotalCount() != d.Count {
					t.Errorf("%s comes back as another histogram", d.Name)
				}
				if want.Tag() != "" || want.StartTimeMs() != 0 {
					t.Errorf("%s: the result's own histogram was changed", d.Name)
				}
				from, length := h.StartTimeMs()-r.Started.UnixMilli(), float64(h.EndTimeMs()-h.StartTimeMs())/1000
				if d.Name == "connect" {
					if from < -1 || from > 1 {
						t.Errorf("connect begins %d ms after the start", from)
					}
				} else if from < 200 || length < r.Seconds-0.01 || length > r.Seconds+0.01 {
					t.Errorf("%s: from %d ms after the start, %v s; measured were %v s", d.Name, from, length, r.Seconds)
				}
			}
			if h, err := reader.NextIntervalHistogram(); h != nil || err != nil {
				t.Errorf("there is more: %v, %v", h, err)
			}
			if !slices.Equal(got, tags) {
				t.Errorf("tags %v, want %v", got, tags)
			}
		})
	}
}
