package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// usage is what a process has used so far.
type usage struct {
	cpu float64 // seconds, user and system
	rss int64   // bytes
}

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

// readSelf reads what this process has used.
func readSelf() usage {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r)
	seconds := func(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return usage{cpu: seconds(r.Utime) + seconds(r.Stime)}
}

// thisMachine describes the machine.
func thisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// enoughFiles checks that n connections can be opened, which Go has raised the limit for as far as
// it may.
func enoughFiles(n int) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil
	}
	const others = 200 // event loops, files, and both descriptors of a connection that is being opened
	if need := uint64(n + others); need > r.Cur {
		return fmt.Errorf("%d connections need %d open files, and this process may have %d: raise the limit "+
			"(ulimit -n %d), or share them among several processes (weirbench worker)", n, need, r.Cur, need)
	}
	return nil
}
