package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
	"example.org/weir/codec"
)

// Options say what load is put on which server. The zero value of a field means the default that its
// comment gives; Normalize fills the defaults in. They are sent to workers as JSON, but for the fields
// that say otherwise.
type Options struct {
	// Targets are ws:// or wss:// URLs, or unix:///path for a Unix socket; connections go to them in turn.
	// With Raw they are tcp://host:port, or unix:///path.
	Targets []string
	// Conns is the number of connections. Default 100.
	Conns int
	// Ramp is how many connections are opened per second; 0 is as fast as possible.
	Ramp float64
	// Depth is the number of messages in flight per connection in closed loops. Default 1.
	Depth int
	// Rate is the number of messages per second in open loops, over all connections.
	Rate float64
	// Duration is the time measured, after Warmup. Defaults 10 s and 1 s. A negative Warmup is none.
	Duration, Warmup time.Duration
	// Size says how large messages are. Default 128 bytes.
	Size Sizes
	// Binary sends binary messages instead of text.
	Binary bool
	// Lines are sent instead of generated payloads, in turn, where there are any.
	Lines []string
	// Verify gives each message a number and a checksum and looks at them when it comes back.
	// Messages must have at least VerifyLen bytes.
	Verify bool
	// Raw is plain TCP in echo, connect and churn: Size bytes are sent, and as many are taken for the
	// answer. Nothing is pinged.
	Raw bool
	// Deflate offers permessage-deflate, with context takeover if the server likes, and compresses
	// what is sent where the server agrees. Generated messages are such as can be compressed then.
	Deflate bool
	// Source is a range of local addresses to connect from, in turn.
	Source netip.Prefix
	// Fields, Subprotocols and Origin are sent with each opening request.
	Fields       []codec.Field
	Subprotocols []string
	Origin       string
	// Insecure has the certificates of wss servers not verified. CA are certificates in PEM that they
	// are verified by instead of the system's.
	Insecure bool
	CA       []byte
	// Seed makes payloads and sizes repeatable. Default 1.
	Seed uint64
	// Loops is the number of event loops of the generator. Default 1.
	Loops int
	// PID is the process of the server, whose memory and CPU are reported; 0 for none.
	PID int
	// Pings is the interval of pings on idle connections in connect and storm; 0 for none.
	Pings time.Duration
	// Mute sends no echoes in hold. Listen is how long hold waits for what the server publishes; 0 is not
	// at all.
	Mute   bool
	Listen time.Duration
	// Publishers and Subscribers are the connections of fanout. Defaults 1 and Conns.
	Publishers, Subscribers int
	// Slow and Stuck are the clients that read slowly, and never, in slow. Defaults 10 and 10;
	// negative for none.
	Slow, Stuck int
	// SLO is the objective of search: a percentile and its limit. Default p99 within 10 ms.
	SLO SLO
	// Worker is the number of this worker among those that share a load. It has payloads of its own.
	Worker int

	// Progress is told about each second, and about the phase of the run. It may be nil.
	Progress func(s Sample, phase string) `json:"-"`
	// Sync is called before the run begins to connect, before it begins to measure, and in hold when
	// the time is over ("echo") and before it waits for what is published ("publish"); it returns when the run
	// may go on. The run ends when the context does meanwhile. It may be nil. With workers, it is called
	// when all have come that far, and holds all up.
	Sync func(ctx context.Context, stage string) error `json:"-"`
	// Logger gets warnings of the event loops. Default: discarded.
	Logger *slog.Logger `json:"-"`

	tls *tls.Config // what Insecure and CA make

	patience patience
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
	if o.patience == (patience{}) {
		o.patience = defaultPatience
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
		if err := o.checkTarget(t); err != nil {
			return err
		}
	}
	switch {
	case o.Conns < 0 || o.Depth < 0 || o.Loops < 0 || o.Rate < 0 || o.Ramp < 0 || o.Publishers < 0 || o.Subscribers < 0 || o.Pings < 0 || o.Listen < 0:
		return errors.New("a number is negative")
	case o.Duration < 0:
		return errors.New("the duration is negative")
	}
	if err := o.checkTLS(); err != nil {
		return err
	}
	return o.checkMessages()
}

// checkTLS works out how wss servers are verified.
func (o *Options) checkTLS() (err error) {
	o.tls, err = rawpeer.Trust{Insecure: o.Insecure, CA: o.CA}.Config()
	return err
}

// checkTarget refuses what cannot be connected to.
func (o *Options) checkTarget(t string) error {
	scheme := "ws"
	if o.Raw {
		scheme = "tcp"
	}
	u, err := url.Parse(t)
	switch {
	case err == nil && u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return nil
	case err != nil || (u.Scheme != scheme && (o.Raw || u.Scheme != "wss")) || u.Hostname() == "" || (o.Raw && u.Port() == ""):
		return fmt.Errorf("bad target %q: want %s://host:port or unix:///path", t, scheme)
	}
	return nil
}

func (o *Options) checkMessages() error {
	size, fixed := o.Size.fixed()
	switch {
	case o.Raw && o.Deflate:
		return errors.New("raw connections have no permessage-deflate")
	case o.Raw && (o.Verify || len(o.Lines) > 0):
		return errors.New("raw connections carry no messages that could be verified, and no lines")
	case o.Raw && o.Pings > 0:
		return errors.New("raw connections have no pings")
	case o.Raw && (!fixed || size == 0):
		return errors.New("raw connections need one size, of at least a byte, since answers are told by their length")
	case o.Verify && len(o.Lines) > 0:
		return errors.New("lines of a file carry no numbers: they cannot be verified")
	case o.Verify && o.Size.min() < VerifyLen:
		return fmt.Errorf("messages that are verified or published have at least %d bytes", VerifyLen)
	}
	if o.Binary {
		return nil
	}
	for i, line := range o.Lines {
		if !utf8.ValidString(line) {
			return fmt.Errorf("line %d is not UTF-8, which a text message has to be; send binary messages", i+1)
		}
	}
	return nil
}

// outbound is how many bytes may wait to be sent on a connection: as many as a closed loop has in
// flight, and in an open loop a share of 1 GiB, between 1 and 64 MiB.
func (o *Options) outbound() int {
	const header = 14
	share := max(1<<20, min(64<<20, (1<<30)/max(o.Conns, 1)))
	return max(share, o.Depth*(o.Size.max()+header))
}

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
	set("raw", o.Raw, true)
	set("deflate", o.Deflate, true)
	set("insecure", o.Insecure, true)
	set("source", o.Source.IsValid(), o.Source)
	set("subprotocol", len(o.Subprotocols) > 0, strings.Join(o.Subprotocols, ","))
	set("origin", o.Origin != "", o.Origin)
	set("seed", o.Seed != 1, o.Seed)
	set("pings", o.Pings > 0, o.Pings)
	set("mute", o.Mute, true)
	set("listen", o.Listen > 0, o.Listen)
	set("lines", len(o.Lines) > 0, len(o.Lines)) // how many; their file is not known here
	var names []string
	for _, f := range o.Fields {
		names = append(names, f.Name) // a value may be a secret
	}
	set("header", len(names) > 0, strings.Join(names, ","))
	return s
}
