package reactor

import (
	"math"

	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// What is pending for a connection, on its way to the socket. All of these methods but nowWritable are called with
// c.mu held.

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
			c.sentMessage(codec.Pong, len(r.pong))
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
