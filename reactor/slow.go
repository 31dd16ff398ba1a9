package reactor

import (
	"slices"

	"example.org/weir/codec"
)

// SlowPolicy says what happens to a published message for a subscriber that reads too slowly: while its
// socket takes no more, messages wait for it, by reference, up to Server.MaxPublishQueue of them and
// Server.MaxOutbound bytes. Messages that wait are sent before the connection's close frame.
type SlowPolicy uint8

// The policies for slow subscribers.
const (
	// SlowDropNewest drops a message for which there is no room.
	SlowDropNewest SlowPolicy = iota
	// SlowDropOldest drops those that have waited longest, to make room.
	SlowDropOldest
	// SlowKeepLatest keeps only the latest message of each topic; where that is no room enough either,
	// those that have waited longest are dropped.
	SlowKeepLatest
	// SlowClose closes the connection with 1013 when there is no room for a message. What waits is
	// dropped.
	SlowClose
)

// waiting are the published messages that wait for a congested connection. While there is one, so are
// bytes in Conn.out, or a message is being written in fragments. It is guarded by the mutex of the connection.
type waiting struct {
	core  *core
	queue []*publication
	bytes int
	close []byte // the body of the close frame behind them, nil for none yet
}

// receive sends a published message, or leaves it waiting. It reports whether the connection is to be
// closed because it is too slow. c.mu is held, and c.maySend holds.
func (c *Conn) receive(p *publication) (tooSlow bool) {
	subs := c.rare.subs
	if !c.flags.has(flagFull) && subs.waiting == nil && c.writing() == nil {
		c.queuePrepared(p.message)
		return false
	}
	core := c.loop.engine.core
	if subs.waiting == nil {
		subs.waiting = &waiting{core: core}
	}
	w := subs.waiting
	srv := c.loop.engine.srv
	most := limit(srv.MaxPublishQueue, defaultMaxPublishQueue)
	missed := &srv.topics.counters.missed
	if srv.SlowSubscriber == SlowKeepLatest {
		if i := w.earlier(p.topic); i >= 0 {
			w.remove(i, i+1)
			missed.Add(1)
		}
	}
	for !w.fits(p, most, core.cfg.outbound) {
		missed.Add(1)
		switch srv.SlowSubscriber {
		case SlowDropNewest:
			return false
		case SlowClose:
			missed.Add(int64(len(w.queue)))
			srv.topics.counters.slowClosed.Add(1)
			c.dropWaiting()
			return true
		}
		w.remove(0, 1)
	}
	w.add(p)
	return false
}

// add adds a message. Its bytes count once, however many connections it waits for.
func (w *waiting) add(p *publication) {
	if p.slow.Add(1) == 1 {
		w.core.hold(p.size())
	}
	w.queue = append(w.queue, p)
	w.bytes += p.size()
}

// remove removes the messages from i to before j.
func (w *waiting) remove(i, j int) {
	for _, p := range w.queue[i:j] {
		if p.slow.Add(-1) == 0 {
			w.core.hold(-p.size())
		}
		w.bytes -= p.size()
	}
	w.queue = slices.Delete(w.queue, i, j)
}

// fits reports whether there is room for p. One always fits.
func (w *waiting) fits(p *publication, most, bytes int) bool {
	return len(w.queue) == 0 || len(w.queue) < most && p.size() <= bytes-w.bytes
}

// earlier returns which message of the topic waits, -1 for none.
func (w *waiting) earlier(topic string) int {
	return slices.IndexFunc(w.queue, func(p *publication) bool { return p.topic == topic })
}

// The methods from here on are called with c.mu held.

// waiting returns what waits, nil for nothing.
func (c *Conn) waiting() *waiting {
	if c.rare == nil || c.rare.subs == nil {
		return nil
	}
	return c.rare.subs.waiting
}

// refill makes what waits pending, up to what is written at once, now that the output is empty.
func (c *Conn) refill() {
	w := c.waiting()
	if w == nil || c.writing() != nil {
		return
	}
	n := 0
	for ; n < len(w.queue) && c.pending() < flushAt; n++ {
		c.append(w.queue[n].message)
	}
	w.remove(0, n)
	if len(w.queue) == 0 {
		c.dropWaiting()
		if w.close != nil {
			c.encode(codec.Close, w.close)
		}
	}
}

// closeBehind leaves our close frame behind what waits. It reports false where nothing does.
func (c *Conn) closeBehind(body []byte) bool {
	w := c.waiting()
	if w != nil && c.writing() != nil { // they wait behind a message that is broken off here
		c.dropWaiting()
		return false
	}
	if w != nil {
		c.sentMessage(codec.Close, len(body))
		w.close = append([]byte{}, body...)
	}
	return w != nil
}

// dropWaiting drops what waits.
func (c *Conn) dropWaiting() {
	if w := c.waiting(); w != nil {
		w.remove(0, len(w.queue))
		c.rare.subs.waiting = nil
	}
}
