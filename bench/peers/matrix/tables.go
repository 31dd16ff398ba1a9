package main

import (
	"fmt"
	"slices"
)

// nothing stands for a figure that there is not.
const nothing = "–"

// The peers that others are compared with.
const (
	limitPeer = "limit"
	ownPeer   = "weir"
)

// table is a table of text. The first column is of names, the others are of figures unless words is
// set.
type table struct {
	words bool
	head  []string
	body  [][]string
}

// mainFigure is the figure that peers are compared by: what a message, or a connection, costs.
func mainFigure(r row) string {
	if r.Kind == idle {
		return memory
	}
	return core
}

// rowTable has all figures of a row, a line for each peer.
func rowTable(res *results, r row) table {
	columns := columnsOf(r)
	t := table{head: []string{"peer"}}
	for _, c := range columns {
		t.head = append(t.head, c.title)
	}
	t.head = append(t.head, "× limit", "× Weir", "spread")
	for _, peer := range res.peersOf(r) {
		line := []string{peer}
		for _, c := range columns {
			cell := nothing
			if s := res.stat(peer, r.Name, c.figure); s.N > 0 {
				cell = number(s.Median)
			}
			if c.figure == rate && cell != nothing && res.generatorBound(peer, r.Name) {
				cell += "†"
			}
			line = append(line, cell)
		}
		s := res.stat(peer, r.Name, mainFigure(r))
		spread := nothing
		if s.N > 1 {
			spread = fmt.Sprintf("%.0f %%", s.spread())
		}
		t.body = append(t.body, append(line,
			times(s, res.stat(limitPeer, r.Name, mainFigure(r))),
			times(s, res.stat(ownPeer, r.Name, mainFigure(r))),
			spread))
	}
	return t
}

// column is a figure and its heading.
type column struct{ title, figure string }

func columnsOf(r row) []column {
	switch r.Kind {
	case idle:
		return []column{{"resident bytes per connection", memory}}
	case fanout:
		return []column{
			{"deliveries/s", rate},
			{"CPU µs", cpu},
			{"core µs", core},
			{"until the last has it, ms", last},
		}
	case churn:
		return []column{{"cycles/s", rate}, {"CPU µs", cpu}, {"core µs", core}, {"p50 ms", p50}, {"p99 ms", p99}}
	}
	return []column{{"messages/s", rate}, {"CPU µs", cpu}, {"core µs", core}, {"p50 ms", p50}, {"p99 ms", p99}}
}

// overview compares the peers over several rows by their main figure, and by how many times Weir's
// it is.
func overview(res *results, rows []row) table {
	t := table{head: []string{"peer"}}
	for _, r := range rows {
		t.head = append(t.head, overviewTitle(r))
	}
	for _, peer := range res.Peers {
		line := []string{peer}
		any := false
		for _, r := range rows {
			s := res.stat(peer, r.Name, mainFigure(r))
			cell := nothing
			if s.N > 0 {
				any = true
				cell = number(s.Median)
				if x := times(s, res.stat(ownPeer, r.Name, mainFigure(r))); x != nothing && peer != ownPeer {
					cell += " (" + x + ")"
				}
			}
			line = append(line, cell)
		}
		if any {
			t.body = append(t.body, line)
		}
	}
	return t
}

// overviewTitle is short: the heading says what the rows have in common.
func overviewTitle(r row) string {
	switch r.Kind {
	case echo:
		return bytesText(r.Size)
	case churn:
		return "connect, echo, close"
	}
	return r.Title
}

// chart is what an overview, and a plot, show.
type chart struct {
	name  string // of the plot's file
	title string
	unit  string
	rows  []row
}

// charts are the overviews of those rows that were measured.
func charts(res *results) (all []chart) {
	add := func(c chart, want func(row) bool) {
		for _, r := range res.Rows {
			if want(r) && slices.ContainsFunc(res.Peers, func(p string) bool { return res.stat(p, r.Name, mainFigure(r)).N > 0 }) {
				c.rows = append(c.rows, r)
			}
		}
		if len(c.rows) > 0 {
			all = append(all, c)
		}
	}
	const perMessage = "µs of the server's core per message"
	for _, depth := range []int{1, 16} {
		for _, conns := range []int{64, 1000, 10_000} {
			add(
				chart{
					name:  fmt.Sprintf("echo-%d-depth-%d", conns, depth),
					title: fmt.Sprintf("Echo, %s connections, %d in flight on each", thousands(conns), depth),
					unit:  perMessage,
				},
				func(r row) bool { return r.Kind == echo && r.Conns == conns && r.Depth == depth },
			)
		}
	}
	add(chart{name: "echo-large", title: "Echo, 16 connections", unit: perMessage},
		func(r row) bool { return r.Kind == echo && r.Conns == 16 })
	add(chart{name: "fanout", title: "Fan-out of 128 B", unit: "µs of the server's core per delivery"},
		func(r row) bool { return r.Kind == fanout })
	add(chart{name: "churn", title: "Connect, upgrade, echo, close", unit: "µs of the server's core per cycle"},
		func(r row) bool { return r.Kind == churn })
	add(chart{name: "idle", title: "Idle connections", unit: "resident bytes per connection"},
		func(r row) bool { return r.Kind == idle })
	return all
}

// times says how many times another s is.
func times(s, other stat) string {
	x, ok := s.ratio(other)
	if !ok {
		return nothing
	}
	return fmt.Sprintf("%.2f×", x)
}

// peersOf are the peers that a row was run with, in the order of the tables.
func (r *results) peersOf(of row) []string {
	return slices.DeleteFunc(slices.Clone(r.Peers), func(p string) bool {
		return !slices.ContainsFunc(r.Runs, func(x run) bool { return x.Peer == p && x.Row == of.Name })
	})
}
