package reactor

import (
	"errors"
	"math"
	"unsafe"

	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"

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
	c.sentMessage(op)
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
	c.sentMessage(m.Opcode())
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
	c.sentMessage(m.Opcode())
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

// unsent is what waits to be written, with TLS of what has been sealed.
func (c *Conn) unsent() []byte {
	switch {
	case c.out == nil:
		return nil
	case c.rare == nil:
		return c.out.B
	}
	return c.out.B[c.rare.sent:]
}

// pending is the number of bytes that wait to be written.
func (c *Conn) pending() int {
	n := len(c.unsent())
	if s := c.tls(); s != nil {
		n += s.unsent()
	}
	return n
}

// write hands to the kernel what it takes of what is pending. All writes of a connection are made
// here, so that gnet's own buffer, which has no bound, is never used; and all with mu held and fd
// checked, so that none can reach a connection that took over the descriptor.
func (c *Conn) write() {
	for c.sendable() {
		n, err := writeSocket(int(c.fd), c.unsent())
		c.wrote(n, err)
	}
}

// sendable reports whether there is something to write and the socket may take it.
func (c *Conn) sendable() bool {
	if c.tls() != nil {
		c.seal()
	}
	return c.out != nil && !c.flags.has(flagFull) && c.fd >= 0
}

// wrote notes what came of writing all that is pending.
func (c *Conn) wrote(n int, err error) {
	rest := len(c.unsent())
	switch {
	case err == unix.EAGAIN:
		n = 0
	case err != nil:
		c.broken(err)
		return
	}
	c.sentBytes(n)
	if n < rest {
		r := c.rarely()
		r.sent += uint32(n)
		c.congest()
		c.loop.engine.core.writable.await(c)
		return
	}
	c.release()
	if r := c.rare; r != nil && r.pongWaits {
		r.pongWaits = false
		if c.maySend() {
			c.sentMessage(codec.Pong)
			c.encode(codec.Pong, r.pong)
		}
	}
	c.refill()
}

// dropSent drops what has been sent from the front of a buffer when it is the larger part, so that the
// buffer of a client that never catches up does not grow, and no byte is moved more often than once. It
// returns how much of what is left has been sent.
func dropSent(b *bytebufferpool.ByteBuffer, sent uint32) uint32 {
	if int(sent) > len(b.B)/2 || sent > 1<<30 {
		b.B = b.B[:copy(b.B, b.B[sent:])]
		return 0
	}
	return sent
}

// took notes what the batch's ring sent of what is pending; see ring.submit.
func (c *Conn) took(result int32) {
	switch {
	case result == notSent: // it is still to be written
	case result < 0:
		c.wrote(0, unix.Errno(-result))
	default:
		c.wrote(int(result), nil)
	}
}

// notSent is the result of a send that the ring has not done.
const notSent = math.MinInt32

// shutdownWrite tells the peer that no more will come. An error means that the connection is gone,
// which its loop hears by itself.
func shutdownWrite(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// release gives the output buffer back.
func (c *Conn) release() {
	if c.out != nil {
		putBuffer(c.out)
		c.out = nil
	}
	if c.rare != nil {
		c.rare.sent = 0
		c.account()
	}
}

// discard drops all that is pending, and what waits behind a writer: it will not be sent.
func (c *Conn) discard() {
	if w := c.writing(); w != nil {
		w.forget()
	}
	if s := c.tls(); s != nil {
		s.drop()
	}
	c.release()
}

// broken ends a connection that can no longer be written to.
func (c *Conn) broken(err error) {
	c.discard()
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: err})
	c.cutOff()
}

// forget gives up the descriptor, which is about to be closed. From here on nothing is written.
func (c *Conn) forget() {
	if c.flags.has(flagWatched) {
		c.loop.engine.core.writable.forget(c)
	}
	c.fd = -1
	c.relieve()
	c.socket = &departed{remote: copyAddr(c.socket.RemoteAddr())}
	c.discard()
}

// takeDrained reports whether a congested output has been written whole since it was asked last.
func (c *Conn) takeDrained() bool {
	r := c.rare
	if r == nil || c.out != nil || !r.congested {
		return false
	}
	r.congested = false
	r.refused = false
	r.fullAt = 0
	c.account()
	c.hasRoom()
	return true
}

// nowWritable is the task that the watcher posts when the socket takes bytes again.
func nowWritable(c *Conn) {
	c.mu.Lock()
	c.relieve()
	c.mu.Unlock()
}
