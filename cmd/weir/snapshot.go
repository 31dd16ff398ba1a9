package main

import (
	"cmp"
	"slices"
	"time"

	"example.org/weir/reactor"
)

// snapshot is what the dashboard shows, in JSON. Rates are per second.
type snapshot struct {
	App     string `json:"app"`
	Version string `json:"version"`
	State   string `json:"state"` // as /readyz has it

	Connections int     `json:"connections"`
	Slow        int     `json:"slow"`
	Buffered    int64   `json:"buffered"` // bytes
	Opened      float64 `json:"opened"`   // rate
	Closed      float64 `json:"closed"`   // rate
	Refused     float64 `json:"refused"`  // rate
	Dropped     float64 `json:"dropped"`  // rate, of messages

	MessagesIn  float64 `json:"messagesIn"`
	MessagesOut float64 `json:"messagesOut"`
	BytesIn     float64 `json:"bytesIn"`
	BytesOut    float64 `json:"bytesOut"`

	Loops   []loopLine  `json:"loops"`
	Lag     float64     `json:"lag"`     // of the worst loop, seconds
	Handler percentiles `json:"handler"` // seconds, in the last second; 0: none were measured
	Fanout  percentiles `json:"fanout"`
	Ping    percentiles `json:"ping"` // since the start: there are few of them
	CPU     float64     `json:"cpu"`  // CPUs in use

	Heap       uint64  `json:"heap"`   // live bytes
	Memory     uint64  `json:"memory"` // bytes, of the system
	Goroutines uint64  `json:"goroutines"`
	GCs        float64 `json:"gcs"`     // rate
	GCCPU      float64 `json:"gcCpu"`   // CPUs in use
	GCPause    float64 `json:"gcPause"` // the longest in the last second, seconds

	Closes []closeLine `json:"closes"`

	Topics        int     `json:"topics"`
	Subscriptions int     `json:"subscriptions"`
	Published     float64 `json:"published"` // rate
	Delivered     float64 `json:"delivered"` // rate
	NATS          string  `json:"nats,omitempty"`
}

// loopLine is an event loop.
type loopLine struct {
	Loop        int     `json:"loop"`
	Connections int     `json:"connections"`
	Lag         float64 `json:"lag"` // seconds
}

// percentiles are of a time, in seconds.
type percentiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// closeLine is a way in which connections have closed.
type closeLine struct {
	Code  int    `json:"code"`
	Name  string `json:"name"`
	Side  string `json:"side"`
	Total uint64 `json:"total"`
}

// snapshot says what there is now, and what has come since before.
func (a *admin) snapshot(before, now *sample) snapshot {
	seconds := now.at.Sub(before.at).Seconds()
	rate := func(before, now uint64) float64 { return float64(now-before) / seconds }
	b, n := &before.stats, &now.stats
	s := snapshot{
		App: a.appName, Version: version(), State: stateReady,
		Connections: n.Conns, Slow: n.Congested, Buffered: n.Buffered,
		Opened:      rate(b.Opened, n.Opened),
		Closed:      rate(sum(b.Closed), sum(n.Closed)),
		Refused:     rate(sum(b.Refused), sum(n.Refused)),
		Dropped:     rate(droppedOf(before), droppedOf(now)),
		MessagesIn:  rate(b.Received.Text+b.Received.Binary, n.Received.Text+n.Received.Binary),
		MessagesOut: rate(b.Sent.Text+b.Sent.Binary, n.Sent.Text+n.Sent.Binary),
		BytesIn:     rate(b.Received.Bytes, n.Received.Bytes),
		BytesOut:    rate(b.Sent.Bytes, n.Sent.Bytes),
		Handler:     percentilesOf(b.HandlerTime, n.HandlerTime),
		Fanout:      percentilesOf(b.FanoutTime, n.FanoutTime),
		Ping:        percentilesOf(reactor.Histogram{}, n.PingTime),
		CPU:         (now.cpu - before.cpu).Seconds() / seconds,
		Closes:      closeLines(n.Closed),

		Heap: now.goes.heap, Memory: now.goes.memory, Goroutines: now.goes.goroutines,
		GCs:     rate(before.goes.cycles, now.goes.cycles),
		GCCPU:   (now.goes.gcCPU - before.goes.gcCPU) / seconds,
		GCPause: longestPause(before.goes.pauses, now.goes.pauses),

		Topics: now.topics.Patterns, Subscriptions: now.topics.Subscriptions,
		Published: rate(uint64(before.topics.Published), uint64(now.topics.Published)),
		Delivered: max(float64(now.topics.Delivered-before.topics.Delivered)/seconds, 0),
	}
	if why := a.unready(); why != nil {
		s.State = why.Status
	}
	for _, l := range n.Loops {
		s.Loops = append(s.Loops, loopLine{l.Loop, l.Conns, l.Lag.Seconds()})
		s.Lag = max(s.Lag, l.Lag.Seconds())
	}
	switch {
	case now.nats == nil:
	case now.nats.Connected:
		s.NATS = "connected to " + now.nats.Server
	default:
		s.NATS = "not connected"
	}
	return s
}

func percentilesOf(before, after reactor.Histogram) percentiles {
	q := func(part float64) float64 {
		return quantile(part, before, after).Round(time.Microsecond / 10).Seconds()
	}
	return percentiles{q(0.5), q(0.99)}
}

// droppedOf counts the messages that clients, or other servers, did not get.
func droppedOf(s *sample) uint64 {
	n := s.stats.Dropped + s.stats.Rejected + uint64(s.topics.Missed) + uint64(s.topics.BusMissed)
	if s.nats != nil {
		n += s.nats.Lost + s.nats.Dropped
	}
	return n
}

// closeLines puts the most frequent first.
func closeLines(closed map[reactor.CloseKind]uint64) []closeLine {
	lines := make([]closeLine, 0, len(closed))
	for k, n := range closed {
		lines = append(lines, closeLine{int(k.Code), k.Code.String(), side(k.Code, k.Remote), n})
	}
	slices.SortFunc(lines, func(a, b closeLine) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Side, b.Side))
	})
	return lines
}

func sum[K comparable](counts map[K]uint64) (all uint64) {
	for _, n := range counts {
		all += n
	}
	return all
}
