package main

import "testing"

func TestPaced(t *testing.T) {
	own, common := latencyRow("latency/own", latency, ""), latencyRow("latency/common", latency, "")
	res := &results{Peers: []string{"weir", "gws", "nbio"}, Runs: []run{
		{Peer: "weir", Row: "capacity", Figures: figures{rate: 90}},
		{Peer: "weir", Row: "capacity", Figures: figures{rate: 100}},
		{Peer: "weir", Row: "capacity", Figures: figures{rate: 500}},
		{Peer: "gws", Row: "capacity", Figures: figures{rate: 60}},
		{Peer: "nbio", Row: "capacity", Figures: figures{rate: 1}},
	}}
	for name, c := range map[string]struct {
		row  row
		peer string
		want float64
		ok   bool
	}{
		"own":        {own, "weir", 50, true},
		"another's":  {own, "gws", 30, true},
		"none":       {own, "bun", 0, false},
		"too low":    {own, "nbio", 0, false},
		"common":     {common, "weir", 0, false}, // nbio's is too low
		"not needed": {echoRow(1, 1, 1), "bun", 0, true},
	} {
		r, err := res.paced(c.row, c.peer)
		if r.Rate != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %v, %v; want %v", name, r.Rate, err, c.want)
		}
	}
	res.Runs = res.Runs[:4]
	if r, err := res.paced(common, "weir"); err != nil || r.Rate != 30 {
		t.Errorf("common: %v, %v; want half of the lowest", r.Rate, err)
	}
}
