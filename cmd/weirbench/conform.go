package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"

	"example.org/weir/bench/conform"
)

func init() {
	commands = append(commands, command{
		name:    "conform",
		summary: "try the rules of RFC 6455 and the Autobahn cases on an echo server",
		run:     runConform,
	})
}

const conformHelp = `weirbench conform tries every rule of the opening handshake, of framing and of closing, and the cases
1 to 7, 9, 10, 12 and 13 of the Autobahn Testsuite, on a server that echoes messages.

Usage:
  weirbench conform [flags] ws://host:port/path
  weirbench conform [flags] wss://host:port/path
  weirbench conform [flags] unix:///path/of/socket

Flags:
`

const conformVerdicts = `
Verdicts:
  OK             what the rule demands
  NON-STRICT     permitted, but not the best
  LIMIT          the message or the head was refused as too large, which any server may do
  INFORMATIONAL  the rule has no right or wrong
  SKIPPED        not tried
  UNCLEAN        the closing handshake was not completed in time
  FAILED         a MUST was broken

Exit status: 0 no rule FAILED or UNCLEAN, 1 otherwise, 2 for bad flags.
`

// conformFlags is what the command line of conform says.
type conformFlags struct {
	options conform.Options
	json    string
	verbose bool
}

func parseConform(args []string, out io.Writer) (*conformFlags, error) {
	f := &conformFlags{}
	fs := flag.NewFlagSet("conform", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Func("run", "try only rules whose \"ID name\" matches a `regexp`, such as '^6\\.' or '^[HF]'", func(v string) (err error) {
		f.options.Run, err = regexp.Compile(v)
		return err
	})
	fs.IntVar(&f.options.Parallel, "parallel", 4, "`rules` tried at once")
	fs.DurationVar(&f.options.Timeout, "timeout", 2*time.Minute, "the `time` that a rule may take as a whole")
	fs.DurationVar(&f.options.Patience, "patience", time.Second, "the `time` that the server has to answer a request, to fail a connection, and to close")
	trustFlags(fs, &f.options.Trust.Insecure, &f.options.Trust.CA)
	fs.StringVar(&f.json, "json", "", "write the result to a `file` (- is standard output, instead of the table)")
	fs.BoolVar(&f.verbose, "v", false, "list every rule with its verdict")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, conformHelp)
		fs.SetOutput(out)
		fs.PrintDefaults()
		fmt.Fprint(out, conformVerdicts)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w (weirbench conform -h lists the flags)", err)
	case fs.NArg() != 1:
		return nil, errors.New("want one target, for instance ws://localhost:8080 (weirbench conform -h lists the flags)")
	}
	f.options.Target = fs.Arg(0)
	return f, f.options.Normalize()
}

func runConform(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseConform(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitUsage
	}
	f.options.Progress = func(o conform.Outcome, done, total int) {
		if o.Verdict.Failure() || done%50 == 0 || done == total {
			fmt.Fprintf(stderr, "%d/%d %s %s %s\n", done, total, o.Verdict, o.ID, o.Name)
		}
	}
	res, err := conform.Run(ctx, f.options)
	if err == nil {
		err = writeSuite(res, f.json, stdout, func() error { return res.WriteTable(stdout, f.verbose) })
	}
	if err != nil {
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitFailed
	}
	if !res.OK() {
		return exitFailed
	}
	return exitOK
}
