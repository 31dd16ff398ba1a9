package torture

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"example.org/weir/bench/rawpeer"
)

// Options say which server is abused, how much, and what is asked of it. The zero value of a field
// means the default that its comment gives.
type Options struct {
	// Target is a ws:// or wss:// URL, or unix:///path for a Unix socket, of a server that echoes.
	Target string
	// Trust is how a wss server is verified.
	Trust rawpeer.Trust
	// Run selects the abuses by their names. Default: all.
	Run *regexp.Regexp
	// Scale multiplies how much of each abuse there is, from 0.1 to 10. Default 1.
	Scale float64
	// Seed makes what is random repeatable. Default 1.
	Seed uint64

	// PID is the server's process, whose memory and descriptors are judged. 0: they are not.
	PID int
	// FindPID finds the process at the other end of a Unix socket.
	FindPID bool
	// Slack is how many bytes of resident memory more than before may be left afterwards. Default
	// 32 MiB.
	Slack int64
	// Settle is how long the server has to give memory, descriptors and connections back. Default
	// 15 s.
	Settle time.Duration

	// HandshakeTimeout is what the server gives a client for its opening request. Default 5 s.
	HandshakeTimeout time.Duration
	// Grace is how much later than HandshakeTimeout a client may be cut. Default 5 s.
	Grace time.Duration
	// MaxLatency is the longest that an echo to the bystander may take. Default 2 s.
	MaxLatency time.Duration
	// MaxHeld is how many bytes of echoes the server, with the kernel, may hold for one client that
	// does not read. Default 16 MiB.
	MaxHeld int64

	// Progress, if set, is told in a line what is going on.
	Progress func(line string)
}

// normalize fills in the defaults and finds what is wrong.
func (o *Options) normalize() error {
	if o.Target == "" {
		return badOption("no server to abuse: give a ws:// or wss:// URL or unix:///path")
	}
	o.Scale = cmp.Or(o.Scale, 1)
	o.Seed = cmp.Or(o.Seed, 1)
	o.Slack = cmp.Or(o.Slack, 32<<20)
	o.MaxHeld = cmp.Or(o.MaxHeld, 16<<20)
	for _, d := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"settle", &o.Settle, 15 * time.Second},
		{"handshake-timeout", &o.HandshakeTimeout, 5 * time.Second},
		{"grace", &o.Grace, 5 * time.Second},
		{"max-latency", &o.MaxLatency, 2 * time.Second},
	} {
		if *d.value < 0 {
			return badOption("-%s must not be negative", d.name)
		}
		*d.value = cmp.Or(*d.value, d.def)
	}
	switch {
	case o.Scale < 0.1 || o.Scale > 10:
		return badOption("-scale must be from 0.1 to 10")
	case o.Slack < 0 || o.MaxHeld < 0 || o.PID < 0:
		return badOption("-slack, -max-held and -pid must not be negative")
	}
	if o.Run == nil {
		o.Run = regexp.MustCompile("")
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return nil
}

// OptionError says what is wrong with an option.
type OptionError struct{ text string }

// Error returns the text.
func (e *OptionError) Error() string { return e.text }

func badOption(format string, args ...any) error { return &OptionError{fmt.Sprintf(format, args...)} }
