package main

import (
	"cmp"
	rtm "runtime/metrics"
	"syscall"
	"time"

	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// sample is what there is to know at one moment, for the dashboard.
type sample struct {
	at     time.Time
	stats  reactor.Stats
	topics reactor.TopicStats
	nats   *natsbus.Stats // nil: there is none
	cpu    time.Duration  // of the process, user and system
	goes   goSample
}

// goSample is what the Go runtime tells.
type goSample struct {
	heap, memory, goroutines, cycles uint64
	gcCPU                            float64 // seconds
	pauses                           *rtm.Float64Histogram
}

func newSample(srv *reactor.Server) *sample {
	s := &sample{at: time.Now(), stats: srv.Stats(), topics: srv.TopicStats(), cpu: cpuTime(), goes: newGoSample()}
	if bus, ok := srv.Bus.(*natsbus.Bus); ok {
		st := bus.Stats()
		s.nats = &st
	}
	return s
}

func newGoSample() goSample {
	s := []rtm.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	rtm.Read(s)
	return goSample{
		heap:       cmp.Or(s[0].Value.Uint64(), s[5].Value.Uint64()), // nothing is known to live before the first collection
		goroutines: s[1].Value.Uint64(),
		cycles:     s[2].Value.Uint64(),
		gcCPU:      s[3].Value.Float64(),
		pauses:     s[4].Value.Float64Histogram(),
		memory:     memory(),
	}
}

// cpuTime is the CPU time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quantile is the duration that a part of those that were observed between two moments stay below, as exactly as a
// histogram has it; 0 if there were none.
func quantile(part float64, before, after reactor.Histogram) time.Duration {
	var n [len(after.Counts)]uint64
	all := uint64(0)
	for i := range n {
		n[i] = after.Counts[i] - before.Counts[i]
		all += n[i]
	}
	rank := part * float64(all)
	below := 0.0
	for i, count := range n {
		if count == 0 || below+float64(count) < rank {
			below += float64(count)
			continue
		}
		from := time.Duration(0)
		if i > 0 {
			from = reactor.HistogramBound(i - 1)
		}
		to := reactor.HistogramBound(i)
		if i == len(n)-1 {
			to = from // they have no bound
		}
		return from + time.Duration(float64(to-from)*(rank-below)/float64(count))
	}
	return 0
}

// longestPause is the bound, in seconds, that the pauses between two moments stayed below.
func longestPause(before, after *rtm.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return after.Buckets[i] // the upper may be infinite
		}
	}
	return 0
}
