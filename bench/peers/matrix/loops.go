package main

import (
	"fmt"
	"strings"

	"example.org/weir/bench/peers/page"
)

// loopRows are what one event loop and two are compared with.
func loopRows() []row {
	return []row{echoRow(128, 64, 1), echoRow(128, 1000, 16), echoRow(16<<10, 64, 1)}
}

// setups say how the variants of Weir are placed.
var setups = map[string]string{
	"weir-1-loop":      "one loop, on a core of its own",
	"weir-1-loop-free": "one loop, on both cores",
	"weir-2-loops":     "two loops, on both cores",
}

// loopsPage compares one event loop with two. The generator has one of the two cores in any case, so
// that what it costs is told apart.
func loopsPage(res *results, _ string) string {
	var b strings.Builder
	writeCircumstances(&b, res)
	for _, r := range res.Rows {
		fmt.Fprintf(&b, "\n**%s, %s**\n\n", r.Group, r.Title)
		t := page.Table{Head: []string{"server", "messages/s", "server CPU µs", "generator CPU µs", "together", "server's cores busy", "p50 ms", "p99 ms"}}
		for _, peer := range res.peersOf(r) {
			t.Body = append(t.Body, loopsLine(res, r, peer))
		}
		t.Write(&b)
	}
	writeCommands(&b, res)
	writeReasons(&b, res)
	return b.String()
}

// loopsLine has the figures of one setup.
func loopsLine(res *results, r row, peer string) []string {
	cell := func(s stat) string {
		if s.N == 0 {
			return page.Nothing
		}
		return page.Number(s.Median)
	}
	figure := func(name string) stat { return res.stat(peer, r.Name, name) }
	all, server, generator := figure(rate), figure(cpu), figure(client)
	var both, busy stat
	if server.N > 0 && generator.N > 0 {
		both = stat{Median: server.Median + generator.Median, N: 1}
		busy = stat{Median: server.Median * all.Median / 1e6, N: 1}
	}
	messages := cell(all)
	if all.N > 0 && res.generatorBound(peer, r.Name) {
		messages += "†"
	}
	return []string{
		setups[peer], messages, cell(server), cell(generator), cell(both),
		cell(busy), cell(figure(p50)), cell(figure(p99)),
	}
}
