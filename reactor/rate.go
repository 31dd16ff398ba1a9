package reactor

import (
	"time"

	"example.org/weir/codec"
)

// rate is how many messages and bytes a client may still send. It is filled as the ticks of its loop pass,
// so that it costs no look at the clock.
type rate struct {
	messages, bytes float64
	at              uint32 // the tick up to which it has been filled
}

// limits of a connection's rate, each per second; 0 is no limit.
type rateLimits struct {
	messages, bytes float64
	burst           float64 // bytes
}

func (s *Server) rateLimits() rateLimits {
	l := rateLimits{messages: float64(max(s.MessageRate, 0)), bytes: float64(max(s.ByteRate, 0))}
	l.burst = l.bytes
	if s.MaxMessage >= 0 {
		l.burst = max(l.burst, float64(limit(s.MaxMessage, defaultMaxMessage))+codec.MaxHeader)
	}
	return l
}

var (
	errMessageRate = &codec.CloseError{Code: codec.ClosePolicyViolation, Reason: "more messages per second than permitted"}
	errByteRate    = &codec.CloseError{Code: codec.ClosePolicyViolation, Reason: "more bytes per second than permitted"}
)

// pay takes what a client sends from its rate. It fails the connection, and reports false, where that is
// more than there is. It belongs to the loop.
func (c *Conn) pay(messages, bytes float64) bool {
	cfg := c.loop.cfg
	if cfg.rate.messages == 0 && cfg.rate.bytes == 0 {
		return true
	}
	r := c.rate()
	now := c.loop.wheel.now
	seconds := (time.Duration(now-r.at) * cfg.tick).Seconds()
	r.at = now
	r.messages = min(r.messages+seconds*cfg.rate.messages, cfg.rate.messages) - messages
	r.bytes = min(r.bytes+seconds*cfg.rate.bytes, cfg.rate.burst) - bytes
	switch {
	case cfg.rate.messages > 0 && r.messages < 0:
		c.fail(errMessageRate)
	case cfg.rate.bytes > 0 && r.bytes < 0:
		c.fail(errByteRate)
	default:
		return true
	}
	return false
}

// rate returns the connection's, full at first.
func (c *Conn) rate() *rate {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rarely()
	if r.rate == nil {
		limits := &c.loop.cfg.rate
		r.rate = &rate{limits.messages, limits.burst, c.loop.wheel.now}
	}
	return r.rate
}
