// Command weirbench puts load on a WebSocket server, any one, and tells the truth about it. See
// weirbench -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"example.org/weir/bench"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the run failed, or did not meet its checks
	exitUsage  = 2 // bad flags
)

// command is a subcommand that is not a scenario.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// commands are filled in by the files that have them.
var commands []command

func main() {
	// Ctrl-C ends a run early, with its report; a second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with everything that it depends on.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		help(stderr)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help", "help":
		help(stdout)
		return exitOK
	}
	for _, s := range bench.Scenarios {
		if s.Name == name {
			return runScenario(ctx, s, args, stdout, stderr)
		}
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(ctx, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "weirbench: there is no %q; weirbench -h lists what there is\n", name)
	return exitUsage
}

func help(w io.Writer) {
	fmt.Fprint(w, `weirbench puts load on a WebSocket server, any one, and tells the truth about it.

Usage:
  weirbench SCENARIO [flags] URL...

Scenarios:
`)
	for _, s := range bench.Scenarios {
		fmt.Fprintf(w, "  %-9s %s\n", s.Name, s.Summary)
	}
	if len(commands) > 0 {
		fmt.Fprint(w, "\nOther commands:\n")
	}
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
weirbench SCENARIO -h lists the flags. A URL is ws:// or wss://host:port/path, or unix:///path for a Unix
socket; connections go to several of them in turn. Times have a unit: 500ms, 10s, 2m.

Examples:
  weirbench echo -conns 1000 -depth 16 ws://localhost:8080
  weirbench rate -conns 1000 -rate 50000 -verify -html report.html ws://localhost:8080
  weirbench search -slo p99=5ms -pid $(pgrep -x weir) ws://localhost:8080
  weirbench connect -conns 15000 -ramp 2000 -source 127.0.0.0/8 -pid $(pgrep -x weir) ws://localhost:8080
  weirbench connect -conns 100000 -spawn 6 -source 127.0.0.0/8 ws://localhost:8080

Exit status: 0 all well, 1 the run failed or did not meet its checks, 2 for bad flags.
`)
}

// runScenario runs a scenario from its command line.
func runScenario(ctx context.Context, s bench.Scenario, args []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(s, args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitUsage
	}
	done := f.progress(stderr)
	profiled := f.profiles.during(ctx, &f.options, f.quiet, stderr)
	res, err := f.run(ctx, s, stderr)
	done()
	if err != nil {
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitFailed
	}
	if err := errors.Join(profiled(), f.write(res, stdout)); err != nil {
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitFailed
	}
	if !res.OK() {
		return exitFailed
	}
	return exitOK
}
