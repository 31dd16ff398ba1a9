package main

import (
	"fmt"
	"slices"
	"strings"

	"example.org/weir/bench/peers/page"
)

// goal is what a peer is to reach in a row: to be at most so many times another peer, or so many units.
type goal struct {
	peer, row string
	of        string  // the peer that it is compared with; "" for none
	times     float64 // of that peer's
	most      float64 // µs, or bytes in rows of idle connections; 0 for none. Either will do
}

// directPeer is Weir without io_uring.
const directPeer = "weir-direct"

// goals are those of Weir: what a message may cost, beside a bare epoll loop in C that does not speak
// WebSocket.
var goals = func() (all []goal) {
	for _, g := range []struct {
		row           row
		auto, without float64
	}{
		{echoRow(16, 64, 1), 0.95, 1.15},
		{echoRow(16, 64, 16), 1.0, 1.3},
		{echoRow(16<<10, 64, 1), 1.1, 1.2},
		{echoRow(128, 1000, 1), 0.95, 1.15},
		{echoRow(128, 1000, 16), 1.0, 1.3},
		{echoRow(128, 10_000, 1), 0.92, 1.15},
		{echoRow(1<<20, 8, 1), 0.9, 1.15},
	} {
		all = append(all,
			goal{peer: ownPeer, row: g.row.Name, of: limitPeer, times: g.auto},
			goal{peer: directPeer, row: g.row.Name, of: limitPeer, times: g.without})
	}
	return append(all,
		goal{peer: ownPeer, row: "churn/64", of: "bun", times: 1, most: 50},
		goal{peer: ownPeer, row: "fanout/1000x4", of: "bun", times: 0.5, most: 1.2},
		goal{peer: ownPeer, row: "idle/10000", most: 800},
	)
}()

// goalRows are the rows that the goals are about.
func goalRows() []row {
	return slices.DeleteFunc(append(allRows(), echoRow(1<<20, 8, 1)), func(r row) bool {
		return !slices.ContainsFunc(goals, func(g goal) bool { return g.row == r.Name })
	})
}

// goalsPage is the page of the goals alone.
func goalsPage(res *results, _ string) string {
	var b strings.Builder
	writeCircumstances(&b, res)
	writeGoals(&b, res)
	writeDetails(&b, res)
	writeCommands(&b, res)
	writeReasons(&b, res)
	return b.String()
}

// writeGoals writes a line for each goal of which there are figures. They are of the core, or of the
// memory, as in all tables.
func writeGoals(b *strings.Builder, res *results) {
	t := page.Table{Head: []string{"row", "peer", "figure", "compared with", "goal", "reached"}}
	for _, g := range goals {
		i := slices.IndexFunc(res.Rows, func(r row) bool { return r.Name == g.row })
		if i < 0 {
			continue
		}
		if line, ok := g.line(res, res.Rows[i]); ok {
			t.Body = append(t.Body, line)
		}
	}
	if len(t.Body) == 0 {
		return
	}
	b.WriteString("\n#### Goals\n\nMedians of the rounds; a ratio is worked out in each round, since rounds are interleaved, and is the\n" +
		"median of those. Where a goal has two parts, one of them is enough.\n\n")
	t.Write(b)
}

// line tells whether a goal is reached; ok is false without figures.
func (g goal) line(res *results, r row) (cells []string, ok bool) {
	figure, unit := mainFigure(r), "µs"
	if figure == memory {
		unit = "bytes"
	}
	own := res.stat(g.peer, g.row, figure)
	if own.N == 0 {
		return nil, false
	}
	var wanted []string
	compared, reached, known := page.Nothing, false, false
	if g.of != "" {
		wanted = append(wanted, fmt.Sprintf("%.2f× %s", g.times, g.of))
		if s := res.paired(g.peer, g.of, g.row, figure); s.N > 0 {
			compared = fmt.Sprintf("%.2f× %s", s.Median, g.of)
			reached, known = s.Median <= g.times, true
		}
	}
	if g.most > 0 {
		wanted = append(wanted, page.Number(g.most)+" "+unit)
		reached, known = reached || own.Median <= g.most, true
	}
	verdict := "not known"
	switch {
	case reached:
		verdict = "yes"
	case known:
		verdict = "**no**"
	}
	return []string{"`" + g.row + "`", g.peer, page.Number(own.Median) + " " + unit, compared, "≤ " + strings.Join(wanted, " or "), verdict}, true
}

// paired summarises how many times another peer's figure a peer's is, round by round.
func (r *results) paired(peer, other, rowName, figure string) stat {
	of := func(name string, round int) (float64, bool) {
		for _, x := range r.Runs {
			if v, ok := x.Figures[figure]; ok && x.Peer == name && x.Row == rowName && x.Round == round {
				return v, true
			}
		}
		return 0, false
	}
	var ratios []float64
	for round := 1; round <= r.Rounds; round++ {
		a, okA := of(peer, round)
		b, okB := of(other, round)
		if okA && okB && b != 0 {
			ratios = append(ratios, a/b)
		}
	}
	return newStat(ratios)
}
