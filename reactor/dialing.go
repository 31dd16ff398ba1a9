package reactor

import (
	"errors"
	"fmt"
	"net"

	"example.org/weir/codec"
)

// dialing is an opening handshake from the client's side.
type dialing struct {
	upgrade codec.ClientUpgrade
	parser  codec.ResponseParser
	head    []byte     // what has arrived of the response
	done    chan error // gets the outcome, once
}

var errHandshakeSlow = errors.New("reactor: the server did not answer the opening handshake in time")

// request sends the request. It is the first that the loop does for the connection.
func (c *Conn) request() {
	d := c.rare.dialing
	c.mu.Lock()
	b := c.buffer()
	var err error
	b.B, err = codec.AppendRequest(b.B, &d.upgrade)
	c.mu.Unlock()
	if err != nil {
		c.refused(fmt.Errorf("reactor: %w", err))
	}
}

// readResponse takes the response head from p. It returns what follows it.
func (c *Conn) readResponse(p []byte) (rest []byte) {
	d := c.rare.dialing
	d.head = append(d.head, p...)
	for {
		n, err := d.parser.Parse(d.head)
		if err != nil {
			c.refused(fmt.Errorf("reactor: %w", err))
			return nil
		}
		if n == 0 {
			return nil
		}
		r := d.parser.Response(d.head[:n])
		if !r.Interim() {
			rest = p[len(p)-(len(d.head)-n):]
			c.accept(r)
			return rest
		}
		d.head = append(d.head[:0], d.head[n:]...) // 1xx: the answer is still to come
		d.parser.Reset(c.loop.cfg.head)
	}
}

// accept goes on to frames if the response is as it must be (RFC 6455 4.1).
func (c *Conn) accept(r *codec.Response) {
	d := c.rare.dialing
	protocol, extensions, err := r.CheckUpgrade(&d.upgrade)
	deflate, err := c.agreeDeflate(extensions, err)
	if err != nil {
		c.refused(fmt.Errorf("reactor: %w", err))
		return
	}
	c.mu.Lock()
	if c.flags.has(flagCut) { // Dial has given up
		c.mu.Unlock()
		return
	}
	c.rare.subprotocol = string(protocol)
	c.rare.deflate = deflate
	c.rare.dialing = nil
	c.mu.Unlock()
	defer func() { d.done <- nil }() // also when OnOpen panics
	c.opened()
}

// agreeDeflate checks what the server answered to our offer of permessage-deflate, if there was one and
// the rest of the response has passed.
func (c *Conn) agreeDeflate(extensions []byte, err error) (*deflating, error) {
	if err != nil || c.loop.cfg.deflate == nil {
		return nil, err
	}
	p, ok, err := c.loop.cfg.deflate.Agree(extensions)
	if err != nil || !ok {
		return nil, err
	}
	return c.loop.engine.core.deflating(p, 0), nil
}

// refused ends an attempt that has failed.
func (c *Conn) refused(err error) {
	c.dialed(err)
	c.phase = phaseFinished
	_ = c.CloseNow()
}

// dialed tells Dial that the attempt has failed, unless it knows already.
func (c *Conn) dialed(err error) {
	if r := c.rare; r != nil && r.dialing != nil {
		r.dialing.done <- err
		c.mu.Lock()
		r.dialing = nil
		c.mu.Unlock()
	}
}

// giveUpDialing ends an attempt, from any goroutine. It reports false when that is too late: the attempt has failed,
// or succeeded, and dialing.done tells, once OnOpen has returned.
func (c *Conn) giveUpDialing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare.dialing == nil {
		return false
	}
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: net.ErrClosed})
	c.cutOff()
	return true
}
