package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.org/weir/bench/peers"
	"example.org/weir/bench/peers/page"
)

// The kinds of rows.
const (
	echo     = "echo"
	fanout   = "fanout"
	churn    = "churn"
	idle     = "idle"
	capacity = "capacity" // the highest rate of an open loop
	latency  = "latency"  // an open loop at half of that
)

// row is a workload. Its fields are exported to be kept with the results.
type row struct {
	Name  string // unique, for -rows
	Group string // the heading that it belongs to
	Title string // what the others of its group differ in
	Kind  string
	Conns int // connections; in fanout, subscribers
	Depth int `json:",omitempty"` // messages in flight per connection
	Size  int `json:",omitempty"` // bytes of a message
	// Deflate and TLS are how the connections are to be.
	Deflate bool `json:",omitempty"`
	TLS     bool `json:",omitempty"`
	// Common is set in latency when all peers have the same rate: half of what the weakest can do.
	Common bool `json:",omitempty"`
	// Rate is the rate of latency, in messages per second; it follows from what was measured before.
	Rate float64 `json:",omitempty"`
	// Processes is how many servers, and as many generators, share the connections: one process may
	// not hold more descriptors than the system permits.
	Processes int
}

// allRows is the whole matrix.
func allRows() (rows []row) {
	for _, size := range []int{16, 128, 1 << 10, 16 << 10} {
		for _, conns := range []int{64, 1000, 10_000} {
			for _, depth := range []int{1, 16} {
				rows = append(rows, echoRow(size, conns, depth))
			}
		}
	}
	return append(
		rows,
		echoRow(1<<20, 16, 1),
		fanoutRow(1000, 1),
		fanoutRow(1000, 4),
		fanoutRow(10_000, 1),
		row{Name: "churn/64", Group: "Connect, upgrade, echo, close", Title: "64 at a time", Kind: churn, Conns: 64, Size: 128, Processes: 1},
		idleRow(10_000, 1),
		idleRow(15_000, 1),
		idleRow(100_000, 6),
		deflated(echoRow(1<<10, 64, 1)),
		deflated(echoRow(1<<10, 1000, 1)),
		deflated(idleRow(10_000, 1)),
		secured(echoRow(128, 64, 1)),
		secured(echoRow(128, 1000, 1)),
		secured(echoRow(16<<10, 64, 1)),
		secured(idleRow(10_000, 1)),
		latencyRow("capacity", capacity, "highest rate with a p99 within 10 ms"),
		latencyRow("latency/own", latency, "at half of the peer's own highest rate"),
		latencyRow("latency/common", latency, "at half of the lowest of the highest rates, alike for all"),
	)
}

// deflated is a row with permessage-deflate.
func deflated(r row) row {
	r.Name, r.Group, r.Deflate = "deflate/"+r.Name, r.Group+", permessage-deflate", true
	return r
}

// secured is a row by TLS.
func secured(r row) row {
	r.Name, r.Group, r.TLS = "tls/"+r.Name, r.Group+", TLS", true
	return r
}

func latencyRow(name, kind, title string) row {
	return row{
		Name: name, Group: "Latency in an open loop, 128 B, 1,000 connections", Title: title,
		Kind: kind, Conns: 1000, Size: 128, Processes: 1, Common: name == "latency/common",
	}
}

// featureRows are permessage-deflate and TLS, as far as five minutes suffice for them.
func featureRows() []row {
	return slices.DeleteFunc(allRows(), func(r row) bool {
		return !(r.Deflate || r.TLS) || r.Name == "deflate/echo/1KiB/64x1" || r.Name == "tls/echo/128B/64x1"
	})
}

// latencyRows are the open loops.
func latencyRows() []row {
	return slices.DeleteFunc(allRows(), func(r row) bool { return r.Kind != capacity && r.Kind != latency })
}

// quickRows are enough for an impression, in five minutes with all peers.
func quickRows() []row {
	names := []string{
		"echo/128B/1000x1", "echo/128B/1000x16", "echo/16KiB/64x1", "fanout/1000", "churn/64", "idle/10000",
	}
	return slices.DeleteFunc(allRows(), func(r row) bool { return !slices.Contains(names, r.Name) })
}

func echoRow(size, conns, depth int) row {
	return row{
		Name:  fmt.Sprintf("echo/%s/%dx%d", strings.ReplaceAll(page.Bytes(size), " ", ""), conns, depth),
		Group: "Echo, " + page.Bytes(size),
		Title: fmt.Sprintf("%s connections, %d in flight", page.Thousands(conns), depth),
		Kind:  echo, Conns: conns, Depth: depth, Size: size, Processes: 1,
	}
}

func fanoutRow(n, depth int) row {
	r := row{
		Name: fmt.Sprintf("fanout/%d", n), Group: "Fan-out, 128 B", Title: "1 to " + page.Thousands(n),
		Kind: fanout, Conns: n, Depth: depth, Size: 128, Processes: 1,
	}
	if depth > 1 {
		r.Name += fmt.Sprintf("x%d", depth)
		r.Title += fmt.Sprintf(", %d publishes in flight", depth)
	}
	return r
}

func idleRow(n, processes int) row {
	title := page.Thousands(n) + " connections"
	if processes > 1 {
		title += fmt.Sprintf(", %d processes", processes)
	}
	return row{
		Name: fmt.Sprintf("idle/%d", n), Group: "Idle connections", Title: title,
		Kind: idle, Conns: n, Processes: processes,
	}
}

// selectRows keeps the rows whose name matches.
func selectRows(rows []row, pattern string) ([]row, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return !re.MatchString(r.Name) })
	if len(rows) == 0 {
		return nil, fmt.Errorf("no row matches %q; -list lists them", pattern)
	}
	return rows, nil
}

// rivals are the peers beside which Weir's latency is measured: it takes long.
var rivals = []string{ownPeer, "bun", "gws", "nbio"}

// has reports whether a peer has a row: those without WebSocket have echoes of a closed loop only.
func (r row) has(p peers.Peer) bool {
	switch {
	case r.Deflate && !p.Deflates, r.TLS && !p.TLS:
		return false
	case r.Kind == capacity || r.Kind == latency:
		return slices.Contains(rivals, p.Name)
	}
	return r.Kind != fanout || !p.Raw
}

// path is the path that clients connect to.
func (r row) path() string {
	if r.Kind == fanout {
		return peers.TopicPath
	}
	return peers.EchoPath
}

// share is how many of the connections the i-th process has.
func (r row) share(i int) int {
	n := r.Conns / r.Processes
	if i < r.Conns%r.Processes {
		n++
	}
	return n
}
