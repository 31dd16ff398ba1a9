package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"example.org/weir/bench/peers"
	"example.org/weir/bench/peers/page"
)

// step is one run that is to be made.
type step struct {
	peer  peers.Peer
	row   row
	round int
}

// schedule orders the runs: row by row, and within a row round by round, so that all peers share what
// happens to the machine meanwhile.
func schedule(all []peers.Peer, rows []row, rounds int) (steps []step) {
	for _, r := range rows {
		for round := range rounds {
			for _, p := range all {
				if r.has(p) {
					steps = append(steps, step{p, r, round + 1})
				}
			}
		}
	}
	return steps
}

// perform makes the runs, tells of each, and keeps them in res; after each, keep is called. It ends
// early with the context.
func perform(ctx context.Context, steps []step, measure func(context.Context, step) run, res *results, keep func() error, out io.Writer) error {
	start := time.Now()
	for i, s := range steps {
		x := measure(ctx, s)
		if ctx.Err() != nil {
			return keep() // the run was cut short: it is no figure
		}
		res.Runs = append(res.Runs, x)
		left := time.Since(start) / time.Duration(i+1) * time.Duration(len(steps)-i-1)
		fmt.Fprintf(out, "[%d/%d, %v left] %s, round %d, %s: %s\n",
			i+1, len(steps), left.Round(time.Second), s.row.Name, s.round, s.peer.Name, x.summary())
		if err := keep(); err != nil {
			return err
		}
	}
	res.Complete = true
	return keep()
}

// summary is a run in a line.
func (x run) summary() string {
	if x.Why != "" {
		return "– " + x.Why
	}
	if m, ok := x.Figures[memory]; ok {
		return page.Number(m) + " bytes per connection"
	}
	line := page.Number(x.Figures[rate]) + "/s"
	for _, f := range []struct{ name, unit string }{{cpu, "µs CPU"}, {core, "µs core"}, {p99, "ms p99"}} {
		if v, ok := x.Figures[f.name]; ok {
			line += fmt.Sprintf(", %s %s", page.Number(v), f.unit)
		}
	}
	return line
}
