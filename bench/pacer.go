package bench

import (
	"math"
	"runtime"
	"slices"
	"time"

	"example.org/weir/reactor"
)

// pacer sends messages on a schedule, on all loops.
type pacer struct {
	schedules []*schedule
	stop      chan struct{}
	done      chan struct{}
	grace     time.Duration
}

// The pacer sleeps until the next message is due, within these bounds. What falls due meanwhile is
// sent together; what that costs in latency is counted, since latencies are taken from the schedule.
const (
	minStep = 100 * time.Microsecond
	maxStep = 10 * time.Millisecond
)

// pace begins to send rate messages per second, over all connections in turn.
func (r *run) pace(rate float64) *pacer {
	leaveRoom(len(r.loops))
	p := &pacer{stop: make(chan struct{}), done: make(chan struct{}), grace: r.opt.patience.answers}
	perConn := rate / float64(max(r.live.Load(), 1))
	start := now()
	for i, l := range r.loops {
		n := len(l.open())
		if n == 0 {
			continue // the others have its share
		}
		// The loops are staggered, so that they do not all send at the same moment.
		s := &schedule{loop: l, start: start + int64(float64(i)*1e9/rate), gap: 1e9 / (perConn * float64(n)), end: math.MaxInt64}
		s.poke = func(*reactor.Conn) { s.sendDue() }
		p.schedules = append(p.schedules, s)
	}
	go p.run(r)
	return p
}

// leaveRoom has the scheduler run a goroutine beside the loops, on however few CPUs: a loop that waits for its sockets
// would otherwise keep the pacer waiting too, for 10 ms and more, which would be charged to the server.
func leaveRoom(loops int) {
	if runtime.GOMAXPROCS(0) <= loops {
		runtime.GOMAXPROCS(loops + 1)
	}
}

// run wakes the loops when something is due.
func (p *pacer) run(r *run) {
	defer close(p.done)
	sleep := newSleeper()
	defer sleep.close()
	for {
		select {
		case <-p.stop:
			return
		case <-r.ctx.Done():
			return
		default:
		}
		wait := maxStep
		for _, s := range p.schedules {
			wait = min(wait, s.wake())
		}
		sleep.sleep(max(wait, minStep))
	}
}

// halt ends the schedule. What was meant to be sent before end is sent still, though it be late.
func (p *pacer) halt(end int64) {
	close(p.stop)
	<-p.done
	for _, s := range p.schedules {
		s.loop.mu.Lock()
		s.end = end
		s.loop.mu.Unlock()
	}
	for late := time.Now().Add(p.grace); time.Now().Before(late); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(p.schedules, (*schedule).rest) {
			return
		}
	}
}

// schedule is the timetable of one loop.
type schedule struct {
	loop  *genLoop
	start int64   // when the first message is due
	gap   float64 // nanoseconds between two
	poke  func(*reactor.Conn)

	// Guarded by the loop's mutex.
	next int64 // the number of the next message
	end  int64 // what is due from then on is not sent
}

// due is when a message is meant to be sent.
func (s *schedule) due(number int64) int64 { return s.start + int64(float64(number)*s.gap) }

// wake has the loop send what has fallen due. It returns how long it is until there is more. If the
// connection that carries the word ends on the way, the next call brings it.
func (s *schedule) wake() time.Duration {
	at := now()
	s.loop.mu.Lock()
	next := s.due(s.next)
	s.loop.mu.Unlock()
	if next > at {
		return time.Duration(next - at)
	}
	if carrier := s.loop.any(); carrier != nil {
		_ = carrier.conn.Do(s.poke)
	}
	return time.Duration(s.due(int64(float64(at-s.start)/s.gap)+1) - at)
}

// rest has the loop send what is left before the end. It reports whether there was anything.
func (s *schedule) rest() bool {
	s.loop.mu.Lock()
	left := s.due(s.next) < s.end && len(s.loop.sessions) > 0
	s.loop.mu.Unlock()
	if left {
		s.wake()
	}
	return left
}

// sendDue sends what has fallen due, each message on the next connection. It runs on the loop.
func (s *schedule) sendDue() {
	l := s.loop
	at := now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := len(l.sessions); n > 0; s.next++ {
		intended := s.due(s.next)
		if intended > at || intended >= s.end {
			return
		}
		l.sessions[int(s.next)%n].send(intended, at)
	}
}
