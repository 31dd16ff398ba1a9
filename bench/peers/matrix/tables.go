package main

import (
	"fmt"
	"slices"

	"example.org/weir/bench/peers/page"
)

// The peers that others are compared with.
const (
	limitPeer = "limit"
	ownPeer   = "weir"
)

// mainFigure is the figure that peers are compared by: what a message, or a connection, costs.
func mainFigure(r row) string {
	switch r.Kind {
	case idle:
		return memory
	case capacity:
		return rate
	case latency:
		return p99
	}
	return core
}

// rowTable has all figures of a row, a line for each peer.
func rowTable(res *results, r row) page.Table {
	columns := columnsOf(r)
	t := page.Table{Head: []string{"peer"}}
	for _, c := range columns {
		t.Head = append(t.Head, c.title)
	}
	t.Head = append(t.Head, "× limit", "× Weir", "spread")
	for _, peer := range res.peersOf(r) {
		line := []string{peer}
		for _, c := range columns {
			cell := page.Nothing
			if s := res.stat(peer, r.Name, c.figure); s.N > 0 {
				cell = page.Number(s.Median)
			}
			if c.figure == rate && cell != page.Nothing && res.generatorBound(peer, r.Name) {
				cell += "†"
			}
			line = append(line, cell)
		}
		s := res.stat(peer, r.Name, mainFigure(r))
		spread := page.Nothing
		if s.N > 1 {
			spread = fmt.Sprintf("%.0f %%", s.spread())
		}
		t.Body = append(t.Body, append(line,
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
	case capacity:
		return []column{{"messages/s", rate}, {"p50 ms", p50}, {"p99 ms", p99}}
	case latency:
		return []column{{"messages/s", rate}, {"p50 ms", p50}, {"p99 ms", p99}, {"p99.9 ms", p999}, {"CPU µs", cpu}, {"core µs", core}}
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
func overview(res *results, rows []row) page.Table {
	t := page.Table{Head: []string{"peer"}}
	for _, r := range rows {
		t.Head = append(t.Head, overviewTitle(r))
	}
	for _, peer := range res.Peers {
		line := []string{peer}
		any := false
		for _, r := range rows {
			s := res.stat(peer, r.Name, mainFigure(r))
			cell := page.Nothing
			if s.N > 0 {
				any = true
				cell = page.Number(s.Median)
				if x := times(s, res.stat(ownPeer, r.Name, mainFigure(r))); x != page.Nothing && peer != ownPeer {
					cell += " (" + x + ")"
				}
			}
			line = append(line, cell)
		}
		if any {
			t.Body = append(t.Body, line)
		}
	}
	return t
}

// overviewTitle is short: the heading says what the rows have in common.
func overviewTitle(r row) string {
	switch r.Kind {
	case echo:
		if r.Deflate || r.TLS {
			return fmt.Sprintf("%s × %s", page.Thousands(r.Conns), page.Bytes(r.Size))
		}
		return page.Bytes(r.Size)
	case idle:
		switch {
		case r.Deflate:
			return r.Title + ", permessage-deflate"
		case r.TLS:
			return r.Title + ", TLS"
		}
	case churn:
		return "connect, echo, close"
	case latency:
		if r.Common {
			return "half of the lowest"
		}
		return "half of its highest rate"
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
					title: fmt.Sprintf("Echo, %s connections, %d in flight on each", page.Thousands(conns), depth),
					unit:  perMessage,
				},
				func(r row) bool {
					return r.Kind == echo && !r.Deflate && !r.TLS && r.Conns == conns && r.Depth == depth
				},
			)
		}
	}
	add(chart{name: "echo-large", title: "Echo, 16 connections", unit: perMessage},
		func(r row) bool { return r.Kind == echo && r.Conns == 16 })
	add(chart{name: "deflate", title: "Echo with permessage-deflate, of JSON", unit: perMessage},
		func(r row) bool { return r.Kind == echo && r.Deflate })
	add(chart{name: "tls", title: "Echo by TLS", unit: perMessage},
		func(r row) bool { return r.Kind == echo && r.TLS })
	add(chart{name: "latency", title: "Latency of an open loop, 128 B, 1,000 connections", unit: "p99 in ms"},
		func(r row) bool { return r.Kind == latency })
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
		return page.Nothing
	}
	return fmt.Sprintf("%.2f×", x)
}

// peersOf are the peers that a row was run with, in the order of the tables.
func (r *results) peersOf(of row) []string {
	return slices.DeleteFunc(slices.Clone(r.Peers), func(p string) bool {
		return !slices.ContainsFunc(r.Runs, func(x run) bool { return x.Peer == p && x.Row == of.Name })
	})
}
