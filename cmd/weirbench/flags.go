package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"example.org/weir/bench"
	"example.org/weir/codec"
)

// flags is what the command line of a scenario says.
type flags struct {
	scenario string
	options  bench.Options
	crew
	quiet   bool
	json    string
	csv     string
	hdr     string
	html    string
	compare string
	profiles
	old *bench.Result // what compare names

	// What is to be worked out.
	warmup              time.Duration
	size, source, lines string
}

// parseFlags reads the command line of a scenario. It prints the help, if that is asked for, to out
// and returns flag.ErrHelp.
func parseFlags(s bench.Scenario, args []string, out io.Writer) (*flags, error) {
	f := &flags{scenario: s.Name}
	fs := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	f.connectionFlags(fs)
	f.messageFlags(fs)
	f.runFlags(fs)
	if f.has("echo", "rate", "connect", "hold", "churn", "slow", "storm") {
		f.crew.flags(fs)
	}
	f.outputFlags(fs)

	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "weirbench %s: %s\n\nUsage:\n  weirbench %s [flags] URL...\n\n%s\n\nFlags:\n", s.Name, s.Summary, s.Name, usages[s.Name])
		fs.SetOutput(out)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (weirbench %s -h lists the flags)", err, s.Name)
	}
	f.options.Targets = fs.Args()
	if err := f.workOut(); err != nil {
		return nil, err
	}
	return f, f.checkOutputs()
}

// has reports whether the scenario is one of names.
func (f *flags) has(names ...string) bool { return slices.Contains(names, f.scenario) }

// connectionFlags are about the connections.
func (f *flags) connectionFlags(fs *flag.FlagSet) {
	o := &f.options
	fs.IntVar(&o.Conns, "conns", 100, map[bool]string{
		false: "`connections`",
		true:  "`connections` that are open at a time",
	}[f.has("churn")])
	if !f.has("churn") {
		fs.Float64Var(&o.Ramp, "ramp", 0, "`connections` opened per second; 0 is as fast as possible")
	}
	fs.StringVar(&f.source, "source", "", "connect from the addresses of a `prefix` in turn, such as 127.0.0.0/8, so that ports do not run out")
	fs.Func("header", "send a `Name: value` with each opening request; repeatable", func(v string) error {
		field, err := parseField(v)
		o.Fields = append(o.Fields, field)
		return err
	})
	fs.Func("subprotocol", "offer a `name`; repeatable", func(v string) error {
		o.Subprotocols = append(o.Subprotocols, v)
		return nil
	})
	fs.StringVar(&o.Origin, "origin", "", "send this `origin`")
	trustFlags(fs, &o.Insecure, &o.CA)
	fs.BoolVar(&o.Deflate, "deflate", false, "offer permessage-deflate and compress messages, which are lines of JSON then; the report says where the server declines")
	if f.has("echo", "connect", "churn") {
		fs.BoolVar(&o.Raw, "raw", false, "plain TCP without WebSocket, to tcp://host:port: send messages of one size, and take as many bytes for the answer")
	}
	switch {
	case f.has("connect", "hold", "storm"):
		fs.DurationVar(&o.Pings, "pings", 0, "ping idle connections at this `interval`; one without a pong is lost; 0 is never")
	case f.has("fanout"):
		fs.IntVar(&o.Publishers, "publishers", 1, "`connections` that publish, and hear everything too")
		fs.IntVar(&o.Subscribers, "subscribers", 0, "`connections` that only listen (default -conns)")
	case f.has("slow"):
		fs.Func("slow", "`clients` that read 1 KiB every 100 ms (default 10)", countOrNone(&o.Slow))
		fs.Func("stuck", "`clients` that never read (default 10)", countOrNone(&o.Stuck))
	}
}

// trustFlags are about how wss servers are verified.
func trustFlags(fs *flag.FlagSet, insecure *bool, ca *[]byte) {
	fs.BoolVar(insecure, "insecure", false, "do not verify the certificates of wss servers")
	fs.Func("ca", "verify wss servers by the certificates (PEM) in a `file` instead of the system's", func(name string) (err error) {
		*ca, err = os.ReadFile(name)
		return err
	})
}

// messageFlags are about the messages, where there are any.
func (f *flags) messageFlags(fs *flag.FlagSet) {
	o := &f.options
	if f.has("connect", "storm") {
		return
	}
	fs.StringVar(&f.size, "size", "128", "message `size` in bytes: 128, 16-1024 for a range, or a weighted mix such as 16:50,1KiB:45,64KiB:5")
	fs.BoolVar(&o.Binary, "binary", false, "send binary messages instead of text")
	fs.BoolVar(&o.Verify, "verify", false, "number and checksum each message; what is lost, duplicated, reordered or corrupted fails the run")
	fs.Uint64Var(&o.Seed, "seed", 1, "makes payloads and sizes repeatable")
	if !f.has("fanout") {
		fs.StringVar(&f.lines, "lines", "", "send the lines of a `file` in turn, instead of generated messages")
	}
	if f.has("echo", "fanout", "slow") {
		fs.IntVar(&o.Depth, "depth", 1, "`messages` in flight per connection, or per publisher")
	}
	switch f.scenario {
	case "hold":
		fs.Float64Var(&o.Rate, "rate", 0, "`messages` per second when each connection echoes one; 0 is all at once")
		fs.BoolVar(&o.Mute, "mute", false, "send none")
		fs.DurationVar(&o.Listen, "listen", 0, "`time` to wait after that for one message to each connection, which begins with the time of its publish in ns since 1970 and a space; 0 is not to")
	case "rate":
		fs.Float64Var(&o.Rate, "rate", 0, "`messages` per second, over all connections (needed)")
	case "search":
		fs.Float64Var(&o.Rate, "rate", 1000, "`messages` per second that are tried first")
		o.SLO = bench.SLO{Percentile: 99, Limit: 10 * time.Millisecond}
		fs.Func("slo", "the `objective`: a percentile of the latencies and its limit (default "+o.SLO.String()+")", func(v string) (err error) {
			o.SLO, err = bench.ParseSLO(v)
			return err
		})
	}
}

// runFlags are about the run.
func (f *flags) runFlags(fs *flag.FlagSet) {
	o := &f.options
	fs.DurationVar(&o.Duration, "duration", 10*time.Second, map[bool]string{
		false: "`time` that is measured",
		true:  "`time` for which each rate is held",
	}[f.has("search")])
	fs.DurationVar(&f.warmup, "warmup", time.Second, "`time` before it that is not measured")
	fs.IntVar(&o.Loops, "loops", 1, "event loops of the generator; each can use a core")
	fs.IntVar(&o.PID, "pid", 0, "the server's `process`, whose memory and CPU are to be reported (Linux)")
	f.profiles.flags(fs)
}

// outputFlags are about the report.
func (f *flags) outputFlags(fs *flag.FlagSet) {
	fs.BoolVar(&f.quiet, "quiet", false, "no progress")
	fs.StringVar(&f.json, "json", "", "write the result to a `file` (- is standard output, instead of the table)")
	fs.StringVar(&f.csv, "csv", "", "write a row per second to a `file` (or -)")
	fs.StringVar(&f.hdr, "hdr", "", "write the HdrHistogram log to a `file` (or -)")
	fs.StringVar(&f.html, "html", "", "write a page with plots to a `file` (or -)")
	fs.StringVar(&f.compare, "compare", "", "compare with an earlier -json `file`")
}

// workOut works out and checks what the flags say.
func (f *flags) workOut() (err error) {
	o := &f.options
	o.Warmup = f.warmup
	if f.warmup == 0 {
		o.Warmup = -1
	}
	if f.size != "" {
		if o.Size, err = bench.ParseSizes(f.size); err != nil {
			return err
		}
	}
	if f.source != "" {
		if o.Source, err = netip.ParsePrefix(f.source); err != nil {
			return fmt.Errorf("bad -source: %w", err)
		}
	}
	if f.lines != "" {
		if o.Lines, err = readLines(f.lines); err != nil {
			return err
		}
	}
	if f.has("rate") && o.Rate <= 0 {
		return errors.New("rate needs -rate, in messages per second")
	}
	if err := o.Normalize(); err != nil {
		return err
	}
	if err := f.crew.check(); err != nil {
		return err
	}
	return f.profiles.check(o)
}

// countOrNone reads a number whose zero stands for none, where the option's zero is its default.
func countOrNone(to *int) func(string) error {
	return func(v string) error {
		var n int
		if _, err := fmt.Sscan(v, &n); err != nil || n < 0 || fmt.Sprint(n) != v {
			return errors.New("want a number, 0 for none")
		}
		if *to = n; n == 0 {
			*to = -1
		}
		return nil
	}
}

// readLines reads a file of messages.
func readLines(name string) (lines []string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sc := bufio.NewScanner(file)
	sc.Buffer(nil, bench.MaxSize)
	for sc.Scan() {
		lines = append(lines, sc.Text())
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s has no lines", name)
	}
	return lines, nil
}

// parseField reads "Name: value".
func parseField(v string) (codec.Field, error) {
	name, value, ok := strings.Cut(v, ":")
	if !ok {
		return codec.Field{}, errors.New("want Name: value")
	}
	return codec.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}, nil
}
