package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// options is what the flags say.
type options struct {
	conns, perProcess int
	ramp, echoRate    float64
	ping              time.Duration
	periods           float64
	mute, topics      bool
	publish           string
	listen            time.Duration
	path, server      string
	force             bool

	bin, out, into, plots, render string
	noBuild                       bool

	interval     time.Duration
	proc         fs.FS
	given        []string // the command line
	now          time.Time
	stdout, errs io.Writer
}

// loopback is where the workers connect from.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{
		given: append([]string{"go", "run", "./million"}, args...), now: time.Now(),
		interval: 2 * time.Second, proc: os.DirFS("/proc"),
	}
	f := flag.NewFlagSet("million", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.conns, "conns", 1_000_000, "`connections`")
	f.IntVar(&o.perProcess, "per-process", 19_000, "`connections` of one process at most")
	f.Float64Var(&o.ramp, "ramp", 8000, "`connections` opened per second; 0 is as fast as possible")
	f.DurationVar(&o.ping, "ping", time.Minute, "the servers ping a connection that has been silent for this `time`, and cut one that has been for twice as long")
	f.Float64Var(&o.periods, "periods", 2, "hold the connections for this `number` of such times")
	f.Float64Var(&o.echoRate, "echo-rate", 20_000, "`messages` per second when each connection echoes one; 0 is all at once")
	f.BoolVar(&o.mute, "mute", false, "no echoes, for servers that publish")
	f.BoolVar(&o.topics, "topics", false, "start a local nats-server and servers with -app topics, and have one message published over it, instead of the echoes")
	f.StringVar(&o.publish, "publish", "", "have one message published to all connections at the end: to nats://host:port/subject, or by a shell `command` that reads it from its input; without it there is none")
	f.DurationVar(&o.listen, "listen", time.Minute, "`time` to wait for what is published")
	f.StringVar(&o.path, "path", "/", "`path` to connect to")
	f.StringVar(&o.server, "server", "-app echo", "`flags` of the servers")
	f.BoolVar(&o.force, "force", false, "try it in spite of too low limits")
	f.StringVar(&o.bin, "bin", "bin", "build into this `folder`")
	f.BoolVar(&o.noBuild, "no-build", false, "use the binaries that are there")
	f.StringVar(&o.out, "out", "", "keep the results in this `file` (default results/million-TIME.json)")
	f.StringVar(&o.into, "into", "", "write the tables between the markers of this `page`, instead of to standard output")
	f.StringVar(&o.plots, "plots", "plots", "write the plots into this `folder`")
	f.StringVar(&o.render, "render", "", "measure nothing: render the results of an earlier `file`")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.out == "" {
		o.out = filepath.Join("results", "million-"+o.now.UTC().Format("2006-01-02T150405Z")+".json")
	}
	if o.topics {
		o.mute, o.path, o.server = true, topicPath, "-app topics"
	}
	switch {
	case o.topics && o.publish != "":
		return nil, errors.New("-topics publishes by itself")
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.ping <= 0 || o.periods < 0 || o.ramp < 0 || o.echoRate < 0 || o.listen <= 0:
		return nil, errors.New("a time or a rate is negative, or zero where it must not be")
	}
	return o, nil
}

// The topic of -topics, as a path and as a subject.
const (
	topicPath    = "/million"
	topicSubject = "weir.million"
)

// idleTimeout is that of the servers, which ping at half of it.
func (o *options) idleTimeout() time.Duration { return 2 * o.ping }

// listenTime is how long the workers wait for what is published.
func (o *options) listenTime() time.Duration {
	if o.publish == "" {
		return 0
	}
	return o.listen
}
