package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// fleet are the servers and the workers of a run.
type fleet struct {
	nats    *peers.Server // or nil
	servers []*peers.Server
	workers []bench.Worker
	cmds    []*exec.Cmd // of the workers
	args    []string    // of a server
}

// launch starts all processes. What has been started is returned with an error, too. They end with this
// process, whatever ends it: servers are killed with it, and workers hear that their input has ended.
func (o *options) launch(ctx context.Context, p plan) (f *fleet, err error) {
	f = &fleet{}
	server := strings.Fields(o.server)
	if o.topics {
		if err := f.launchNATS(ctx, o.bin); err != nil {
			return f, err
		}
		server = append(server, "-nats", "nats://"+f.nats.Addr)
		o.publish = "nats://" + f.nats.Addr + "/" + topicSubject
	}
	for range p.Servers {
		addr, err := peers.FreeAddr()
		if err != nil {
			return f, err
		}
		f.args = append([]string{filepath.Join(o.bin, "weir"), "-addr", addr}, server...)
		f.args = append(f.args, "-loops", "1", "-idle-timeout", o.idleTimeout().String(), "-log-level", "warn")
		s, err := peers.Start(ctx, f.args, addr)
		if err != nil {
			return f, err
		}
		f.servers = append(f.servers, s)
	}
	f.workers, err = bench.SpawnWorkers(p.Workers, func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(o.bin, "weirbench"), "worker", "-stdio")
		cmd.Stderr = o.errs
		cmd.Env = append(os.Environ(), "GOGC=50") // a little more work for less memory
		f.cmds = append(f.cmds, cmd)
		return cmd
	})
	return f, err
}

// launchNATS starts a NATS server.
func (f *fleet) launchNATS(ctx context.Context, bin string) error {
	addr, err := peers.FreeAddr()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	f.nats, err = peers.Start(ctx, []string{filepath.Join(bin, peers.NATS), "-a", host, "-p", port}, addr)
	return err
}

// targets are the URLs that the workers connect to.
func (f *fleet) targets(path string) (urls []string) {
	for _, s := range f.servers {
		urls = append(urls, "ws://"+s.Addr+path)
	}
	return urls
}

// pids are the processes.
func (f *fleet) pids() (servers, workers []int) {
	for _, s := range f.servers {
		servers = append(servers, s.PID)
	}
	for _, c := range f.cmds {
		workers = append(workers, c.Process.Pid)
	}
	return servers, workers
}

// stop ends the servers, and returns what went wrong there. The workers have ended with the run.
func (f *fleet) stop() error {
	errs := make([]error, len(f.servers))
	var all sync.WaitGroup
	for i, s := range f.servers {
		all.Go(func() {
			errs[i] = s.Stop()
			if log := s.Log(); log != "" && i == 0 {
				errs[i] = errors.Join(errs[i], errors.New("a server says: "+log))
			}
		})
	}
	all.Wait()
	if f.nats != nil {
		errs = append(errs, f.nats.Stop())
	}
	return errors.Join(errs...)
}

// run opens the connections, holds them, has them echo, and publishes if that is wanted. There is an
// outcome also when it is interrupted.
func (o *options) run(ctx context.Context, p plan) (res *outcome, err error) {
	f, err := o.launch(ctx, p)
	defer func() { err = errors.Join(err, f.stop()) }()
	if err != nil {
		return nil, err
	}
	servers, workers := f.pids()
	w, err := newWatch(o.proc, servers, workers, o.interval)
	if err != nil {
		for _, w := range f.workers {
			err = errors.Join(err, w.Conn.Close())
		}
		return nil, err
	}
	res = &outcome{
		Started: o.now, Command: o.given, Machine: bench.ThisMachine(), Plan: p,
		Server: f.args, Ping: o.ping.String(), Topics: o.topics, Publish: o.publish,
	}
	opt := o.load(p, f.targets(o.path))
	opt.Sync = func(ctx context.Context, stage string) error {
		w.note(stage)
		if stage == "publish" {
			return o.publishOne(ctx, time.Now())
		}
		return nil
	}
	progress := newProgress(o.errs, p.Conns)
	opt.Progress = func(s bench.Sample, phase string) {
		w.conns.Store(int64(s.Connections))
		progress(s, phase)
	}
	res.Result, err = bench.RunOn(ctx, "hold", opt, f.workers)
	res.Readings = w.end()
	if res.Result != nil {
		res.Result.Series = nil // the readings have it
		return res, nil
	}
	return res, err
}

// load is what the workers are to do.
func (o *options) load(p plan, targets []string) bench.Options {
	return bench.Options{
		Targets:  targets,
		Conns:    p.Conns,
		Ramp:     o.ramp,
		Duration: time.Duration(o.periods * float64(o.ping)),
		Warmup:   -1,
		Rate:     o.echoRate,
		Verify:   true,
		Mute:     o.mute,
		Listen:   o.listenTime(),
		Source:   loopback,
	}
}
