package reactor

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// topics are who has subscribed to what, on all event loops of a server. The lock is held for moments
// only, never across a call of other code, and before the mutex of a connection or a loop.
type topics struct {
	mu            sync.RWMutex
	patterns      map[string]*audience
	wild          wildcards // those of them that have wildcards
	subscriptions int
	closed        bool
	hook          *feed // for Server.OnTopic; nil where there is none
	bus           *feed // for Server.Bus; nil where there is none

	counters topicCounters
}

type topicCounters struct {
	published, met, missed, slowClosed, busMissed, busErrors atomic.Int64
}

// audience is a pattern that has subscribers.
type audience struct {
	pattern string
	n       int // subscribers
	groups  []*group
}

// group are the subscribers of a topic that belong to one loop.
type group struct {
	audience *audience
	loop     *loop
	members  []*subscription
	posted   uint32 // messages so far; guarded by loop.mu
}

// subscription is a connection's place in a group.
type subscription struct {
	conn *Conn
	// group is nil once the subscription has ended. It and next are guarded by conn.mu.
	group *group
	next  *subscription // of the same connection
	at    int32         // in group.members; guarded by topics.mu
	got   uint32        // the last of the group's messages that conn has got; the loop's own
}

// subscriptions are those of one connection, guarded by its mutex.
type subscriptions struct {
	first   *subscription
	n       int
	waiting *waiting // nil: nothing waits
}

// subscribe subscribes c, unless it has been.
func (t *topics) subscribe(c *Conn, pattern string, kind topicKind, most int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.maySend() {
		return c.tooLate()
	}
	own := c.rarely().subs
	if own == nil {
		own = &subscriptions{}
		c.rare.subs = own
	}
	au := t.patterns[pattern]
	if au != nil && *own.find(au) != nil {
		return nil
	}
	if own.n >= most {
		return ErrTooManySubscriptions
	}
	if au == nil {
		au = t.add(strings.Clone(pattern), kind)
	}
	g := au.group(c.loop)
	s := &subscription{conn: c, group: g, next: own.first, at: int32(len(g.members)), got: g.posted}
	own.first = s
	own.n++
	g.members = append(g.members, s)
	au.n++
	t.subscriptions++
	return nil
}

// unsubscribe ends c's subscription, if there is one.
func (t *topics) unsubscribe(c *Conn, pattern string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return c.tooLate()
	}
	au := t.patterns[pattern]
	if au == nil || c.rare == nil || c.rare.subs == nil {
		return nil
	}
	at := c.rare.subs.find(au)
	if s := *at; s != nil {
		*at = s.next
		c.rare.subs.n--
		t.end(s)
	}
	return nil
}

// leave ends all subscriptions of a connection that has closed.
func (t *topics) leave(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropWaiting()
	for s := c.rare.subs.first; s != nil; s = s.next {
		t.end(s)
	}
	c.rare.subs = nil
}

// find returns where the subscription to au is linked, or the end of the list.
func (own *subscriptions) find(au *audience) **subscription {
	at := &own.first
	for *at != nil && (*at).group.audience != au {
		at = &(*at).next
	}
	return at
}

// The methods from here on are called with t.mu held.

// add takes in a pattern that gets its first subscriber.
func (t *topics) add(pattern string, kind topicKind) *audience {
	au := &audience{pattern: pattern}
	if t.patterns == nil {
		t.patterns = make(map[string]*audience)
	}
	t.patterns[pattern] = au
	if kind == topicWild {
		*t.wild.place(pattern) = au
	}
	t.changed(pattern, true)
	return au
}

// end takes a subscription out of its group. The last of the group takes its place: see fanout for why
// this does not disturb a message on its way through the group. s.conn.mu is held.
func (t *topics) end(s *subscription) {
	g := s.group
	au := g.audience
	s.group = nil
	last := len(g.members) - 1
	moved := g.members[last]
	g.members[s.at] = moved
	moved.at = s.at
	g.members[last] = nil
	g.members = g.members[:last]
	if c := cap(g.members); c > 64 && last < c/4 {
		g.members = append(make([]*subscription, 0, c/2), g.members...)
	}
	t.subscriptions--
	if au.n--; last == 0 {
		au.groups = slices.DeleteFunc(au.groups, func(other *group) bool { return other == g })
	}
	if au.n == 0 {
		t.remove(au)
	}
}

// remove forgets a pattern that has lost its last subscriber.
func (t *topics) remove(au *audience) {
	delete(t.patterns, au.pattern)
	if kindOf(au.pattern) == topicWild {
		t.wild.remove(au.pattern)
	}
	t.changed(au.pattern, false)
}

// changed passes on that a pattern has got its first subscriber, or lost its last.
func (t *topics) changed(pattern string, active bool) {
	for _, f := range [...]*feed{t.hook, t.bus} {
		if f != nil {
			f.changed(pattern, active)
		}
	}
}

// group returns the subscribers that belong to l.
func (au *audience) group(l *loop) *group {
	for _, g := range au.groups {
		if g.loop == l {
			return g
		}
	}
	g := &group{audience: au, loop: l}
	au.groups = append(au.groups, g)
	return g
}

// match appends the topics whose pattern matches name. Holding t.mu for reading is enough.
func (t *topics) match(dst []*audience, name string) []*audience {
	if au := t.patterns[name]; au != nil {
		dst = append(dst, au)
	}
	return t.wild.match(dst, name)
}
