package bench

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// usage is what a process has used so far.
type usage struct {
	cpu float64 // seconds, user and system
	rss int64   // bytes
}

// readSelf reads what CPU time this process has used.
func readSelf() usage {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // cannot fail with these arguments
	seconds := func(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return usage{cpu: seconds(r.Utime) + seconds(r.Stime)}
}

// thisMachine describes the machine. What is not known is "unknown".
func thisMachine() Machine {
	m := Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: "unknown", Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// enoughFiles checks that n descriptors for connections can be open at a time. Go has raised the soft limit to the
// hard one already, when the process started.
func enoughFiles(n int) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil // it will show
	}
	return checkFiles(n, uint64(r.Cur), uint64(r.Max))
}

// otherFiles is how many a process needs besides its connections: event loops, files, and the second
// descriptor of each connection that is being opened.
const otherFiles = 200

func checkFiles(n int, limit, hard uint64) error {
	need := uint64(n + otherFiles)
	if need <= limit {
		return nil
	}
	share := limit - min(limit, otherFiles)
	advice := fmt.Sprintf("raise the limit as root (ulimit -Hn %d, LimitNOFILE= of systemd, or /etc/security/limits.conf)", need)
	if need <= hard {
		advice = fmt.Sprintf("raise the limit (ulimit -n %d)", need)
	}
	if share > 0 {
		advice += fmt.Sprintf(", or share them among processes (-spawn %d)", (uint64(n)+share-1)/share)
	}
	return fmt.Errorf("%d connections need %d open files, and this process may have %d: %s", n, need, limit, advice)
}
