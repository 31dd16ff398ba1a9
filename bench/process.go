package bench

import "time"

// ReadProcess tells what a process has used so far: processor time in user and system mode, of all
// its threads, and resident memory in bytes. It fails when there is no such process.
func ReadProcess(pid int) (cpu time.Duration, resident int64, err error) {
	u, err := readProcess(pid)
	return time.Duration(u.cpu * float64(time.Second)), u.rss, err
}

// ThisMachine describes the machine.
func ThisMachine() Machine { return thisMachine() }
