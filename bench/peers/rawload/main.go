// Command rawload loads a TCP server that echoes bytes, as weirbench loads one that speaks WebSocket:
// the same closed loop, on an event loop of the same kind, with messages told apart by their size.
// It prints the result in the form of weirbench -json.
//
//	rawload echo -conns 1000 -depth 16 -size 128 127.0.0.1:8080
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.org/weir/bench"
)

// options are the flags, named as weirbench's are.
type options struct {
	scenario         string // echo, connect or churn
	addr             string
	conns            int
	depth, size      int
	duration, warmup time.Duration
}

const usage = "usage: rawload echo|connect|churn [flags] HOST:PORT"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	if err == nil {
		err = load(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rawload:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	if len(args) == 0 {
		return o, fmt.Errorf("%s", usage)
	}
	fs := flag.NewFlagSet("rawload", flag.ContinueOnError)
	fs.IntVar(&o.conns, "conns", 100, "`connections`; in churn, at a time")
	fs.IntVar(&o.depth, "depth", 1, "`messages` in flight per connection")
	fs.IntVar(&o.size, "size", 128, "`bytes` of a message")
	fs.DurationVar(&o.duration, "duration", 10*time.Second, "`time` that is measured")
	fs.DurationVar(&o.warmup, "warmup", time.Second, "`time` before it that is not")
	if err := fs.Parse(args[1:]); err != nil {
		return o, err
	}
	o.scenario, o.addr = args[0], fs.Arg(0)
	if fs.NArg() != 1 || o.conns < 1 || o.depth < 1 || o.size < 1 {
		return o, fmt.Errorf("%s", usage)
	}
	return o, nil
}

// load runs the scenario and prints its result.
func load(ctx context.Context, o options) error {
	run := map[string]func(context.Context, options, *bench.Result) error{
		"echo":    runLoop,
		"connect": runLoop,
		"churn":   runChurn,
	}[o.scenario]
	if run == nil {
		return fmt.Errorf("%s", usage)
	}
	res := &bench.Result{Scenario: o.scenario, Targets: []string{o.addr}, Started: time.Now(), Ended: "complete"}
	if err := run(ctx, o, res); err != nil {
		return err
	}
	if ctx.Err() != nil {
		res.Ended = "interrupted"
	}
	if res.Seconds > 0 {
		res.Messages.Rate = float64(res.Messages.Received) / res.Seconds
	}
	res.Checks = []bench.Check{{
		Name:   "connections",
		OK:     res.Connections.Failed == 0 && res.Connections.Lost == 0,
		Detail: fmt.Sprintf("%d failed, %d lost", res.Connections.Failed, res.Connections.Lost),
	}}
	return json.NewEncoder(os.Stdout).Encode(res)
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail with these arguments
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}
