package reactor

import (
	"math"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
)

// publication is a message on its way to subscribers, encoded once for all of them.
type publication struct {
	message *codec.Prepared
	topic   string
	from    *Conn        // does not get it; nil: everyone does
	at      time.Time    // of Publish
	slow    atomic.Int32 // congested connections that it waits for
}

// size is the length of what is sent, in bytes.
func (p *publication) size() int { return len(p.message.Frame()) }

// cost is what the publication counts for where the memory of what waits is bounded, in bytes: an empty
// message takes some too.
func (p *publication) cost() int { return p.size() + publicationCost }

// publicationCost is about what a publication, its message and a posting take besides the frame.
const publicationCost = 192

// posting is a publication for the subscribers of one pattern on one loop.
type posting struct {
	*publication
	group  *group
	number uint32 // among those of the group
}

// fanout takes publications to a loop's subscribers. A run of the loop does it for so many of them, and
// goes on in the next after the sockets have been served.
//
// It takes a burst at a time: publications that wait one behind the other for the same groups. Each
// subscriber gets all of a burst at once, in one write. Subscribers come and go meanwhile. A group is
// walked from its end to its beginning, and who leaves is replaced by the last: who is moved has been
// met, or will be, and the number of the last message that one has got tells which it is, and who has
// come after the message was published.
type fanout struct {
	inbox   []posting    // guarded by loop.mu
	backlog atomic.Int64 // bytes in inbox and queue

	// The rest belongs to the loop.
	queue  []posting
	head   int             // the postings before it have been delivered
	burst  int             // postings from head on that are being delivered
	groups int             // of each publication of the burst
	cost   int             // of delivering the burst to one: 1 and more for large ones
	group  int             // the one that is being walked
	at     int             // members of it from here on have been met
	own    []*subscription // of the connection that is being met, by group of the burst

	took *histogram // what publications take
	met  int64      // subscriptions by messages, in this run
}

const (
	subscribersPerRun = 128 // are met in a run, fewer if the messages are large
	subscribersAtOnce = 64  // are looked up at a time
	fanoutKeeps       = 4096
)

// publish leaves a publication for the subscribers g. Like post it wakes the loop unless it is awake.
func (l *loop) publish(p *publication, g *group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	g.posted++
	l.fan.inbox = append(l.fan.inbox, posting{p, g, g.posted})
	l.fan.backlog.Add(int64(p.cost()))
	l.arm()
}

// take takes in what has been published. l.mu is held.
func (f *fanout) take() {
	if f.head > len(f.queue)/2 {
		n := copy(f.queue, f.queue[f.head:])
		clear(f.queue[n:])
		f.queue = f.queue[:n]
		f.head = 0
	}
	f.queue = append(f.queue, f.inbox...)
	clear(f.inbox)
	f.inbox = f.inbox[:0]
	if len(f.queue) == 0 && cap(f.queue) > fanoutKeeps {
		f.queue, f.inbox = nil, nil
	}
}

// unfinished reports whether a run has left something to deliver.
func (f *fanout) unfinished() bool { return f.head < len(f.queue) }

// waits reports whether there is something to deliver. l.mu is held.
func (f *fanout) waits() bool { return f.unfinished() || len(f.inbox) > 0 }

// fanOut delivers what has been published, as far as the budget for one run goes.
func (l *loop) fanOut() {
	f := &l.fan
	if !f.unfinished() {
		return
	}
	t := &l.engine.srv.topics
	for budget := subscribersPerRun; budget > 0 && f.next(); {
		budget -= f.meet(t, budget)
	}
	t.counters.met.Add(f.met)
	f.met = 0
}

// next sees to it that there is a burst, and reports false when there is nothing to deliver.
func (f *fanout) next() bool {
	if f.burst > 0 {
		return true
	}
	q := f.queue[f.head:]
	if len(q) == 0 {
		return false
	}
	n := 1
	for n < len(q) && q[n].publication == q[0].publication {
		n++
	}
	f.groups = n
	f.burst = n
	bytes := q[0].size()
	for ; f.joins(q) && bytes+q[f.burst].size() <= batchBytes; f.burst += n {
		bytes += q[f.burst].size()
	}
	f.cost = 1 + bytes/batchBytes
	f.group, f.at = 0, math.MaxInt
	return true
}

// joins reports whether what follows the burst in q is a publication for the same groups.
func (f *fanout) joins(q []posting) bool {
	if f.burst+f.groups > len(q) {
		return false
	}
	for i, p := range q[f.burst : f.burst+f.groups] {
		if p.publication != q[f.burst].publication || p.group != q[i].group {
			return false
		}
	}
	return true
}

// meet delivers the burst to the next subscribers, as far as the budget goes, and returns what it has cost.
func (f *fanout) meet(t *topics, budget int) (cost int) {
	n := min(max(budget/f.cost, 1), subscribersAtOnce)
	var some [subscribersAtOnce]*subscription
	t.mu.RLock()
	members := f.queue[f.head+f.group].group.members
	end := min(f.at, len(members))
	f.at = max(end-n, 0)
	n = copy(some[:], members[f.at:end])
	t.mu.RUnlock()
	for i := n - 1; i >= 0; i-- {
		f.deliver(some[i])
	}
	if f.at == 0 {
		f.at = math.MaxInt
		if f.group++; f.group == f.groups {
			f.done()
		}
	}
	return n*f.cost + 1 // for a group without any also costs something
}

// done takes the burst out of the queue.
func (f *fanout) done() {
	end := f.head + f.burst
	bytes := 0
	now := time.Now()
	for i := f.head; i < end; i++ {
		bytes += f.queue[i].cost()
		if (i-f.head)%f.groups == 0 { // the first of those that are the same publication
			f.took.observe(now.Sub(f.queue[i].at))
		}
		f.queue[i] = posting{}
	}
	f.backlog.Add(int64(-bytes))
	f.head = end
	f.burst = 0
}

// deliver gives a subscriber what it has not got of the burst, in the order in which it was published;
// also by its other subscriptions, as far as the burst is for them.
func (f *fanout) deliver(s *subscription) {
	burst := f.queue[f.head : f.head+f.burst]
	last := burst[len(burst)-f.groups:]
	if !last[f.group].after(s.got) {
		return
	}
	c := s.conn
	c.mu.Lock()
	if s.group == nil || !c.maySend() {
		c.mu.Unlock()
		return
	}
	f.find(s, last)
	c.flags.set(flagQueued)
	tooSlow := false
	for i, p := range burst {
		if own := f.own[i%f.groups]; own != nil && p.after(own.got) && p.from != c && !tooSlow {
			tooSlow = c.receive(p.publication)
			f.met++
		}
	}
	for i, own := range f.own {
		if own != nil && last[i].after(own.got) {
			own.got = last[i].number
		}
	}
	c.mu.Unlock()
	if tooSlow {
		c.fail(errTooSlow)
	}
	c.end()
}

// after reports whether p was published after the message of its group that has the number.
func (p *posting) after(number uint32) bool { return int32(p.number-number) > 0 }

// find finds the subscriptions of the connection that the burst is for, among them s. The mutex of the
// connection is held.
func (f *fanout) find(s *subscription, last []posting) {
	f.own = f.own[:0]
	for range last {
		f.own = append(f.own, nil)
	}
	f.own[f.group] = s
	if own := s.conn.rare.subs; f.groups > 1 && own.n > 1 {
		for s := own.first; s != nil; s = s.next {
			for i, p := range last {
				if p.group == s.group {
					f.own[i] = s
				}
			}
		}
	}
}
