package reactor

import (
	"context"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// loop is what Weir keeps for each of gnet's event loops. The connections of a loop belong to it:
// it alone reads, calls handlers and closes. Others leave tasks in its inbox.
type loop struct {
	engine *engine
	cfg    *config
	events gnet.EventLoop

	mu      sync.Mutex
	inbox   []task
	tickDue bool
	tickAt  time.Time        // when tickDue became true
	lag     time.Duration    // of the tick before
	held    int              // connections, at the tick before
	armed   bool             // a run is due or going on, and will see what is in the inbox
	stopped bool             // gnet no longer runs tasks
	asked   []chan<- []*Conn // who waits for a list of the connections

	// The rest belongs to the loop.
	taken     []task // what was taken out of the inbox last
	todo      []task // the part of it that has not been done
	wheel     wheel  // with the connections
	lost      uint32 // ticks that the wheel has not made up for
	batch     batch
	fan       fanout    // publications; what of it is for others says it
	running   bool      // Run is being called
	handshake handshake // for the requests that arrive whole, which are nearly all
	upgrade   Upgrade
	counts    *counts
	arrived   turnTraffic
	number    int
	untimed   uint   // messages since one was timed
	plain     []byte // what TLS connections read into, nil until one has
}

// task is a piece of work for a connection, to be done on its loop.
type task struct {
	conn *Conn       // nil: all connections of the loop
	do   func(*Conn) // nil: just end the turn, that is, write what is pending
}

// Runs are short, so that sockets are served in between.
const (
	tasksAtFirst = 64 // what an inbox has room for from the beginning, so that no two share a cache line
	tasksPerRun  = 512
	timersPerRun = 4096
)

// maxBehind is how many ticks the wheel makes up for when the loop was held up. An idle timeout has at
// least ten.
const maxBehind = 3

// post leaves a task for the loop. It reports false when the loop has ended and never will run it.
func (l *loop) post(t task) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.inbox = append(l.inbox, t)
	l.arm()
	return true
}

// wake sees to it that Run is called. It reports false when the loop has ended.
func (l *loop) wake() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.arm()
	return l.armed
}

// tick leaves word that the clock has moved on.
func (l *loop) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if !l.tickDue {
		l.tickDue = true
		l.tickAt = time.Now()
	}
	l.arm()
}

// stats returns the state of the loop, from any goroutine. One that has ended has no connections, and is not late.
func (l *loop) stats() LoopStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return LoopStats{Loop: l.number}
	}
	st := LoopStats{Loop: l.number, Conns: l.held, Lag: l.lag}
	if l.tickDue {
		st.Lag = max(st.Lag, time.Since(l.tickAt))
	}
	return st
}

// arm sees to it that Run is called. At most one call is outstanding: gnet's queue keeps no order
// and is not bounded. l.mu is held, so that nothing is posted to a loop that has been stopped.
func (l *loop) arm() {
	if l.armed {
		return
	}
	l.armed = l.events.Execute(context.Background(), l) == nil
}

// stop refuses tasks from now on.
func (l *loop) stop() {
	l.mu.Lock()
	l.stopped = true
	asked := l.asked
	l.asked = nil
	l.mu.Unlock()
	for _, a := range asked {
		a <- nil
	}
}

// ended gives back what the loop has. It is called when gnet's loop has ended.
func (l *loop) ended() {
	l.stop()
	l.batch.close()
}

// Run does what is in the inbox, in order, as far as the budget for one run goes. It is called by
// gnet, on the loop.
func (l *loop) Run(context.Context) error {
	l.mu.Lock()
	if len(l.todo) == 0 {
		l.todo, l.inbox = l.inbox, l.taken[:0]
		l.taken = l.todo
	}
	late := l.tickDue
	l.tickDue = false
	if late {
		l.lag = time.Since(l.tickAt)
		l.held = len(l.wheel.conns)
	}
	l.fan.take()
	asked := l.asked
	l.asked = nil
	l.mu.Unlock()

	l.answer(asked)
	l.running = true
	n := min(len(l.todo), tasksPerRun)
	for i := range n {
		t := l.todo[i]
		l.todo[i] = task{}
		if t.conn != nil {
			t.conn.run(t.do)
			continue
		}
		for _, c := range l.wheel.conns {
			l.todo = append(l.todo, task{c, t.do})
		}
	}
	l.todo = l.todo[n:]
	if late {
		late = !l.expireTimers()
	}
	l.fanOut()
	l.running = false
	l.batch.end()
	if l.fan.unfinished() {
		giveWay()
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	if late && !l.tickDue { // timers are left
		l.tickDue = true
		l.tickAt = time.Now()
	}
	l.armed = false
	if (len(l.todo) > 0 || len(l.inbox) > 0 || l.tickDue || l.fan.waits()) && !l.stopped {
		// gnet runs tasks until there are none, so what is left must not be armed from here: sockets
		// would wait for it. Another goroutine's call comes after the next look at them.
		l.armed = true
		go l.rearm()
	}
	return nil
}

func (l *loop) rearm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	if !l.stopped {
		l.arm()
	}
}

// expireTimers moves the wheel on to the present, as far as the budget for one run goes. Time in which
// the loop was held up does not count: its clients may have spoken, and nobody has listened.
func (l *loop) expireTimers() bool {
	now := l.engine.now() - l.lost
	if behind := now - l.wheel.now; behind > maxBehind {
		l.lost += behind - maxBehind
		now = l.wheel.now + maxBehind
	}
	return l.wheel.advance(now, timersPerRun, (*Conn).expire)
}

// now returns the time in ticks since the engine was made.
func (e *engine) now() uint32 { return uint32(time.Since(e.epoch) / e.core.cfg.tick) }
