package peers

import (
	"math"
	"testing"
)

const procStat = `cpu  100 0 100 2000 10 0 10 20 0 0
cpu0 50 0 50 1000 7 0 10 3 0 0
cpu10 1 1 1 1 1 1 1 1 0 0
cpu1 50 0 50 1000 3 0 0 17 0 0
intr 12345
`

func TestCoreTimes(t *testing.T) {
	for core, want := range map[string][2]float64{"cpu": {20.30, 0.20}, "cpu0": {10.10, 0.03}, "cpu1": {10.20, 0.17}, "cpu10": {0.03, 0.01}} {
		unused, stolen, err := CoreTimes(procStat, core)
		if err != nil || !near(unused, want[0]) || !near(stolen, want[1]) {
			t.Errorf("%s: %v, %v, %v; want %v", core, unused, stolen, err, want)
		}
	}
	for name, stat := range map[string]string{"no such core": procStat, "too short": "cpu2 1 2 3\n", "no number": "cpu2 1 2 3 x 5 6 7 8\n"} {
		if _, _, err := CoreTimes(stat, "cpu2"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
