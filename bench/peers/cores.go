package peers

import (
	"fmt"
	"strconv"
	"strings"
)

// CoreTimes finds the line of a core such as cpu0, or of all of them, cpu, in /proc/stat: user nice
// system idle iowait irq softirq steal, in hundredths of a second (proc_stat(5)). It returns the
// seconds that the core did nothing or was not there, and those of them that it was not there. What a core was busy with is measured by what is left of the
// time: the kernel counts idle time exactly, and the rest by sampling.
func CoreTimes(stat, name string) (unused, stolen float64, err error) {
	const ticks = 100
	const idle, iowait, steal = 4, 5, 8
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) <= steal || fields[0] != name {
			continue
		}
		for _, i := range []int{idle, iowait, steal} {
			n, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return 0, 0, fmt.Errorf("/proc/stat: %w", err)
			}
			unused += n / ticks
			if i == steal {
				stolen = n / ticks
			}
		}
		return unused, stolen, nil
	}
	return 0, 0, fmt.Errorf("/proc/stat has no %s", name)
}
