package reactor

import (
	"net"

	"example.org/weir/codec"
)

// Close starts the closing handshake (RFC 6455 7.1.2): it sends a close frame with code and a reason
// of at most 123 bytes of UTF-8 behind everything that waits to be sent. No message is delivered
// after it, and nothing more can be written. The connection ends when the client has answered, or
// after Server.CloseTimeout. codec.CloseNoStatus sends a close frame without a body.
//
// It returns an error when the code may not be sent or the reason is too long or not UTF-8, and net.ErrClosed when
// the connection is closing already.
func (c *Conn) Close(code codec.CloseCode, reason string) error {
	body, err := codec.AppendClose(make([]byte, 0, codec.MaxControlPayload), code, reason)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.maySend() {
		return c.tooLate()
	}
	c.because(&codec.CloseError{Code: code, Reason: reason})
	c.sendClose(body)
	return nil
}

// CloseNow cuts the connection without a closing handshake. What waits to be sent is lost. No message
// is delivered after it, and nothing more can be written.
func (c *Conn) CloseNow() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return c.tooLate()
	}
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: net.ErrClosed})
	c.cutOff()
	return nil
}

// fail fails the connection because of err (RFC 6455 7.1.7): the peer is told why, if it still may
// be, and then the TCP connection ends. It is the loop's.
func (c *Conn) fail(err *codec.CloseError) {
	c.tell(err)
	c.finished()
}

// tell is fail without what only the loop can do: it notes err and tells the peer.
func (c *Conn) tell(err *codec.CloseError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.because(err)
	if c.maySend() {
		var body [codec.MaxControlPayload]byte
		p, _ := codec.AppendClose(body[:0], err.Code, err.Reason) // each error that ends a connection so fits
		c.sendClose(p)
	}
}

// peerClosed handles a close frame, whose payload the decoder has checked. The same code is sent
// back (RFC 6455 5.5.1) unless ours went out before.
func (c *Conn) peerClosed(payload []byte) {
	code, reason, _ := codec.ParseClose(payload)
	c.mu.Lock()
	if c.reason() == nil {
		c.because(&codec.CloseError{Code: code, Reason: string(reason), Remote: true})
	}
	reply := c.maySend()
	c.setClosing(c.closing().Received())
	if reply {
		c.sendClose(payload[:min(len(payload), 2)])
	}
	c.mu.Unlock()
	c.finished()
}

// finished enters the last phase: what is pending is written, then the write side is shut down, and
// what arrives is thrown away until the peer has closed too, or for the close timeout. Closing at
// once would lose what the peer has not read yet.
func (c *Conn) finished() {
	c.mu.Lock()
	c.flags.set(flagFinished)
	c.mu.Unlock()
	c.phase = phaseFinished
	c.limited = false
}

// The methods from here on are called with c.mu held.

// cutOff makes the loop close the connection. Until it does nothing more is sent or delivered.
func (c *Conn) cutOff() {
	c.flags.set(flagCut)
	c.setClosing(codec.Closed)
	c.wake()
}

// sendClose queues our close frame. There is always room for it.
func (c *Conn) sendClose(body []byte) {
	if !c.closeBehind(body) {
		c.queue(codec.Close, body)
	}
	c.setClosing(c.closing().Sent())
	c.wake() // the close timeout begins at the end of a turn, also where the frame has to wait
}
