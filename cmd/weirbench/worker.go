package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"example.org/weir/bench"
)

func init() {
	commands = append(commands, command{"worker", "wait for runs of other weirbenches (-workers), which share a load", runWorker})
}

// crew are the workers that a run is to be shared among.
type crew struct {
	workers string
	token   string
	spawn   int
}

// tokenVariable holds the token, so that it need not be on the command line, which others can see.
const tokenVariable = "WEIRBENCH_TOKEN"

func (c *crew) flags(fs *flag.FlagSet) {
	fs.IntVar(&c.spawn, "spawn", 0, "share the load among this `number` of processes, which are started")
	fs.StringVar(&c.workers, "workers", "", "share the load among weirbench workers at these `addresses`: host:port,host:port")
	fs.StringVar(&c.token, "token", "", "the `token` of the workers (default: the environment's "+tokenVariable+")")
}

func (c *crew) check() error {
	switch {
	case c.spawn < 0:
		return errors.New("-spawn is negative")
	case c.spawn > 0 && c.workers != "":
		return errors.New("-spawn and -workers exclude each other")
	}
	return nil
}

// run runs a scenario here, or on the workers.
func (f *flags) run(ctx context.Context, s bench.Scenario, stderr io.Writer) (*bench.Result, error) {
	workers, err := f.crew.muster(ctx, stderr)
	if err != nil {
		return nil, err
	}
	if len(workers) == 0 {
		return s.Run(ctx, f.options)
	}
	return bench.RunOn(ctx, s.Name, f.options, workers)
}

// muster returns the workers; none when the run is for this process alone.
func (c *crew) muster(ctx context.Context, stderr io.Writer) ([]bench.Worker, error) {
	switch {
	case c.workers != "":
		return bench.DialWorkers(ctx, strings.Split(c.workers, ","), secret(c.token))
	case c.spawn > 0:
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("cannot start workers: %w", err)
		}
		return bench.SpawnWorkers(c.spawn, func() *exec.Cmd {
			cmd := exec.Command(self, "worker", "-stdio")
			cmd.Stderr = stderr
			return cmd
		})
	}
	return nil, nil
}

// secret returns the token of the command line, or else of the environment.
func secret(token string) string {
	if token == "" {
		return os.Getenv(tokenVariable)
	}
	return token
}

const workerUsage = `weirbench worker: waits for runs of other weirbenches, which share a load among workers.

Usage:
  weirbench worker [flags]

Whoever knows the token can have a worker put load on any server, so it listens to this machine
only unless told otherwise, and then needs a token. Neither the token nor anything else is
encrypted: use a network that you trust. A worker does one run at a time, and ends with Ctrl-C.
Processes on this machine need no workers: see the flag -spawn of the scenarios.

Examples:
  weirbench worker
  WEIRBENCH_TOKEN=$(cat token) weirbench worker -listen :9090     on each of the machines a and b
  WEIRBENCH_TOKEN=$(cat token) weirbench rate -workers a:9090,b:9090 -rate 500000 -conns 20000 ws://server:8080

Flags:
`

// runWorker is the command.
func runWorker(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("worker", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	listen := fs.String("listen", "127.0.0.1:9090", "`address` to listen on")
	token := fs.String("token", "", "the `token` that a run has to give (default: the environment's "+tokenVariable+")")
	stdio := fs.Bool("stdio", false, "do one run for standard input and output, as -spawn has it")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, workerUsage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return exitOK
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("a worker takes no arguments, only flags: %q", fs.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "weirbench: %v (weirbench worker -h lists the flags)\n", err)
		return exitUsage
	}
	if *stdio {
		if err := bench.ServeOrders(ctx, os.Stdin, stdout); err != nil {
			return exitFailed // the other end has been told
		}
		return exitOK
	}
	if err := serveWorker(ctx, *listen, secret(*token), stderr); err != nil {
		fmt.Fprintln(stderr, "weirbench:", err)
		return exitFailed
	}
	return exitOK
}

// serveWorker listens, on this machine only unless there is a token.
func serveWorker(ctx context.Context, addr, token string, stderr io.Writer) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	local := ln.Addr().(*net.TCPAddr).IP.IsLoopback()
	if !local && token == "" {
		_ = ln.Close()
		return fmt.Errorf("%s can be reached from other machines: set a token (-token, or %s)", addr, tokenVariable)
	}
	who := "those who know the token"
	if local {
		who += ", on this machine only"
		if token == "" {
			who = "anyone on this machine"
		}
	}
	var mu sync.Mutex
	log := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "weirbench: "+format+"\n", args...)
	}
	log("waiting for runs on %v, from %s", ln.Addr(), who)
	return bench.ServeWorker(ctx, ln, token, log)
}
