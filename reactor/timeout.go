package reactor

import "example.org/weir/codec"

// arm schedules the timer for what the turn that ends has begun; full is fullSince. The timer for
// silence is set since the opening handshake.
func (c *Conn) arm(full uint32) {
	if c.phase == phaseFinished || c.closing() != codec.Open {
		if !c.limited {
			c.cutIn(c.loop.cfg.close)
		}
		return
	}
	if full != 0 {
		c.loop.wheel.schedule(c, full+c.loop.cfg.overflow)
	}
}

// cutIn has the present phase cut short after at least so many ticks.
func (c *Conn) cutIn(ticks uint32) {
	w := &c.loop.wheel
	c.limited = true
	c.tick = w.now + ticks + 1
	w.schedule(c, c.tick)
}

// fullSince returns the tick since which writes have been refused under OverflowClose, 0 for none.
// It is called with c.mu held, on the loop.
func (c *Conn) fullSince() uint32 {
	r := c.rare
	if r == nil || !r.refused {
		return 0
	}
	if r.fullAt == 0 {
		r.fullAt = max(c.loop.wheel.now, 1)
	}
	return r.fullAt
}

// tooSlow reports whether writes have been refused for longer than OverflowClose permits.
func (c *Conn) tooSlow(now uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	full := c.fullSince()
	return full != 0 && due(now, full+c.loop.cfg.overflow)
}

// due reports whether the tick at has come.
func due(now, at uint32) bool { return int32(now-at) >= 0 }

// expire is called when the timer comes up, perhaps early. It belongs to the loop.
func (c *Conn) expire() {
	if !c.begin() {
		return
	}
	l := c.loop
	now := l.wheel.now
	switch {
	case c.limited: // in the handshake or closing
		if !due(now, c.tick) {
			l.wheel.schedule(c, c.tick)
		} else if c.phase == phaseHandshake && l.engine.srv != nil {
			c.refuse(errHandshakeTimeout)
		} else if c.phase == phaseAuthorizing {
			c.refuse(errAuthorizeTimeout)
		} else if c.phase == phaseHandshake {
			c.refused(errHandshakeSlow)
		} else {
			_ = c.CloseNow()
		}
	case c.tooSlow(now):
		l.engine.core.tally.count(&l.engine.core.tally.slow)
		c.fail(errTooSlow)
	case l.cfg.idle > 0:
		c.expireIdle(now)
	}
	c.end()
}

// expireIdle pings a client that has been silent for half of the idle timeout and cuts one that has
// been for the whole.
func (c *Conn) expireIdle(now uint32) {
	idle := c.loop.cfg.idle
	silent := now - c.tick
	switch {
	case silent >= idle && c.pinged:
		c.fail(ErrIdle)
		_ = c.CloseNow() // nobody is there to finish the closing handshake with
	case silent > idle/2 && !c.pinged:
		c.pinged = true
		_ = c.Ping(c.loop.engine.core.pings.payload())
		c.loop.wheel.schedule(c, c.tick+max(idle, idle/2+2))
	case c.pinged:
		c.loop.wheel.schedule(c, c.tick+idle)
	default:
		c.loop.wheel.schedule(c, c.tick+idle/2+1)
	}
}

// ErrIdle is what OnClose gets of a connection that was cut because its client has been silent for IdleTimeout, and
// its close frame says. So end, besides misbehaving clients, many that lose their network.
var ErrIdle = &codec.CloseError{Code: codec.ClosePolicyViolation, Reason: "idle timeout"}

var errTooSlow = &codec.CloseError{Code: codec.CloseTryAgainLater, Reason: "reading too slowly"}
