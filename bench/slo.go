package bench

import (
	"fmt"
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
	var slo SLO
	name, limit, ok := strings.Cut(s, "=")
	d, err := time.ParseDuration(limit)
	if _, scan := fmt.Sscanf(name, "p%g", &slo.Percentile); !ok || err != nil || scan != nil ||
		d <= 0 || slo.Percentile <= 0 || slo.Percentile > 100 {
		return SLO{}, fmt.Errorf("bad objective %q: want a percentile and a time, such as p99=10ms", s)
	}
	slo.Limit = d
	return slo, nil
}

// String returns the form that ParseSLO reads.
func (s SLO) String() string { return fmt.Sprintf("p%g=%v", s.Percentile, s.Limit) }
