package main

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// reading is what was used up to a moment.
type reading struct {
	T         float64 `json:"t"`               // seconds since the first
	Stage     string  `json:"stage,omitempty"` // the one that began here
	Conns     int     `json:"conns"`
	Servers   used    `json:"servers"`
	Workers   used    `json:"workers"`
	Slab      int64   `json:"slab"`      // bytes of the kernel's objects
	TCP       int64   `json:"tcp"`       // bytes of its TCP buffers
	Available int64   `json:"available"` // bytes that are free for others
	Unused    float64 `json:"unused"`    // seconds that the cores did nothing, since the system started
}

// used is what processes have used.
type used struct {
	CPU      float64 `json:"cpu"` // seconds
	Resident int64   `json:"resident"`
}

// watch takes readings of processes and of the system, one each interval and one at each stage.
type watch struct {
	servers, workers []int
	proc             fs.FS
	conns            atomic.Int64 // that are open

	stop    chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex
	start time.Time
	all   []reading
}

// newWatch begins with a first reading.
func newWatch(proc fs.FS, servers, workers []int, interval time.Duration) (*watch, error) {
	w := &watch{servers: servers, workers: workers, proc: proc, stop: make(chan struct{}), start: time.Now()}
	first, err := w.read()
	if err != nil {
		return nil, err
	}
	w.all = []reading{first}
	w.stopped.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.note("")
			case <-w.stop:
				return
			}
		}
	})
	return w, nil
}

// note takes a reading, at the beginning of a stage if it has a name. Once a process has ended, as they
// do at the end of the run, there are no more.
func (w *watch) note(stage string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, err := w.read(); err == nil {
		r.Stage = stage
		w.all = append(w.all, r)
	}
}

// end stops the readings and returns them.
func (w *watch) end() []reading {
	close(w.stop)
	w.stopped.Wait()
	return w.all
}

func (w *watch) read() (r reading, err error) {
	r.T = time.Since(w.start).Seconds()
	r.Conns = int(w.conns.Load())
	stat, err := fs.ReadFile(w.proc, "stat")
	if err != nil {
		return r, err
	}
	if r.Unused, _, err = peers.CoreTimes(string(stat), "cpu"); err != nil {
		return r, err
	}
	mem, err := meminfo(w.proc)
	if err != nil {
		return r, err
	}
	r.Slab, r.Available = mem["Slab"], mem["MemAvailable"]
	if r.TCP, err = tcpPages(w.proc); err != nil {
		return r, err
	}
	r.TCP *= int64(os.Getpagesize())
	if r.Servers, err = usedBy(w.servers); err != nil {
		return r, err
	}
	r.Workers, err = usedBy(w.workers)
	return r, err
}

// usedBy adds up what processes have used.
func usedBy(pids []int) (u used, err error) {
	for _, pid := range pids {
		cpu, resident, err := bench.ReadProcess(pid)
		if err != nil {
			return u, fmt.Errorf("process %d has ended: %w", pid, err)
		}
		u.CPU += cpu.Seconds()
		u.Resident += resident
	}
	return u, nil
}
