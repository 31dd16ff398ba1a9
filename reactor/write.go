package reactor

import (
	"errors"
	"unsafe"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// ErrBufferFull is returned by a write to a connection that has Server.MaxOutbound bytes waiting
// already. Nothing of the message is sent.
var ErrBufferFull = errors.New("reactor: the client reads too slowly: its outbound buffer is full")

// errControlTooLong is returned by Ping for more than codec.MaxControlPayload bytes.
var errControlTooLong = errors.New("reactor: the payload of a ping is longer than 125 bytes")

// errNotData is returned by WriteMessage and WritePrepared for an opcode that is neither text nor binary.
var errNotData = errors.New("reactor: a message is codec.Text or codec.Binary; use Ping and Close for control frames")

const (
	// flushAt is how many bytes are gathered before they are written though the turn goes on; a
	// message as large is not gathered at all.
	flushAt = 64 << 10
	// controlRoom is how many bytes beyond MaxOutbound control frames may take.
	controlRoom = 4 << 10
)

// WriteMessage sends a message in one frame; op is codec.Text or codec.Binary. It copies p. Text is
// not checked to be UTF-8: that is for the caller to keep (RFC 6455 8.1). Messages are sent in the
// order of the calls. It returns ErrBufferFull, subject to Server.Overflow, for a client that reads
// too slowly, and never blocks.
func (c *Conn) WriteMessage(op codec.Opcode, p []byte) error {
	if op != codec.Text && op != codec.Binary {
		return errNotData
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.admit(c.frameLen(len(p))); err != nil {
		return c.overflow(err)
	}
	if w := c.writing(); w != nil {
		w.wait(message{op: op, payload: append([]byte(nil), p...)}, c.frameLen(len(p)))
		return nil
	}
	c.queue(op, p)
	return nil
}

// WriteText sends a text message. See WriteMessage.
func (c *Conn) WriteText(s string) error {
	return c.WriteMessage(codec.Text, unsafe.Slice(unsafe.StringData(s), len(s))) // which only reads it
}

// WritePrepared sends a message that was encoded once for many receivers. See WriteMessage.
func (c *Conn) WritePrepared(m *codec.Prepared) error {
	if op := m.Opcode(); op != codec.Text && op != codec.Binary {
		return errNotData
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.admit(c.frameLen(len(m.Payload()))); err != nil {
		return c.overflow(err)
	}
	if w := c.writing(); w != nil {
		w.wait(message{prepared: m}, c.frameLen(len(m.Payload())))
		return nil
	}
	c.queuePrepared(m)
	return nil
}

// Ping sends a ping with a payload of at most 125 bytes (RFC 6455 5.5.2). Pongs are given to
// Server.OnPong.
func (c *Conn) Ping(p []byte) error {
	if len(p) > codec.MaxControlPayload {
		return errControlTooLong
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.writeControl(codec.Ping, p); err != nil {
		return err
	}
	return nil
}

// pong answers a ping (RFC 6455 5.5.3). While the output is congested only the latest is kept: "If
// an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping
// frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping
// frame."
func (c *Conn) pong(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flags.has(flagFull) || c.writeControl(codec.Pong, p) == ErrBufferFull {
		r := c.rarely()
		r.pong = append(r.pong[:0], p...)
		r.pongWaits = true
	}
}

// writeControl queues a control frame, which has room of its own.
func (c *Conn) writeControl(op codec.Opcode, p []byte) error {
	if !c.maySend() {
		return c.tooLate()
	}
	if !c.controlFits() {
		if c.write(); !c.controlFits() {
			return ErrBufferFull
		}
	}
	c.queue(op, p)
	return nil
}

// controlFits reports whether there is room for a control frame.
func (c *Conn) controlFits() bool {
	return c.pending() <= controlRoom || c.pending()-controlRoom <= c.loop.cfg.outbound
}

// The methods from here on are called with c.mu held.

// maySend reports whether frames may be sent: after the opening handshake and before our close
// frame.
func (c *Conn) maySend() bool {
	return c.fd >= 0 && c.isOpen() && c.closing() == codec.Open
}

// admit reports whether there is room for a frame of n bytes.
func (c *Conn) admit(n int) error {
	if !c.maySend() {
		return c.tooLate()
	}
	if c.fits(n) {
		return nil
	}
	if c.write(); c.fits(n) {
		return nil
	}
	return ErrBufferFull
}

// fits reports whether n bytes may wait besides what does.
func (c *Conn) fits(n int) bool {
	p := c.held()
	return p == 0 || n <= c.loop.cfg.outbound-p
}

// overflow applies the policy to a write that was not admitted.
func (c *Conn) overflow(err error) error {
	if err != ErrBufferFull {
		return err
	}
	policy := c.loop.cfg.policy
	if policy == OverflowDrop {
		c.loop.engine.core.dropped.Add(1)
		return nil
	}
	c.loop.counts.rejected.Add(1)
	if policy == OverflowClose {
		if r := c.rarely(); !r.refused {
			r.refused = true
			c.wake()
		}
	}
	return err
}

// queue encodes a frame behind what is pending.
func (c *Conn) queue(op codec.Opcode, p []byte) {
	c.sentMessage(op, len(p))
	if len(p) >= flushAt && !c.flags.has(flagFull) && c.loop.cfg.decoder.Role == codec.Server && c.tls() == nil && c.deflating() == nil {
		c.writeThrough(codec.AppendHeader(c.buffer().B, true, op, len(p)), p)
		return
	}
	c.encode(op, p)
	c.written()
}

// queuePrepared queues a message that was encoded for many, as a server sends it; a client masks it.
func (c *Conn) queuePrepared(m *codec.Prepared) {
	if c.loop.cfg.decoder.Role == codec.Client {
		c.queue(m.Opcode(), m.Payload())
		return
	}
	frame := c.prepared(m)
	c.sentMessage(m.Opcode(), len(m.Payload()))
	b := c.buffer()
	if len(frame) >= flushAt && !c.flags.has(flagFull) && c.tls() == nil {
		c.writeThrough(b.B, frame)
		return
	}
	b.B = append(b.B, frame...)
	c.written()
}

// append appends the frame of a message that was encoded for many to what is pending.
func (c *Conn) append(m *codec.Prepared) {
	c.sentMessage(m.Opcode(), len(m.Payload()))
	b := c.buffer()
	b.B = append(b.B, c.prepared(m)...)
}

// prepared returns the frame of a message that was encoded for many, compressed where that was agreed on. It must
// be sent, once: the message is in the context of the compression from here on.
func (c *Conn) prepared(m *codec.Prepared) []byte {
	if d := c.deflating(); d != nil {
		frame := d.deflater.PreparedFrame(m)
		c.loop.counts.deflated.add(len(m.Payload()), len(frame))
		return frame
	}
	return m.Frame()
}

// writeThrough writes what is pending, which has become head, and a payload behind it that is copied
// only as far as the socket does not take it.
func (c *Conn) writeThrough(head, p []byte) {
	c.out.B = head
	head = c.unsent()
	n, err := writeBoth(int(c.fd), head, p)
	through := max(n-len(head), 0)
	c.out.B = append(c.out.B, p[through:]...)
	c.sentBytes(through)
	c.wrote(min(n, len(head)), err)
	c.wake()
}

// encode appends a frame to what is pending: a client's is masked, with a fresh key, and a message is
// compressed where that was agreed on.
func (c *Conn) encode(op codec.Opcode, p []byte) {
	b := c.buffer()
	client := c.loop.cfg.decoder.Role == codec.Client
	d := c.deflating()
	before := len(b.B)
	switch {
	case d != nil && client:
		b.B = d.deflater.AppendMaskedFrame(b.B, op, p, codec.NewMaskKey())
	case d != nil:
		b.B = d.deflater.AppendFrame(b.B, op, p)
	case client:
		b.B = codec.AppendMaskedFrame(b.B, op, p, codec.NewMaskKey())
	default:
		b.B = codec.AppendFrame(b.B, op, p)
	}
	if d != nil {
		c.loop.counts.deflated.add(len(p), len(b.B)-before)
	}
}

// frameLen is the length of a frame with n bytes of payload.
func (c *Conn) frameLen(n int) int { return codec.HeaderLen(c.loop.cfg.decoder.Role, n) + n }

// buffer returns the buffer of what is pending, with TLS of what is still plain, to which more is to be added.
func (c *Conn) buffer() *bytebufferpool.ByteBuffer {
	b := &c.out
	if s := c.tls(); s != nil {
		b = &s.plain
	} else if *b != nil && c.rare != nil { // only now: a message behind which none waits is never moved
		c.rare.sent = dropSent(*b, c.rare.sent)
	}
	if *b == nil {
		*b = getBuffer()
	}
	return *b
}

// written sees to it that what was queued is written: at the end of the turn, or at once when it is
// much.
func (c *Conn) written() {
	if c.flags.has(flagFull) {
		c.account()
	}
	if c.pending() >= flushAt {
		c.write()
	}
	c.wake()
}

// wake makes the loop end a turn of this connection, unless it will anyway.
func (c *Conn) wake() {
	if !c.flags.has(flagQueued) {
		if c.loop.post(task{conn: c}) {
			c.flags.set(flagQueued)
		}
	}
}

// wakeUp is wake, for the loop.
func (c *Conn) wakeUp() {
	c.mu.Lock()
	c.wake()
	c.mu.Unlock()
}
