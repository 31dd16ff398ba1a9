package reactor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.org/weir/codec"
)

// feed tells Server.OnTopic or Server.Bus what happens, in order, on a goroutine of its own. Its queue is
// bounded: messages by their bytes, changes by one for each pattern.
type feed struct {
	log      *slog.Logger
	counters *topicCounters
	limit    int           // of bytes
	wake     chan struct{} // has room for one
	ended    chan struct{} // closed when run returns

	mu        sync.Mutex
	queue     []fed
	patterns  map[string]*change
	bytes     int  // of the messages in queue
	finishing bool // run is to return when the queue is empty
	dropping  bool // and is not to pass it on

	lastLog time.Time // run's
}

// fed is what a feed has in its queue: either of the two.
type fed struct {
	*publication
	*change
}

// change is the state of a pattern; it is forgotten when nobody needs to be told of it any more.
type change struct {
	pattern string
	active  bool // now
	told    bool // what the sink knows
	queued  bool
}

// sink is where a feed leads to. publish and close may be nil.
type sink struct {
	change  func(pattern string, active bool) error
	publish func(topic string, op codec.Opcode, p []byte) error
	close   func() error
}

func newFeed(log *slog.Logger, counters *topicCounters, limit int) *feed {
	return &feed{
		log: log, counters: counters, limit: limit, patterns: make(map[string]*change),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// changed queues that a pattern has got its first subscriber, or lost its last.
func (f *feed) changed(pattern string, active bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.patterns[pattern]
	if c == nil {
		c = &change{pattern: pattern}
		f.patterns[pattern] = c
	}
	c.active = active
	if !c.queued {
		c.queued = true
		f.add(fed{change: c})
	}
}

// publish queues a message. It reports false when there is no room.
func (f *feed) publish(p *publication) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.cost() > f.limit-f.bytes && f.bytes > 0 {
		return false
	}
	f.bytes += p.cost()
	f.add(fed{publication: p})
	return true
}

// add is called with f.mu held.
func (f *feed) add(x fed) {
	f.queue = append(f.queue, x)
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// finish makes run pass on what is queued, drop the rest when ctx is done, and return; and waits for that.
func (f *feed) finish(ctx context.Context) {
	f.mu.Lock()
	f.finishing = true
	f.signal()
	f.mu.Unlock()
	select {
	case <-f.ended:
		return
	case <-ctx.Done():
	}
	f.mu.Lock()
	f.dropping = true
	f.mu.Unlock()
	<-f.ended
}

// run passes on what is queued until finish.
func (f *feed) run(to sink) {
	defer close(f.ended)
	if to.close != nil {
		defer f.call(to.close)
	}
	for {
		x, finishing := f.take()
		switch {
		case x.publication != nil:
			f.call(func() error { return to.publish(x.topic, x.message.Opcode(), x.message.Payload()) })
		case x.change != nil:
			f.tell(to, x.change)
		case finishing:
			return
		default:
			<-f.wake
		}
	}
}

// take takes the first out of the queue; nothing when there is none.
func (f *feed) take() (x fed, finishing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropping {
		f.queue = nil
	}
	if len(f.queue) == 0 {
		f.queue = nil
		return fed{}, f.finishing
	}
	x = f.queue[0]
	f.queue[0] = fed{}
	f.queue = f.queue[1:]
	if x.publication != nil {
		f.bytes -= x.cost()
	}
	return x, false
}

// tell passes a change on, unless it has been undone meanwhile.
func (f *feed) tell(to sink, c *change) {
	f.mu.Lock()
	c.queued = false
	active, told := c.active, c.told
	c.told = active
	if !active {
		delete(f.patterns, c.pattern)
	}
	f.mu.Unlock()
	if active != told {
		f.call(func() error { return to.change(c.pattern, active) })
	}
}

// call makes a call, and notes its error or panic.
func (f *feed) call(do func() error) {
	defer func() {
		if r := recover(); r != nil {
			f.log.Error("Server.OnTopic or Server.Bus panicked", "panic", r)
		}
	}()
	err := do()
	if err == nil {
		return
	}
	f.counters.busErrors.Add(1)
	if time.Since(f.lastLog) > 10*time.Second {
		f.lastLog = time.Now()
		f.log.Error("Server.Bus fails", "err", err)
	}
}
