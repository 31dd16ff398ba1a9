package reactor

import (
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
)

// Stats is what a server has done since it started, and what it holds now. Every count only grows,
// but for those that say so.
type Stats struct {
	Conns     int   // now, those in their handshake or closing included
	Congested int   // now: connections whose client reads more slowly than it is sent to
	Buffered  int64 // now: bytes that wait for them

	Accepted uint64               // connections
	Opened   uint64               // opening handshakes that were done
	Refused  map[Refusal]uint64   // those that were not, and other requests
	Closed   map[CloseKind]uint64 // connections that had been opened
	Dropped  uint64               // messages, by OverflowDrop
	Rejected uint64               // messages for which a write returned ErrBufferFull, under the other policies
	Slow     uint64               // connections that OverflowClose has closed
	Shed     uint64               // connections that were cut because of MaxBuffered
	Panics   uint64               // of handlers and hooks

	Received, Sent Traffic
	// Deflated and Inflated are what is sent and received over connections with permessage-deflate.
	Deflated, Inflated Compression

	PingTime    Histogram   // from the ping for a silent client to its pong
	HandlerTime Histogram   // of OnMessage, for one message in 64
	FanoutTime  Histogram   // from Publish, or the Bus, to the last of a loop's subscribers, for each loop that has some
	Loops       []LoopStats // those that have had a connection, in the order of their first
}

// Compression counts the bytes of connections that compress.
type Compression struct {
	Plain uint64 // of payloads, as the application has them
	Wire  uint64 // of the frames that carry them, with their headers
}

// Traffic counts messages in one direction, and their bytes.
type Traffic struct {
	Text, Binary uint64 // messages
	Control      uint64 // frames: ping, pong and close
	// The bytes of their payloads, as the application has them.
	TextBytes, BinaryBytes, ControlBytes uint64
	Bytes                                uint64 // on the connection, with frame headers and handshakes, beneath TLS
}

// CloseKind says how a connection ended.
type CloseKind struct {
	Code   codec.CloseCode // 1006 where no close frame said it; see codec.CloseAbnormal
	Remote bool            // the client began
}

// LoopStats is the state of one event loop.
type LoopStats struct {
	Loop  int // its number: that of a loop that has ended is not given again
	Conns int // at its last tick; none after Shutdown
	// Lag is how long the last tick of the loop's clock has waited for the loop, or waits now. A loop
	// that a handler holds up lags, and so do its clients.
	Lag time.Duration
}

// MarshalText returns the code and who began, such as "1000 remote", so that Stats can be JSON.
func (k CloseKind) MarshalText() ([]byte, error) {
	side := " local"
	if k.Remote {
		side = " remote"
	}
	return append(strconv.AppendUint(nil, uint64(k.Code), 10), side...), nil
}

// Histogram counts durations. Counts[i] are those of less than HistogramBound(i), and not of less than
// the bound before; the last are all the rest.
type Histogram struct {
	Counts [histogramSize]uint64
	Sum    time.Duration
}

const (
	histogramSize  = 24
	histogramShift = 10 // the first bound is 1024 ns
)

// HistogramBound is the upper bound of Histogram.Counts[i]: 1.024 µs, and each twice the one before. The
// last count has none.
func HistogramBound(i int) time.Duration { return 1 << (histogramShift + i) }

// Stats returns the counts. It waits for no event loop, and takes time in proportion to their number
// only.
func (s *Server) Stats() Stats {
	c := &s.core
	st := c.tally.stats()
	st.Conns = int(c.conns.Load())
	st.Congested = int(c.congested.Load())
	st.Buffered = c.buffered.Load()
	st.Dropped = uint64(c.dropped.Load())
	for _, e := range c.engines {
		e.eachLoop(func(l *loop) { st.Loops = append(st.Loops, l.stats()) })
	}
	slices.SortFunc(st.Loops, func(a, b LoopStats) int { return a.Loop - b.Loop })
	return st
}

// tally counts what happens once in the life of a connection.
type tally struct {
	mu               sync.Mutex
	accepted, opened uint64
	panics           uint64
	slow, shed       uint64
	refused          map[Refusal]uint64
	closed           map[CloseKind]uint64
	loops            []*counts // those of loops that have ended too
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := Stats{
		Accepted: t.accepted,
		Opened:   t.opened,
		Panics:   t.panics,
		Slow:     t.slow,
		Shed:     t.shed,
		Refused:  maps.Clone(t.refused),
		Closed:   maps.Clone(t.closed),
	}
	for _, n := range t.loops {
		n.received.addTo(&st.Received)
		n.sent.addTo(&st.Sent)
		n.ping.addTo(&st.PingTime)
		n.handler.addTo(&st.HandlerTime)
		n.fanout.addTo(&st.FanoutTime)
		n.deflated.addTo(&st.Deflated)
		n.inflated.addTo(&st.Inflated)
		st.Rejected += n.rejected.Load()
	}
	return st
}

// newLoop returns the counts of a new loop, and its number.
func (t *tally) newLoop() (n *counts, number int) {
	n = new(counts)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loops = append(t.loops, n)
	return n, len(t.loops) - 1
}

// count adds one to a count of t.
func (t *tally) count(n *uint64) {
	t.mu.Lock()
	*n++
	t.mu.Unlock()
}

// countIn adds one to m[k].
func countIn[K comparable](t *tally, m *map[K]uint64, k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *m == nil {
		*m = make(map[K]uint64)
	}
	(*m)[k]++
}

// counts is what a loop counts per message. Only the loop and those who write to its connections touch
// it, so it has cache lines of its own.
type counts struct {
	_                     [cacheLine]byte
	received, sent        traffic
	deflated, inflated    compression
	rejected              atomic.Uint64
	ping, handler, fanout histogram
	_                     [cacheLine]byte
}

// cacheLine is the size of a cache line, in bytes. Loops write to none that another loop uses for a message.
const cacheLine = 64

type traffic struct {
	types [messageTypes]struct{ messages, bytes atomic.Uint64 }
	bytes atomic.Uint64
}

// What messages are counted by.
const (
	typeText = iota
	typeBinary
	typeControl
	messageTypes
)

func messageType(op codec.Opcode) int {
	switch op {
	case codec.Text:
		return typeText
	case codec.Binary:
		return typeBinary
	}
	return typeControl
}

// add counts messages or control frames and the bytes of payloads.
func (t *traffic) add(typ int, messages, bytes uint64) {
	t.types[typ].messages.Add(messages)
	t.types[typ].bytes.Add(bytes)
}

func (t *traffic) addTo(to *Traffic) {
	for typ, counts := range [messageTypes][2]*uint64{
		{&to.Text, &to.TextBytes}, {&to.Binary, &to.BinaryBytes}, {&to.Control, &to.ControlBytes},
	} {
		*counts[0] += t.types[typ].messages.Load()
		*counts[1] += t.types[typ].bytes.Load()
	}
	to.Bytes += t.bytes.Load()
}

// turnTraffic counts what one turn has received. It belongs to the loop, and saves the atomic operations of each message.
type turnTraffic [messageTypes]struct{ messages, bytes uint64 }

// add counts a message, or a part of one that is not the last.
func (a *turnTraffic) add(op codec.Opcode, bytes int, last bool) {
	n := &a[messageType(op)]
	n.bytes += uint64(bytes)
	if last {
		n.messages++
	}
}

// moveTo adds a to t, and empties it.
func (a *turnTraffic) moveTo(t *traffic) {
	for typ := range a {
		if n := &a[typ]; n.messages > 0 || n.bytes > 0 {
			t.add(typ, n.messages, n.bytes)
			n.messages, n.bytes = 0, 0
		}
	}
}

type compression struct{ plain, wire atomic.Uint64 }

// add counts a payload, and the frame that carries it.
func (n *compression) add(plain, wire int) {
	n.plain.Add(uint64(plain))
	n.wire.Add(uint64(wire))
}

func (n *compression) addTo(to *Compression) {
	to.Plain += n.plain.Load()
	to.Wire += n.wire.Load()
}

type histogram struct {
	counts [histogramSize]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := bits.Len64(uint64(d) >> histogramShift)
	h.counts[min(i, histogramSize-1)].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) addTo(to *Histogram) {
	for i := range h.counts {
		to.Counts[i] += h.counts[i].Load()
	}
	to.Sum += time.Duration(h.sum.Load())
}
