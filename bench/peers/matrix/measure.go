package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// place is where servers and generators run.
type place struct {
	bin                    string // the folder of the binaries
	serverCore, clientCore int
}

// measure runs one round of a row with a peer. Why it has no figures is in the run.
func (pl place) measure(ctx context.Context, p peers.Peer, r row, round int, l load) run {
	x := run{Peer: p.Name, Row: r.Name, Round: round}
	if err := pl.try(ctx, p, r, l, &x); err != nil {
		x.Figures, x.Why = nil, err.Error()
	}
	return x
}

// try fills in the run. All processes have ended when it returns.
func (pl place) try(ctx context.Context, p peers.Peer, r row, l load, x *run) (err error) {
	// Time to open the connections, and for what does not answer any more.
	limit := 60*time.Second + l.warmup + l.hold(r) + time.Duration(r.Conns)*2*time.Millisecond
	if r.Kind == capacity {
		limit += 20 * (l.warmup + l.hold(r)) // as many rates are tried
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %v", limit))
	defer cancel()

	servers, err := pl.startServers(ctx, p, r, l, x)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err != nil {
		return err
	}
	var pids []int
	for _, s := range servers {
		pids = append(pids, s.PID)
	}
	m, err := startMeter(pl.serverCore, pids)
	if err != nil {
		return err
	}
	parts, err := pl.runClients(ctx, p, r, l, servers, x)
	readings, meterErr := m.end()
	if err = errors.Join(err, meterErr); err != nil {
		return err
	}
	if r.Kind == capacity {
		x.Figures, x.GeneratorBound = found(parts[0])
		return nil
	}
	from, to, err := common(r, l, parts)
	if err != nil {
		return err
	}
	if err := steady(readings, from, to); err != nil {
		return err
	}
	u, err := used(readings, from, to)
	if err != nil {
		return err
	}
	x.Figures, x.GeneratorBound = evaluate(r, u, parts)
	if p.BothCores { // the generator's core is one of them
		delete(x.Figures, core)
	}
	return nil
}

// startServers starts the row's servers. What has been started is returned with an error, too.
func (pl place) startServers(ctx context.Context, p peers.Peer, r row, l load, x *run) (servers []*peers.Server, err error) {
	for range r.Processes {
		addr, err := peers.FreeAddr()
		if err != nil {
			return servers, err
		}
		s := peers.Service{Addr: addr, Path: r.path(), Deflate: r.Deflate}
		if r.TLS {
			s.Cert, s.Key = l.cert, l.key
		}
		args := pinned(p.Command(pl.bin, s), pl.coresOf(p)...)
		x.Servers = append(x.Servers, args)
		server, err := peers.Start(ctx, args, addr)
		if err != nil {
			return servers, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// coresOf are the cores of a peer's server.
func (pl place) coresOf(p peers.Peer) []int {
	if p.BothCores {
		return []int{pl.serverCore, pl.clientCore}
	}
	return []int{pl.serverCore}
}

// runClients runs a generator for each server, all at once.
func (pl place) runClients(ctx context.Context, p peers.Peer, r row, l load, servers []*peers.Server, x *run) ([]*bench.Result, error) {
	parts, errs := make([]*bench.Result, len(servers)), make([]error, len(servers))
	var clients sync.WaitGroup
	for i, s := range servers {
		args := pinned(clientCommand(pl.bin, p, r, i, l, s.Addr), pl.clientCore)
		x.Clients = append(x.Clients, args)
		clients.Go(func() {
			out, err := peers.Run(ctx, args)
			if ctx.Err() != nil {
				errs[i] = context.Cause(ctx)
				return
			}
			// A generator whose checks were not met fails, and has printed its result.
			if parts[i], errs[i] = parseResult(r, out); errs[i] != nil && err != nil && len(out) == 0 {
				errs[i] = err
			}
		})
	}
	clients.Wait()
	return parts, errors.Join(errs...)
}

// common is the time during which all parts were measured.
func common(r row, l load, parts []*bench.Result) (from, to time.Time, err error) {
	for i, res := range parts {
		a, b := window(r, l, res)
		if i == 0 || a.After(from) {
			from = a
		}
		if i == 0 || b.Before(to) {
			to = b
		}
	}
	if !from.Before(to) {
		return from, to, errors.New("the connections were not all open at once; a longer -duration would help")
	}
	return from, to, nil
}

// evaluate works out the figures.
func evaluate(r row, u usage, parts []*bench.Result) (f figures, generatorBound bool) {
	f = figures{steal: 100 * u.stolen / u.seconds}
	if r.Kind == idle {
		opened := 0
		for _, res := range parts {
			opened += res.Connections.Opened
		}
		f[memory] = u.growth / float64(opened)
		return f, false
	}
	res := parts[0] // only idle rows have several
	f[rate] = res.Messages.Rate
	if n := res.Messages.Rate * u.seconds; n > 0 {
		f[cpu] = u.cpu * 1e6 / n
		f[core] = u.busy * 1e6 / n
	}
	if x := res.Generator.PerMessage; x > 0 {
		f[client] = x
	}
	if x := res.Latency; x != nil {
		f[p50], f[p99] = milliseconds(x.At["50"]), milliseconds(x.At["99"])
		if r.Kind == latency {
			f[p999] = milliseconds(x.At["99.9"])
		}
	}
	if x := res.Fanout; x != nil && x.Last != nil {
		f[last] = milliseconds(x.Last.At["50"])
	}
	return f, res.Generator.Bottleneck
}

// found is the highest rate that a search has found.
func found(res *bench.Result) (f figures, generatorBound bool) {
	f = figures{rate: res.Messages.Rate}
	if x := res.Latency; x != nil {
		f[p50], f[p99] = milliseconds(x.At["50"]), milliseconds(x.At["99"])
	}
	return f, slices.ContainsFunc(res.Search, func(s bench.Step) bool { return strings.Contains(s.Why, "the generator") })
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }
