package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"example.org/weir/bench"
	"example.org/weir/codec"
)

// flags is what the command line of a scenario says.
type flags struct {
	options bench.Options
	quiet   bool
	json    string
	csv     string
	hdr     string
	html    string
	compare string
	profiles
	old *bench.Result // what compare names
}

// parseFlags reads the command line of a scenario. It prints the help, if that is asked for, to out
// and returns flag.ErrHelp.
func parseFlags(s bench.Scenario, args []string, out io.Writer) (*flags, error) {
	f := &flags{}
	o := &f.options
	fs := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	has := func(names ...string) bool {
		for _, n := range names {
			if n == s.Name {
				return true
			}
		}
		return false
	}

	fs.IntVar(&o.Conns, "conns", 100, "`connections`")
	fs.Float64Var(&o.Ramp, "ramp", 0, "connections opened per `second`; 0 is as fast as possible")
	fs.DurationVar(&o.Duration, "duration", 10*time.Second, "`time` that is measured")
	warmup := fs.Duration("warmup", time.Second, "`time` before it that is not")
	size := fs.String("size", "128", "message `size` in bytes: 128, 16-1024 for a range, or a weighted mix such as 16:50,1KiB:45,64KiB:5")
	fs.BoolVar(&o.Binary, "binary", false, "send binary messages instead of text")
	lines := fs.String("lines", "", "send the lines of a `file` in turn")
	fs.BoolVar(&o.Verify, "verify", false, "number and checksum each message; what is lost, duplicated, reordered or corrupted fails the run")
	source := fs.String("source", "", "connect from the addresses of a `prefix` in turn, such as 127.0.0.0/8, so that ports do not run out")
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
	fs.Uint64Var(&o.Seed, "seed", 1, "makes payloads and choices repeatable")
	fs.IntVar(&o.Loops, "loops", 1, "event loops of the generator")
	fs.IntVar(&o.PID, "pid", 0, "the server's `process`, whose memory and CPU are to be reported")
	if has("echo", "fanout", "slow") {
		fs.IntVar(&o.Depth, "depth", 1, "`messages` in flight per connection, or per publisher")
	}
	if has("rate", "search") {
		fs.Float64Var(&o.Rate, "rate", 0, "`messages` per second, over all connections; in search the first that is tried")
	}
	slo := bench.SLO{Percentile: 99, Limit: 10 * time.Millisecond}
	if has("search") {
		fs.Func("slo", "the `objective`: a percentile and a time (default p99=10ms)", func(v string) (err error) {
			slo, err = bench.ParseSLO(v)
			return err
		})
	}
	if has("connect", "storm") {
		fs.DurationVar(&o.Pings, "pings", 0, "ping idle connections at this `interval`; 0 is never")
	}
	if has("fanout") {
		fs.IntVar(&o.Publishers, "publishers", 1, "`connections` that publish")
		fs.IntVar(&o.Subscribers, "subscribers", 0, "`connections` that only listen (default -conns)")
	}
	if has("slow") {
		fs.IntVar(&o.Slow, "slow", 10, "`clients` that read 1 KiB every 100 ms")
		fs.IntVar(&o.Stuck, "stuck", 10, "`clients` that never read")
	}
	fs.BoolVar(&f.quiet, "quiet", false, "no progress")
	fs.StringVar(&f.json, "json", "", "write the result to a `file` (- is standard output, instead of the table)")
	fs.StringVar(&f.csv, "csv", "", "write a row per second to a `file` (or -)")
	fs.StringVar(&f.hdr, "hdr", "", "write the HdrHistogram log to a `file` (or -)")
	fs.StringVar(&f.html, "html", "", "write a page with plots to a `file` (or -)")
	f.profiles.flags(fs)
	fs.StringVar(&f.compare, "compare", "", "compare with an earlier -json `file`")

	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "weirbench %s: %s\n\nUsage:\n  weirbench %s [flags] URL...\n\nFlags:\n", s.Name, s.Summary, s.Name)
		fs.SetOutput(out)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (weirbench %s -h lists the flags)", err, s.Name)
	}
	o.Targets = fs.Args()
	o.SLO = slo
	o.Warmup = *warmup
	if *warmup == 0 {
		o.Warmup = -1
	}
	if o.Size, err = bench.ParseSizes(*size); err != nil {
		return nil, err
	}
	if *source != "" {
		if o.Source, err = netip.ParsePrefix(*source); err != nil {
			return nil, fmt.Errorf("bad -source: %w", err)
		}
	}
	if *lines != "" {
		if o.Lines, err = readLines(*lines); err != nil {
			return nil, err
		}
	}
	if err := o.Normalize(); err != nil {
		return nil, err
	}
	if err := f.profiles.check(o); err != nil {
		return nil, err
	}
	return f, f.checkOutputs()
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
