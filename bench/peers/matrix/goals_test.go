package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench/peers"
)

// TestGoalRows holds that each goal has its row and its peers, and that nothing else is measured.
func TestGoalRows(t *testing.T) {
	rows := goalRows()
	preset := presetOf(&results{Preset: "goals"})
	measured, err := chosenPeers(preset.peers)
	if err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(measured, func(p peers.Peer) bool { return p.Name == name })
	}
	for _, g := range goals {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.Name == g.row }) {
			t.Errorf("there is no row %s", g.row)
		}
		if !has(g.peer) || g.of != "" && !has(g.of) {
			t.Errorf("%+v: a peer is not measured", g)
		}
	}
	if len(rows) != 10 {
		t.Errorf("%d rows: %v", len(rows), rows)
	}
}

func TestGoals(t *testing.T) {
	res := &results{
		Rounds: 3,
		Rows:   []row{echoRow(16, 64, 1), fanoutRow(1000, 4), idleRow(10_000, 1), {Name: "churn/64", Kind: churn}},
		Runs: []run{
			// The ratios are 0.9, 0.8 and 3; that of the medians is another.
			{Peer: "limit", Row: "echo/16B/64x1", Round: 1, Figures: figures{core: 10}},
			{Peer: "limit", Row: "echo/16B/64x1", Round: 2, Figures: figures{core: 5}},
			{Peer: "limit", Row: "echo/16B/64x1", Round: 3, Figures: figures{core: 2}},
			{Peer: "weir", Row: "echo/16B/64x1", Round: 1, Figures: figures{core: 9}},
			{Peer: "weir", Row: "echo/16B/64x1", Round: 2, Figures: figures{core: 4}},
			{Peer: "weir", Row: "echo/16B/64x1", Round: 3, Figures: figures{core: 6}},
			{Peer: "weir-direct", Row: "echo/16B/64x1", Round: 2, Figures: figures{core: 6}},
			{Peer: "weir", Row: "fanout/1000x4", Round: 1, Figures: figures{core: 2}},
			{Peer: "bun", Row: "fanout/1000x4", Round: 1, Figures: figures{core: 4}},
			{Peer: "weir", Row: "idle/10000", Round: 1, Figures: figures{memory: 900}},
			{Peer: "weir", Row: "churn/64", Round: 1, Figures: figures{core: 45}},
		},
	}
	var b strings.Builder
	writeGoals(&b, res)
	for _, want := range []string{
		"| row | peer | figure | compared with | goal | reached |\n",
		"| `echo/16B/64x1` | weir | 6.00 µs | 0.90× limit | ≤ 0.95× limit | yes |\n",
		"| `echo/16B/64x1` | weir-direct | 6.00 µs | 1.20× limit | ≤ 1.15× limit | **no** |\n",
		"| `fanout/1000x4` | weir | 2.00 µs | 0.50× bun | ≤ 0.50× bun or 1.20 µs | yes |\n",
		"| `idle/10000` | weir | 900 bytes | – | ≤ 800 bytes | **no** |\n",
		"| `churn/64` | weir | 45.0 µs | – | ≤ 1.00× bun or 50.0 µs | yes |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the goals lack\n%s", want)
		}
	}
	if n := strings.Count(b.String(), "\n| `"); n != 5 || t.Failed() {
		t.Errorf("%d goals:\n%s", n, b.String())
	}
	res.Runs = res.Runs[3:6]
	b.Reset()
	if writeGoals(&b, res); !strings.Contains(b.String(), "| – | ≤ 0.95× limit | not known |\n") {
		t.Errorf("without the other peer:\n%s", b.String())
	}
	b.Reset()
	if writeGoals(&b, &results{Rows: res.Rows}); b.Len() > 0 {
		t.Errorf("without figures:\n%s", b.String())
	}
}

// TestPresets holds that each has a place of its own in a page but the quick one, and peers that exist.
func TestPresets(t *testing.T) {
	for _, c := range []struct {
		args     []string
		markers  string
		rounds   int
		duration time.Duration
		peers    int
	}{
		{nil, "peers", 5, 5 * time.Second, 10},
		{[]string{"-goals"}, "goals", 3, 2 * time.Second, 5},
		{[]string{"-goals", "-peers", "weir", "-rounds", "1"}, "goals", 1, 2 * time.Second, 1},
		{[]string{"-loops"}, "loops", 5, 2 * time.Second, 3},
	} {
		o, err := parse(c.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := chosenPeers(o.peers)
		if err != nil || len(chosen) != c.peers || o.rounds != c.rounds || o.duration != c.duration || o.preset.markers != c.markers {
			t.Errorf("%v: %d peers, %d rounds of %v, into %q, %v", c.args, len(chosen), o.rounds, o.duration, o.preset.markers, err)
		}
		for _, r := range o.preset.rows() {
			if !slices.ContainsFunc(chosen, r.has) {
				t.Errorf("%v: nobody has the row %s", c.args, r.Name)
			}
		}
	}
}

func TestLoopsPage(t *testing.T) {
	some := echoRow(128, 64, 1)
	res := &results{
		Complete: true, Rounds: 1, Preset: "loops", Peers: []string{"weir-1-loop", "weir-2-loops"}, Rows: []row{some},
		Runs: []run{
			{Peer: "weir-1-loop", Row: some.Name, Round: 1, GeneratorBound: true, Figures: figures{rate: 100_000, cpu: 6, client: 9, p50: 1, p99: 2}},
			{Peer: "weir-2-loops", Row: some.Name, Round: 1, Why: "it fell"},
		},
	}
	got := presetOf(res).page(res, "plots")
	for _, want := range []string{
		"**Echo, 128 B, 64 connections, 1 in flight**",
		"| one loop, on a core of its own | 100,000† | 6.00 | 9.00 | 15.0 | 0.600 | 1.00 | 2.00 |\n",
		"| two loops, on both cores | – | – | – | – | – | – | – |\n",
		"it fell",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks\n%s\nin\n%s", want, got)
		}
	}
	for _, p := range peers.All {
		if _, ok := setups[p.Name]; ok != strings.Contains(p.Name, "loop") {
			t.Errorf("it is not said how %s is placed", p.Name)
		}
	}
}
