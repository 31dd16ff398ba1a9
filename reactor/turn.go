package reactor

import (
	"runtime/debug"
	"time"

	"example.org/weir/codec"
)

// A turn is what the loop does for a connection at a time: bytes have arrived, a task is due, or its
// timer has expired. What is written meanwhile is sent at the end.

// turn takes in what has arrived. It reports whether the connection is to be closed.
func (c *Conn) turn(p []byte) (cut bool) {
	c.begin()
	if !c.limited {
		c.tick = c.loop.wheel.now
	}
	c.pinged = false
	c.loop.counts.received.bytes.Add(uint64(len(p)))
	c.protect(func() { c.arrived(p) })
	if c.loop.cfg.track {
		c.trackReceived(len(p))
	}
	return c.endTurn()
}

// run does a task, or just ends the turn where do is nil.
func (c *Conn) run(do func(*Conn)) {
	if !c.begin() {
		return
	}
	if do != nil {
		c.protect(func() { do(c) })
	}
	c.end()
}

// begin makes writes wait for the end of the turn. It reports false when the connection is closed.
func (c *Conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags.set(flagQueued)
	return c.fd >= 0
}

// end ends a turn that is not gnet's, which closes by itself.
func (c *Conn) end() {
	if c.endTurn() {
		_ = c.loop.events.Close(c.socket)
	}
}

// endTurn settles the connection, or leaves that to the loop's batch. It reports whether the connection is
// to be closed now.
func (c *Conn) endTurn() (cut bool) {
	c.loop.arrived.moveTo(&c.loop.counts.received)
	b := &c.loop.batch
	c.mu.Lock()
	if !b.takes(c) {
		return c.settled()
	}
	c.mu.Unlock()
	if b.full() {
		b.flush()
	}
	return false
}

// settle writes what is pending and does what the state of the connection asks for. It reports
// whether the connection is to be closed now.
func (c *Conn) settle() (cut bool) {
	c.mu.Lock()
	return c.settled()
}

// settled is settle with c.mu held, which it unlocks.
func (c *Conn) settled() (cut bool) {
	c.flags.clear(flagQueued | flagBatched)
	if c.fd < 0 { // it has closed while it waited in the batch
		c.mu.Unlock()
		return false
	}
	c.write()
	drained := c.takeDrained()
	// The server closes first, a client waits for that (RFC 6455 7.1.1).
	if c.flags.has(flagFinished) && c.out == nil && !c.flags.has(flagShut) && c.loop.cfg.decoder.Role == codec.Server {
		c.flags.set(flagShut)
		shutdownWrite(int(c.fd))
	}
	cut = c.flags.has(flagCut)
	full := c.fullSince()
	c.mu.Unlock()
	c.arm(full)
	if drained && !cut {
		if hook := c.loop.cfg.onDrain; hook != nil {
			c.protect(func() { hook(c) })
		}
	}
	return cut
}

// protect calls code of the application, or code that calls it. A panic costs the connection.
func (c *Conn) protect(f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
		}
	}()
	f()
}

// panicked ends a connection whose handler or hook panicked with r.
func (c *Conn) panicked(r any) {
	c.logPanic(r)
	if c.phase == phaseHandshake && c.loop.engine.srv != nil {
		c.refuse(errUpgrade)
		return
	}
	c.fail(errInternal)
}

// logPanic counts and logs that a handler or hook panicked with r. It is called while that panic unwinds.
func (c *Conn) logPanic(r any) {
	t := &c.loop.engine.core.tally
	t.count(&t.panics)
	c.loop.cfg.log.Error("a handler panicked; its connection is closed with 1011",
		"panic", r, "remote", c.RemoteAddr(), "stack", string(debug.Stack()))
}

// errInternal tells the peer that a handler has panicked.
var errInternal = &codec.CloseError{Code: codec.CloseInternalError, Reason: "internal error"}

// arrived takes in bytes as they came from the socket; read gets what is inside of them.
func (c *Conn) arrived(p []byte) {
	if c.phase == phaseProxy {
		if p = c.readProxy(p); len(p) == 0 {
			return
		}
	}
	if s := c.tls(); s != nil {
		s.arrived(p)
		return
	}
	c.read(p)
}

// read handles bytes according to the phase, which they may change.
func (c *Conn) read(p []byte) {
	if c.phase == phaseHandshake {
		if c.loop.cfg.decoder.Role == codec.Client {
			p = c.readResponse(p)
		} else {
			p = c.readHandshake(p)
		}
	}
	switch c.phase {
	case phaseFrames:
		c.readFrames(p)
	case phaseAuthorizing:
		c.keepAhead(p)
	}
	if c.phase == phaseFinished {
		c.decoder.Release()
	}
}

// readFrames decodes p and dispatches what it finds. The last call of Decode, with nothing to
// return, gives its buffer back.
func (c *Conn) readFrames(p []byte) {
	if !c.pay(0, float64(len(p))) {
		return
	}
	inflates := c.inflates()
	if inflates {
		c.loop.counts.inflated.wire.Add(uint64(len(p)))
	}
	for c.phase == phaseFrames {
		m, n, err := c.decoder.Decode(p)
		if err != nil {
			c.fail(err.(*codec.CloseError))
			return
		}
		if m.Opcode == codec.Continuation {
			return
		}
		p = p[n:]
		if inflates {
			c.loop.counts.inflated.plain.Add(uint64(len(m.Payload)))
		}
		c.dispatch(m)
		if poison {
			overwrite(m.Payload)
		}
	}
}

// deliver gives a message to the handler, and takes the time that it needs for some of them: a look at
// the clock costs as much as a small message.
func (c *Conn) deliver(m codec.Message) {
	l := c.loop
	if l.untimed++; l.untimed < timeEvery {
		c.received(m)
		return
	}
	l.untimed = 0
	start := time.Now()
	c.received(m)
	l.counts.handler.observe(time.Since(start))
}

// timeEvery is of how many messages one is timed.
const timeEvery = 64

// poison makes payloads be overwritten after the callback, so that tests notice who keeps one.
var poison bool

func overwrite(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}

func (c *Conn) dispatch(m codec.Message) {
	chunk, parted := m.Chunk()
	last := !parted || chunk.Final
	c.loop.arrived.add(m.Opcode, len(m.Payload), last)
	if last {
		if c.loop.cfg.track {
			c.trackMessage(m.Opcode)
		}
		if !c.pay(1, 0) {
			return
		}
	}
	if m.Opcode == codec.Close {
		c.peerClosed(m.Payload)
		return
	}
	if c.closing() != codec.Open {
		return // ours has been sent: only the peer's close frame still matters
	}
	switch m.Opcode {
	case codec.Text, codec.Binary:
		c.deliver(m)
	case codec.Ping:
		c.pong(m.Payload)
	case codec.Pong:
		c.pongCame(m.Payload)
		if hook := c.loop.cfg.onPong; hook != nil {
			hook(c, m.Payload)
		}
	}
}
