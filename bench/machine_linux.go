package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// readProcess reads what a process has used from /proc.
func readProcess(pid int) (u usage, err error) {
	if pid == 0 {
		return u, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The command, in parentheses, may contain anything; the fields behind it are numbers.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return u, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	number := func(i int) float64 { n, _ := strconv.ParseFloat(fields[i-3], 64); return n } // i as in proc(5)
	const ticks = 100                                                                       // USER_HZ, on every architecture that Go knows
	u.cpu = (number(14) + number(15)) / ticks
	u.rss = int64(number(24)) * int64(os.Getpagesize())
	if ns, err := scheduled(pid); err == nil {
		u.cpu = ns / 1e9
	}
	return u, nil
}

// scheduled adds up the nanoseconds that the threads of a process have run, which are finer than
// the ticks of stat. A thread that has ended is missing from it; Go's threads seldom do.
func scheduled(pid int) (ns float64, err error) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		b, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseFloat(first, 64)
		if err != nil {
			return 0, err
		}
		ns += n
	}
	return ns, nil
}

// cpuModel returns the name of the processor.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
