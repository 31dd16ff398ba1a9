package torture

import (
	"sync"
	"time"
)

// errNoPeerPID says that the server's process has to be named.
var errNoPeerPID = badOption("the server's process can be found by itself at a Unix socket on Linux only: give its number")

// Usage is what a process holds at a moment.
type Usage struct {
	RSS   int64 `json:"rss"`   // resident memory, bytes
	Data  int64 `json:"data"`  // writable memory that is mapped, touched or not, bytes
	Files int   `json:"files"` // descriptors
}

// peak returns the larger of each.
func (u Usage) peak(v Usage) Usage {
	return Usage{RSS: max(u.RSS, v.RSS), Data: max(u.Data, v.Data), Files: max(u.Files, v.Files)}
}

// fileSlack is how many descriptors more than before may be left, for what a server opens once.
const fileSlack = 4

// back reports whether u is near what it was before.
func (u Usage) back(before Usage, slack int64) bool {
	return u.RSS <= before.RSS+slack && u.Files <= before.Files+fileSlack
}

// sampler looks at a process now and then and keeps the peak.
type sampler struct {
	pid  int
	stop chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex
	max Usage
}

// sampleEvery is how often a process is looked at.
const sampleEvery = 50 * time.Millisecond

// newSampler begins to look at a process.
func newSampler(pid int, first Usage) *sampler {
	s := &sampler{pid: pid, stop: make(chan struct{}), max: first}
	s.done.Go(func() {
		t := time.NewTicker(sampleEvery)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-t.C:
				s.look()
			}
		}
	})
	return s
}

// look takes a sample now and returns it.
func (s *sampler) look() Usage {
	u, err := readProcess(s.pid)
	if err == nil { // an error is seen when the abuse is judged
		s.mu.Lock()
		s.max = s.max.peak(u)
		s.mu.Unlock()
	}
	return u
}

// peak returns the peak so far.
func (s *sampler) peak() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.max
}

// end stops looking and returns the peak.
func (s *sampler) end() Usage {
	close(s.stop)
	s.done.Wait()
	return s.peak()
}
