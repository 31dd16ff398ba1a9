package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SLO is a service level objective: Percentile percent of the latencies are at most Limit.
type SLO struct {
	Percentile float64
	Limit      time.Duration
}

// ParseSLO reads an objective such as "p99=10ms" or "p99.9=50ms".
func ParseSLO(s string) (SLO, error) {
	name, limit, _ := strings.Cut(s, "=")
	number, named := strings.CutPrefix(name, "p")
	p, perr := strconv.ParseFloat(number, 64)
	d, derr := time.ParseDuration(limit)
	if !named || perr != nil || derr != nil || d <= 0 || !(p > 0 && p <= 100) {
		return SLO{}, fmt.Errorf("bad objective %q: want a percentile and a time, such as p99=10ms", s)
	}
	return SLO{Percentile: p, Limit: d}, nil
}

// String returns the form that ParseSLO reads.
func (s SLO) String() string { return fmt.Sprintf("p%g=%v", s.Percentile, s.Limit) }
