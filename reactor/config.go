package reactor

import (
	"crypto/tls"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/panjf2000/gnet/v2"

	"example.org/weir/codec"
)

// The defaults of the fields of Server and Client, where the zero value is not itself the default.
const (
	defaultMaxMessage       = 1 << 20
	defaultMaxFragments     = 1 << 16
	defaultMaxOutbound      = 1 << 20
	defaultOverflowTimeout  = 10 * time.Second
	defaultHandshakeTimeout = 5 * time.Second
	defaultIdleTimeout      = 60 * time.Second
	defaultCloseTimeout     = 5 * time.Second
	defaultReadBuffer       = 256 << 10
	defaultDeflateMemory    = 64 << 20
	defaultMaxBuffered      = 256 << 20
	defaultStreamFrom       = 64 << 10
	defaultMaxStream        = 1 << 30
	defaultMaxSubscriptions = 1024
	defaultMaxPublishQueue  = 256
	defaultMaxBacklog       = 64 << 20
	defaultMaxBusQueue      = 16 << 20
)

// settings are the fields that Server and Client have in common, as they were set.
type settings struct {
	maxMessage, maxFragments, maxOutbound int
	maxBuffered                           int64
	streamFrom, maxStream                 int
	policy                                OverflowPolicy
	overflow, handshake, idle, close      time.Duration
	head                                  codec.HeadLimits
	onPong                                func(*Conn, []byte)
	onDrain                               func(*Conn)
	loops, readBuffer                     int
	io                                    IOMode
	deflate                               *codec.Deflate
	deflateMemory                         int
	log                                   *slog.Logger
}

// config is what a connection goes by, with every default filled in. Times are in ticks of the
// timing wheels; 0 means off.
type config struct {
	handler  Handler
	onPong   func(*Conn, []byte) // may be nil
	onDrain  func(*Conn)         // may be nil
	log      *slog.Logger
	io       IOMode
	head     codec.HeadLimits
	decoder  codec.DecoderConfig
	outbound int   // bytes
	buffered int64 // bytes, of all connections
	policy   OverflowPolicy
	rate     rateLimits // per connection
	track    bool       // each connection keeps its own counts

	tls           *tls.Config      // of all connections of the engine; nil: none has TLS, unless mayTLS
	mayTLS        bool             // connections may have TLS each by itself
	streaming     *codec.Streaming // of handlers that take chunks
	deflate       *codec.Deflate   // nil: no compression
	deflateMemory int64            // bytes

	tick      time.Duration
	handshake uint32
	idle      uint32
	close     uint32
	overflow  uint32
}

// config fills in the defaults.
func (s *settings) config(role codec.Role, h Handler) config {
	c := config{
		handler: h,
		onPong:  s.onPong,
		onDrain: s.onDrain,
		log:     s.log,
		io:      s.io,
		head:    s.head,
		decoder: codec.DecoderConfig{
			Role:         role,
			MaxMessage:   uint64(limit(s.maxMessage, defaultMaxMessage)),
			MaxFragments: uint32(min(limit(s.maxFragments, defaultMaxFragments), math.MaxUint32)),
			Buffers:      buffers{},
		},
		outbound: limit(s.maxOutbound, defaultMaxOutbound),
		buffered: int64(limit(int(s.maxBuffered), defaultMaxBuffered)),
		policy:   s.policy,

		streaming:     s.streaming(),
		deflate:       s.deflate,
		deflateMemory: int64(limit(s.deflateMemory, defaultDeflateMemory)),
	}
	if _, ok := h.(ChunkHandler); ok {
		c.decoder.Stream = c.streaming
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	handshake := timeout(s.handshake, defaultHandshakeTimeout)
	idle := timeout(s.idle, defaultIdleTimeout)
	closing := timeout(max(s.close, 0), defaultCloseTimeout)
	overflow := timeout(s.overflow, defaultOverflowTimeout)
	c.tick = tickFor(handshake, idle, closing, overflow)
	c.handshake = c.ticks(handshake)
	c.idle = c.ticks(idle)
	c.close = c.ticks(closing)
	c.overflow = c.ticks(overflow)
	return c
}

// gnetOptions are the options that every gnet engine gets.
func (s *settings) gnetOptions(log *slog.Logger) []gnet.Option {
	readBuffer := s.readBuffer
	if readBuffer <= 0 {
		readBuffer = defaultReadBuffer
	}
	return []gnet.Option{
		gnet.WithNumEventLoop(s.loopCount()),
		gnet.WithMulticore(true),
		gnet.WithReadBufferCap(readBuffer),
		gnet.WithLogger(gnetLog{log}),
	}
}

// loopCount is the number of loops that an engine gets.
func (s *settings) loopCount() int {
	if s.loops <= 0 {
		return min(runtime.GOMAXPROCS(0), maxLoops)
	}
	return min(s.loops, maxLoops)
}

// maxLoops is how many loops gnet runs at most.
const maxLoops = 256

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
	n := d / c.tick
	if d%c.tick > 0 {
		n++
	}
	return uint32(min(n, math.MaxUint32/4))
}
