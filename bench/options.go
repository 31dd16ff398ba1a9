package bench

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.org/weir/codec"
)

// Options say what load is put on which server. The zero value of a field means the default that its
// comment gives; Normalize fills the defaults in.
type Options struct {
	// Targets are ws:// URLs, or unix:///path for a Unix socket; connections go to them in turn.
	Targets []string
	// Conns is the number of connections. Default 100.
	Conns int
	// Ramp is how many connections are opened per second; 0 is as fast as possible.
	Ramp float64
	// Depth is the number of messages in flight per connection in closed loops. Default 1.
	Depth int
	// Rate is the number of messages per second in open loops, over all connections.
	Rate float64
	// Duration is the time measured, after Warmup. Defaults 10 s and 1 s. Negative: no warm-up.
	Duration, Warmup time.Duration
	// Size says how large messages are. Default 128 bytes.
	Size Sizes
	// Binary sends binary messages instead of text.
	Binary bool
	// Lines are sent instead of generated payloads, in turn, where there are any.
	Lines []string
	// Verify gives each message a sequence number and a checksum and looks at them when it comes
	// back. Messages must have at least VerifyLen bytes.
	Verify bool
	// Source is a range of local addresses to connect from, in turn.
	Source netip.Prefix
	// Fields, Subprotocols and Origin are sent with each opening request.
	Fields       []codec.Field
	Subprotocols []string
	Origin       string
	// Seed makes payloads and choices repeatable. Default 1.
	Seed uint64
	// Loops is the number of event loops of the generator. Default 1.
	Loops int
	// PID is the process of the server, whose memory and CPU are reported; 0 for none.
	PID int
	// Pings is the interval of pings on idle connections in connect and storm; 0 for none.
	Pings time.Duration
	// Publishers and Subscribers are the connections of fanout. Defaults 1 and Conns.
	Publishers, Subscribers int
	// Slow and Stuck are the clients that read slowly, and never, in slow. Defaults 10 and 10.
	Slow, Stuck int
	// SLO is the objective of search: a percentile and its limit. Default p99 within 10 ms.
	SLO SLO
	// Progress is told about each second, and about the phase of the run. It may be nil.
	Progress func(s Sample, phase string)
	// Logger gets warnings of the event loops. Default: discarded.
	Logger *slog.Logger
}

// Normalize checks the options and fills in the defaults. Doing so again changes nothing.
func (o *Options) Normalize() error {
	def := func(p *int, n int) {
		if *p == 0 {
			*p = n
		}
	}
	def(&o.Conns, 100)
	def(&o.Depth, 1)
	def(&o.Loops, 1)
	def(&o.Publishers, 1)
	def(&o.Subscribers, o.Conns)
	def(&o.Slow, 10)
	def(&o.Stuck, 10)
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Warmup == 0 {
		o.Warmup = time.Second
	}
	if len(o.Size.choices) == 0 {
		o.Size = FixedSize(128)
	}
	if o.SLO.Limit == 0 {
		o.SLO = SLO{Percentile: 99, Limit: 10 * time.Millisecond}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o.check()
}

func (o *Options) check() error {
	if len(o.Targets) == 0 {
		return errors.New("no target; give the URL of a server, for instance ws://localhost:8080")
	}
	for _, t := range o.Targets {
		u, err := url.Parse(t)
		if err != nil || (u.Scheme != "ws" && u.Scheme != "unix") {
			return fmt.Errorf("bad target %q: want ws://host:port/path or unix:///path", t)
		}
	}
	switch {
	case o.Conns < 0 || o.Depth < 0 || o.Loops < 0 || o.Rate < 0 || o.Ramp < 0 || o.Publishers < 0 || o.Subscribers < 0:
		return errors.New("a number is negative")
	case o.Duration < 0:
		return errors.New("the duration is negative")
	case o.Verify && len(o.Lines) > 0:
		return errors.New("lines of a file carry no sequence numbers: they cannot be verified")
	case o.Verify && o.Size.min() < VerifyLen:
		return fmt.Errorf("messages that are verified have at least %d bytes", VerifyLen)
	}
	return nil
}

// address splits a target into the URL to ask for and the Unix socket to connect to, if any.
func address(target string) (rawURL, socket string) {
	if path, ok := strings.CutPrefix(target, "unix://"); ok {
		return "ws://localhost/", path
	}
	return target, ""
}

// SLO is a service level objective: Percentile percent of the latencies are at most Limit.
type SLO struct {
	Percentile float64
	Limit      time.Duration
}

// ParseSLO reads an objective such as "p99=10ms" or "p99.9=50ms".
func ParseSLO(s string) (SLO, error) {
	var slo SLO
	name, limit, ok := strings.Cut(s, "=")
	d, err := time.ParseDuration(limit)
	if _, scan := fmt.Sscanf(name, "p%g", &slo.Percentile); !ok || err != nil || scan != nil ||
		d <= 0 || slo.Percentile <= 0 || slo.Percentile > 100 {
		return SLO{}, fmt.Errorf("bad objective %q: want a percentile and a time, such as p99=10ms", s)
	}
	slo.Limit = d
	return slo, nil
}

// String returns the form that ParseSLO reads.
func (s SLO) String() string { return fmt.Sprintf("p%g=%v", s.Percentile, s.Limit) }

// settings are the options that shape a run of the scenario, by the names of their flags.
func (o *Options) settings(scenario string) map[string]string {
	s := map[string]string{
		"conns":    strconv.Itoa(o.Conns),
		"duration": o.Duration.String(),
		"loops":    strconv.Itoa(o.Loops),
		"size":     o.Size.String(),
		"warmup":   max(o.Warmup, 0).String(),
	}
	set := func(name string, given bool, value any) {
		if given {
			s[name] = fmt.Sprint(value)
		}
	}
	switch scenario {
	case "echo":
		set("depth", true, o.Depth)
	case "fanout":
		set("depth", true, o.Depth)
		set("publishers", true, o.Publishers)
		set("subscribers", true, o.Subscribers)
	case "slow":
		set("depth", true, o.Depth)
		set("slow", true, o.Slow)
		set("stuck", true, o.Stuck)
	case "search":
		set("slo", true, o.SLO)
	}
	set("rate", o.Rate > 0, strconv.FormatFloat(o.Rate, 'f', -1, 64))
	set("ramp", o.Ramp > 0, strconv.FormatFloat(o.Ramp, 'f', -1, 64))
	set("binary", o.Binary, true)
	set("verify", o.Verify, true)
	set("source", o.Source.IsValid(), o.Source)
	set("subprotocol", len(o.Subprotocols) > 0, strings.Join(o.Subprotocols, ","))
	set("origin", o.Origin != "", o.Origin)
	set("seed", o.Seed != 1, o.Seed)
	set("pings", o.Pings > 0, o.Pings)
	set("lines", len(o.Lines) > 0, len(o.Lines)) // how many; their file is not known here
	var names []string
	for _, f := range o.Fields {
		names = append(names, f.Name) // a value may be a secret
	}
	set("header", len(names) > 0, strings.Join(names, ","))
	return s
}
