package reactor

import (
	"errors"
	"log/slog"
	"math"
	"runtime"
	"time"

	"example.org/weir/codec"
)

// The defaults of the fields of Server, where the zero value is not itself the default.
const (
	defaultMaxMessage       = 1 << 20
	defaultMaxFragments     = 1 << 16
	defaultMaxOutbound      = 1 << 20
	defaultOverflowTimeout  = 10 * time.Second
	defaultHandshakeTimeout = 5 * time.Second
	defaultIdleTimeout      = 60 * time.Second
	defaultCloseTimeout     = 5 * time.Second
	defaultReadBuffer       = 256 << 10
)

// config is the Server's configuration with every default filled in. Times are in ticks of the
// timing wheels; 0 means off.
type config struct {
	handler   Handler
	log       *slog.Logger
	decoder   codec.DecoderConfig
	outbound  int
	loops     int
	tick      time.Duration
	handshake uint32
	idle      uint32
	close     uint32
	overflow  uint32
}

func (s *Server) configure() error {
	if s.Handler == nil {
		return errors.New("reactor: Server.Handler is not set")
	}
	c := &s.cfg
	c.handler = s.Handler
	c.log = s.Logger
	if c.log == nil {
		c.log = slog.Default()
	}
	c.decoder = codec.DecoderConfig{
		Role:         codec.Server,
		MaxMessage:   uint64(limit(s.MaxMessage, defaultMaxMessage)),
		MaxFragments: uint32(min(limit(s.MaxFragments, defaultMaxFragments), math.MaxUint32)),
		Buffers:      buffers{},
	}
	c.outbound = limit(s.MaxOutbound, defaultMaxOutbound)
	c.loops = s.Loops
	if c.loops <= 0 {
		c.loops = runtime.GOMAXPROCS(0)
	}
	handshake := timeout(s.HandshakeTimeout, defaultHandshakeTimeout)
	idle := timeout(s.IdleTimeout, defaultIdleTimeout)
	closing := timeout(max(s.CloseTimeout, 0), defaultCloseTimeout)
	overflow := timeout(s.OverflowTimeout, defaultOverflowTimeout)
	c.tick = tickFor(handshake, idle, closing, overflow)
	c.handshake = c.ticks(handshake)
	c.idle = c.ticks(idle)
	c.close = c.ticks(closing)
	c.overflow = c.ticks(overflow)
	return nil
}

// limit returns n, the default for 0, and no limit for a negative n.
func limit(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt
	}
	return n
}

// timeout returns d, the default for 0, and 0, which means off, for a negative d.
func timeout(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}

// The wheels tick every 100 ms, more often where a timeout is so short that this would be coarse.
const (
	maxTick = 100 * time.Millisecond
	minTick = 5 * time.Millisecond
)

func tickFor(timeouts ...time.Duration) time.Duration {
	tick := maxTick
	for _, d := range timeouts {
		if d > 0 {
			tick = min(tick, d/10)
		}
	}
	return max(tick, minTick)
}

// ticks returns d in ticks, rounded up; 0 only for 0.
func (c *config) ticks(d time.Duration) uint32 {
	return uint32(min((d+c.tick-1)/c.tick, math.MaxUint32/4))
}
