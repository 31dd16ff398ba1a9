package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/weir/reactor"
)

// options is what the flags and the environment say.
type options struct {
	addrs            list
	app              string
	loops            int
	maxMessage       size
	maxOutbound      size
	readBuffer       size
	maxConns         int
	limits           limits
	auth             auth
	idleTimeout      time.Duration
	handshakeTimeout time.Duration
	drainTimeout     time.Duration
	drainWindow      time.Duration
	sharePort        bool
	origins          list
	logLevel         slog.Level
	logFormat        string
	io               ioMode
	deflate          bool
	proxies          proxies
	proxyProtocol    bool
	forwarded        forwarded
	tlsCert          string
	tlsKey           string
	nats             list
	natsPrefix       string
	admin            string
	adminPublic      bool
	track            bool
	accessLog        bool
	accessLogSample  int
	readyMemory      markSize
	pprof            string
	pprofPublic      bool
	version          bool
	config           string

	command string            // check, config, or ""
	flags   *flag.FlagSet     // that the options are of
	sources map[string]string // where those come from that are not defaults
}

const usage = `weir is a WebSocket server (RFC 6455) that holds very many connections.

Usage:
  weir [flags]           serve
  weir check [flags]     see whether it could: system, addresses, certificate, keys, NATS
  weir config [flags]    print what is in force, as a file for -config

Without flags it echoes on port 8080. Open http://localhost:8080 for a page to try it with.

Examples:
  weir -app chat -addr :9000                 a chat; the room is the path of the URL
  weir -app topics -nats nats://nats-1:4222  publish and subscribe, together with other servers
  weir -app print -addr unix:///tmp/weir     print what comes in over a Unix socket
  weir -addr :443 -tls-cert cert.pem -tls-key key.pem   wss, with a page at https
  weir -origin https://app.example -max-message 64KiB
  WEIR_ADDR=127.0.0.1:8080,[::1]:8080 weir   every flag can also be set in the environment

Flags:
`

const usageEnd = `
Each flag can be set in a file, which -config or WEIR_CONFIG names (TOML: the keys are the names of the
flags, lists are arrays, sizes and durations strings), and in the environment, as WEIR_ and its name in upper
case with _ for -, for instance WEIR_MAX_MESSAGE=64KiB; the environment wins over the file, and a flag on
the command line over both. Lists are separated by commas, durations have a unit (500ms, 10s, 1h30m), sizes are
bytes, or KiB, MiB and GiB (64KiB).
GOGC, in percent, trades memory for CPU while connections are opened (25), as for every Go program.

SIGHUP reads the certificate of -tls-cert and the keys of -auth-jwt-key and -auth-jwks again, and nothing else. If
that fails the log says why and the one before is kept. SIGINT and SIGTERM drain the server: clients get close frames (1001) and the process ends when they
have gone, at the latest after -drain-timeout. A second signal ends it at once. With -share-port new clients go
to the other processes at the port from the beginning of the drain, and none is refused. Under systemd
(Type=notify) it says when it serves, reloads and stops, and feeds the watchdog while its event loops run.

Exit status: 0 after a drain, 1 when it cannot serve (for instance, a port is taken), 2 for a bad flag.
`

// newOptions returns the options with their defaults, and the flags that set them.
func newOptions() (*options, *flag.FlagSet) {
	o := &options{
		addrs:       list{values: []string{":8080"}},
		origins:     list{values: []string{"null"}},
		maxMessage:  1 << 20,
		readBuffer:  256 << 10,
		maxOutbound: 1 << 20,
	}
	fs := flag.NewFlagSet("weir", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var(&o.addrs, "addr", "listen on `address`: host:port, tcp://host:port, tls://host:port or unix:///path; repeatable")
	fs.StringVar(&o.app, "app", "echo", "what to do with messages: `echo`, print (to standard output, one a line, without an answer), chat (everyone at the same URL path hears them) or topics (clients subscribe and publish, in JSON)")
	fs.IntVar(&o.loops, "loops", 0, "event loops; 0 is one per CPU")
	fs.Var(&o.maxMessage, "max-message", "largest message accepted, in `bytes` (KiB and MiB are understood); a larger one closes with 1009")
	fs.Var(&o.maxOutbound, "max-outbound", "`bytes` that may wait for a client that reads too slowly; it is closed with 1013 beyond")
	fs.Var(&o.readBuffer, "read-buffer", "`bytes` that each event loop reads at a time, a power of two")
	fs.IntVar(&o.maxConns, "max-conns", 0, "connections accepted, others get 503; 0 is as many as file descriptors permit")
	o.limits.define(fs)
	o.auth.define(fs)
	fs.DurationVar(&o.idleTimeout, "idle-timeout", time.Minute, "a client silent for this long is cut, after a ping at half of it; 0 is never")
	fs.DurationVar(&o.handshakeTimeout, "handshake-timeout", 5*time.Second, "time for the opening request; 0 is no limit")
	fs.DurationVar(&o.drainTimeout, "drain-timeout", 10*time.Second, "time that clients have to leave when the server stops; 0 cuts them at once")
	fs.DurationVar(&o.drainWindow, "drain-window", 0, "time over which clients are told to leave when the server stops, part of -drain-timeout; 0 tells all at once")
	fs.BoolVar(&o.sharePort, "share-port", false, "permit other processes of the same user to listen on the same TCP ports, so that a new one can take over without a refused connection")
	fs.Var(&o.origins, "origin", "`origin` of pages that may connect, besides the server's own: https://host, null (pages opened from files) or *; repeatable")
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` logged: debug, info, warn or error")
	fs.StringVar(&o.logFormat, "log-format", "text", "`format` of the log on standard error: text or json")
	fs.BoolVar(&o.deflate, "deflate", false, "compress messages with clients that offer permessage-deflate, each by itself")
	fs.Var(&o.io, "io", "`how` to write: auto (the default: for many clients with one system call, where the kernel permits io_uring and that pays), uring (always) or direct (never)")
	fs.Var(&o.proxies, "trusted-proxies", "`networks` of the proxies that tell the client's address: 10.0.0.0/8, 2001:db8::7, unix (the Unix sockets of -addr); repeatable")
	fs.BoolVar(&o.proxyProtocol, "proxy-protocol", false, "connections of -trusted-proxies begin with a PROXY header (version 1 or 2), before all else")
	fs.Var(&o.forwarded, "forwarded", "`field` of requests in which -trusted-proxies tell the client's address: x-forwarded-for (the default), forwarded (RFC 7239) or none")
	fs.StringVar(&o.tlsCert, "tls-cert", "", "speak TLS with the certificate in this PEM `file` (with its chain) at each -addr that is host:port or tls://host:port; read again on SIGHUP")
	fs.StringVar(&o.tlsKey, "tls-key", "", "PEM `file` of the certificate's private key")
	fs.Var(&o.nats, "nats", "`URL` of a NATS server, nats://host:port, over which servers with -app chat or topics hear each other; repeatable")
	fs.StringVar(&o.natsPrefix, "nats-prefix", "weir", "what stands before the topics in NATS `subjects`")
	fs.StringVar(&o.admin, "admin", "", "serve a dashboard, /metrics (Prometheus), /connections, /publish, /healthz, /readyz and profiles on a loopback `address` such as 127.0.0.1:9090")
	fs.BoolVar(&o.adminPublic, "admin-public", false, "permit -admin on an address that other machines can reach")
	fs.BoolVar(&o.track, "track", true, "with -admin or -access-log, keep some 320 bytes for each connection about what it does; false for very many connections")
	fs.BoolVar(&o.accessLog, "access-log", false, "log each connection when it has closed, at the level info")
	fs.IntVar(&o.accessLogSample, "access-log-sample", 1, "log one of `N` connections that ended with 1000, 1001, 1005, 1006 or silence, and all others")
	fs.Var(&o.readyMemory, "ready-memory", "`bytes` of memory from which on /readyz answers 503, so that new clients go elsewhere; 0 is never")
	fs.StringVar(&o.pprof, "pprof", "", "serve profiles (net/http/pprof) on a loopback `address` such as 127.0.0.1:6060")
	fs.BoolVar(&o.pprofPublic, "pprof-public", false, "permit -pprof on an address that other machines can reach")
	fs.StringVar(&o.config, "config", "", "read the flags from this TOML `file`, too; the environment and the command line win")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")

	return o, fs
}

// parseOptions reads the configuration file, the environment and the command line, of which the later one
// wins. It prints the help, if that is asked for, to out and returns flag.ErrHelp.
func parseOptions(args []string, getenv func(string) string, out io.Writer) (*options, error) {
	var command string
	if len(args) > 0 && (args[0] == "check" || args[0] == "config") {
		command, args = args[0], args[1:]
	}
	first, given := newOptions() // says where the file is, and what comes from the command line
	err := given.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		given.SetOutput(out)
		given.PrintDefaults()
		fmt.Fprint(out, usageEnd)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (weir -h lists the flags)", err)
	case given.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q (weir -h lists the flags)", given.Arg(0))
	}
	o, fs := newOptions()
	o.command, o.flags, o.sources = command, fs, make(map[string]string)
	if file := cmp.Or(first.config, getenv("WEIR_CONFIG")); file != "" {
		if err := o.readConfig(fs, file); err != nil {
			return nil, err
		}
	}
	if err := o.parseEnvironment(fs, getenv); err != nil {
		return nil, err
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	given.Visit(func(f *flag.Flag) { o.sources[f.Name] = "command line" })
	if o.auth.on() && o.sources["origin"] == "" {
		o.origins.values = nil // pages opened from files, and all that make themselves such, do not count as known
	}
	return o, o.check()
}

// parseEnvironment sets the flags that have a variable, and leaves lists ready to be replaced by
// the command line.
func (o *options) parseEnvironment(fs *flag.FlagSet, getenv func(string) string) (err error) {
	fs.VisitAll(func(f *flag.Flag) {
		name := "WEIR_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v := getenv(name)
		if v == "" || err != nil {
			return
		}
		if e := fs.Set(f.Name, v); e != nil {
			err = fmt.Errorf("invalid value %q for %s: %w", v, name, e)
		}
		if l, ok := f.Value.(multiple); ok {
			l.replaceable()
		}
		o.sources[f.Name] = name
	})
	return err
}

// check finds what the flags' types let through.
func (o *options) check() error {
	switch {
	case !knownApp(o.app):
		return fmt.Errorf("unknown -app %q; there are echo, print, chat and topics", o.app)
	case o.logFormat != "text" && o.logFormat != "json":
		return fmt.Errorf("unknown -log-format %q; there are text and json", o.logFormat)
	case o.loops < 0 || o.maxConns < 0:
		return errors.New("-loops and -max-conns must not be negative")
	case o.idleTimeout < 0 || o.handshakeTimeout < 0 || o.drainTimeout < 0 || o.drainWindow < 0:
		return errors.New("-idle-timeout, -handshake-timeout, -drain-timeout and -drain-window must not be negative")
	case o.drainWindow > 0 && o.drainWindow >= o.drainTimeout:
		return fmt.Errorf("-drain-window %v must be shorter than -drain-timeout %v", o.drainWindow, o.drainTimeout)
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return errors.New("-tls-cert and -tls-key go together: the certificate and its private key")
	}
	secure := 0
	for i, a := range o.addrs.values {
		if o.secure(i) && o.tlsCert == "" {
			return fmt.Errorf("-addr %s needs -tls-cert and -tls-key", a)
		} else if o.secure(i) {
			secure++
		}
	}
	if o.tlsCert != "" && secure == 0 {
		return errors.New("-tls-cert is of no use: no -addr is host:port or tls://host:port")
	}
	if o.proxyProtocol && !o.proxies.unix && len(o.proxies.networks) == 0 {
		return errors.New("-proxy-protocol needs -trusted-proxies: anyone else's header would be a lie")
	}
	if err := o.checkWatch(); err != nil {
		return err
	}
	if o.pprof != "" {
		if err := checkLoopback("pprof", o.pprof, o.pprofPublic); err != nil {
			return err
		}
	}
	if o.admin != "" {
		if err := checkLoopback("admin", o.admin, o.adminPublic); err != nil {
			return err
		}
	}
	for _, check := range []func() error{o.checkNATS, o.limits.check, o.checkAuth} {
		if err := check(); err != nil {
			return err
		}
	}
	// A zero field means the default to reactor, a negative one off.
	for _, d := range []*time.Duration{&o.idleTimeout, &o.handshakeTimeout} {
		if *d == 0 {
			*d = -1
		}
	}
	return nil
}

// secure reports whether the i-th address speaks TLS.
func (o *options) secure(i int) bool {
	network, _, ok := strings.Cut(o.addrs.values[i], "://")
	return strings.HasPrefix(network, "tls") || !ok && o.tlsCert != ""
}

func (o *options) logger(w io.Writer) *slog.Logger {
	h := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, h))
	}
	return slog.New(slog.NewTextHandler(w, h))
}

// list is a flag that may be given several times, and with commas. Its first use replaces the
// default.
type list struct {
	values []string
	set    bool
}

func (l *list) String() string { return strings.Join(l.values, ",") }

// replaceable makes the next use replace what there is.
func (l *list) replaceable() { l.set = false }

func (l *list) empty()        { l.values, l.set = nil, true }
func (l *list) all() []string { return l.values }

func (l *list) Set(s string) error {
	if !l.set {
		l.values, l.set = nil, true
	}
	for v := range strings.SplitSeq(s, ",") {
		if v = strings.TrimSpace(v); v == "" {
			return errors.New("empty value")
		}
		l.values = append(l.values, v)
	}
	return nil
}

// ioMode is a flag for reactor.IOMode.
type ioMode reactor.IOMode

var ioModes = []string{reactor.IOAuto: "auto", reactor.IOUring: "uring", reactor.IODirect: "direct"}

func (m *ioMode) String() string { return ioModes[*m] }

func (m *ioMode) Set(s string) error {
	i := slices.Index(ioModes, s)
	if i < 0 {
		return errors.New("there are auto, uring and direct")
	}
	*m = ioMode(i)
	return nil
}

// size is a number of bytes, such as 4096, 64KiB or 1MiB.
type size int

func (n *size) String() string {
	switch {
	case *n >= 1<<20 && *n%(1<<20) == 0:
		return strconv.Itoa(int(*n>>20)) + "MiB"
	case *n >= 1<<10 && *n%(1<<10) == 0:
		return strconv.Itoa(int(*n>>10)) + "KiB"
	}
	return strconv.Itoa(int(*n))
}

func (n *size) Set(s string) error {
	digits, unit := s, 1
	for suffix, bytes := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if d, ok := strings.CutSuffix(s, suffix); ok {
			digits, unit = d, bytes
		}
	}
	v, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil || v <= 0 || v > math.MaxInt/unit {
		return errors.New("want a positive number of bytes, such as 65536, 64KiB or 1MiB")
	}
	*n = size(v * unit)
	return nil
}
