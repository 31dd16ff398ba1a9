package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"example.org/weir/bench/torture"
)

func init() {
	commands = append(commands, command{"torture", "abuse a server in every way there is, beside a client that must not suffer", runTorture})
}

const tortureUsage = `weirbench torture: abuses a WebSocket server that echoes, any one, and judges how it bears that.

Usage:
  weirbench torture [flags] ws[s]://host:port/path | unix:///path

Each abuse runs while a bystander echoes steadily on connections of its own. The server has borne it
if the bystander lost nothing and never waited longer than -max-latency, if new clients are still
accepted, and, with -pid, if memory and descriptors are given back. -list tells what else is asked.
Do it to your own servers only.

Examples:
  weirbench torture -pid $(pgrep -x weir) ws://localhost:8080
  weirbench torture -pid auto -run 'flood|bomb' -scale 5 unix:///run/weir.sock

Flags:
`

const tortureUsageEnd = `
Exit status: 0 the server bore it all, 1 it did not or the run was interrupted, 2 for bad flags.
`

// tortureFlags is what the command line says.
type tortureFlags struct {
	options torture.Options
	json    string
	list    bool
	quiet   bool
}

// runTorture is the command.
func runTorture(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseTorture(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "weirbench: %v (weirbench torture -h lists the flags)\n", err)
		return exitUsage
	case f.list:
		for _, a := range torture.Abuses() {
			fmt.Fprintf(stdout, "%-16s %s\n", a[0], a[1])
		}
		return exitOK
	}
	if !f.quiet {
		f.options.Progress = func(line string) { fmt.Fprintln(stderr, line) }
	}
	rep, err := torture.Run(ctx, f.options)
	if err == nil {
		err = writeSuite(rep, f.json, stdout, func() error {
			rep.WriteTable(stdout)
			return nil
		})
	}
	var bad *torture.OptionError
	switch {
	case errors.As(err, &bad):
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitUsage
	case err != nil:
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitFailed
	case !rep.OK():
		return exitFailed
	}
	return exitOK
}

// parseTorture reads the command line. It prints the help, if that is asked for, to out and returns
// flag.ErrHelp.
func parseTorture(args []string, out io.Writer) (*tortureFlags, error) {
	f := &tortureFlags{}
	o := &f.options
	fs := flag.NewFlagSet("torture", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Func("run", "carry out only the abuses whose names match this `regexp`", func(v string) (err error) {
		o.Run, err = regexp.Compile(v)
		return err
	})
	fs.BoolVar(&f.list, "list", false, "list the abuses and do nothing")
	fs.Float64Var(&o.Scale, "scale", 1, "`factor` for the counts of clients and frames, from 0.1 to 10")
	fs.Uint64Var(&o.Seed, "seed", 1, "makes what is random repeatable")
	fs.Func("pid", "the server's `process`, whose memory and descriptors are judged; auto finds it at a Unix socket", func(v string) (err error) {
		if o.FindPID = v == "auto"; !o.FindPID {
			o.PID, err = strconv.Atoi(v)
		}
		return err
	})
	slack := fs.Int64("slack", 32, "`MiB` of memory more than before that may be left, after each abuse and after all of them")
	fs.DurationVar(&o.Settle, "settle", 15*time.Second, "`time` the server has to give memory and descriptors back")
	fs.DurationVar(&o.HandshakeTimeout, "handshake-timeout", 5*time.Second, "`time` that the server gives a client for its opening request")
	fs.DurationVar(&o.Grace, "grace", 5*time.Second, "`time` beyond -handshake-timeout after which a client must have been cut")
	fs.DurationVar(&o.MaxLatency, "max-latency", 2*time.Second, "the longest `time` that the bystander may wait for an echo")
	held := fs.Int64("max-held", 16, "`MiB` of echoes that the server, with the kernel, may hold for a client that does not read")
	trustFlags(fs, &o.Trust.Insecure, &o.Trust.CA)
	fs.StringVar(&f.json, "json", "", "write the report to a `file` (- is standard output, instead of the table)")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, tortureUsage)
		fs.SetOutput(out)
		fs.PrintDefaults()
		fmt.Fprint(out, tortureUsageEnd)
		return nil, err
	case err != nil:
		return nil, err
	case !f.list && fs.NArg() != 1:
		return nil, errors.New("give one server, as ws://host:port, wss://host:port or unix:///path")
	}
	o.Target = fs.Arg(0)
	o.Slack, o.MaxHeld = *slack<<20, *held<<20
	return f, nil
}
