package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"example.org/weir/bench"
)

// csvHead names the columns of WriteCSV: rates are per second, times of the second in nanoseconds,
// errors those so far.
var csvHead = []string{"seconds", "warmup", "connections", "messages", "bytes_in", "bytes_out", "p50_ns", "p99_ns", "max_ns", "errors"}

// WriteCSV writes the series of r, a row for each second below a row of names.
func WriteCSV(w io.Writer, r *bench.Result) error {
	float := func(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }
	integer := func(n int64) string { return strconv.FormatInt(n, 10) }
	c := csv.NewWriter(w)
	_ = c.Write(csvHead) // Error tells
	for _, s := range r.Series {
		_ = c.Write([]string{
			float(s.T), strconv.FormatBool(s.Warmup), strconv.Itoa(s.Connections),
			float(s.Rate), float(s.BytesIn), float(s.BytesOut),
			integer(s.P50), integer(s.P99), integer(s.Max), strconv.Itoa(s.Errors),
		})
	}
	c.Flush()
	return c.Error()
}
