package reactor

import (
	"cmp"
	"slices"

	"example.org/weir/codec"
)

// What waits for congested connections, all together, is counted: each is within its MaxOutbound, but there may
// be many of them. Messages that have not arrived whole are not counted; their bound is MaxMessage for each.

// congest notes that the socket takes no more. It is called with c.mu held.
func (c *Conn) congest() {
	c.flags.set(flagFull)
	r := c.rarely()
	r.congested = true
	c.loop.engine.core.congested.Add(1)
	c.account()
}

// relieve notes that the socket takes bytes again, or is gone. It is called with c.mu held.
func (c *Conn) relieve() {
	if c.flags.has(flagFull) {
		c.flags.clear(flagFull)
		c.loop.engine.core.congested.Add(-1)
	}
}

// account counts what waits for c, if it is congested, among what waits for all connections that are. It is called
// with c.mu held, after that has changed.
func (c *Conn) account() {
	r := c.rare
	if r == nil || !r.congested && r.accounted == 0 {
		return
	}
	n := 0
	if r.congested {
		n = c.held()
	}
	c.loop.engine.core.hold(n - r.accounted)
	r.accounted = n
}

// held is how much memory what waits for c takes, but for publications, in bytes. It is called with c.mu held.
func (c *Conn) held() int { return c.pending() + c.writing().held() }

// hold counts n more bytes that wait for congested connections, or fewer, and has the worst of them cut
// when that is too much.
func (c *core) hold(n int) {
	if all := c.buffered.Add(int64(n)); all > c.cfg.buffered && n > 0 && c.shedding.CompareAndSwap(false, true) {
		go c.shed()
	}
}

// shed cuts connections until what waits for all of them is within the limit. More may be added meanwhile, which
// starts no other shed.
func (c *core) shed() {
	for c.buffered.Load() > c.cfg.buffered && c.shedSome() > 0 {
	}
	c.shedding.Store(false)
}

// shedSome cuts the connections for which the most is waiting until what waits for all of them is three
// quarters of the limit at most. It returns how many it has cut.
func (c *core) shedSome() (cut int) {
	type victim struct {
		conn *Conn
		n    int
	}
	var all []victim
	for _, conn := range c.writable.awaiting() {
		if n := conn.BufferedAmount(); n > 0 {
			all = append(all, victim{conn, n})
		}
	}
	slices.SortFunc(all, func(a, b victim) int { return cmp.Compare(b.n, a.n) })
	for _, v := range all {
		if c.buffered.Load() <= c.cfg.buffered/4*3 { // more may have come for v, all of which is free now
			break
		}
		cut++
		c.tally.count(&c.tally.shed)
		v.conn.giveUp(errBudget)
	}
	return cut
}

// giveUp cuts a connection that does not take what it is sent: a close frame would wait behind the rest.
func (c *Conn) giveUp(err *codec.CloseError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	c.because(err)
	c.discard() // now, not when its loop gets to it
	c.cutOff()
}

var errBudget = &codec.CloseError{Code: codec.CloseTryAgainLater, Reason: "reading too slowly"}
