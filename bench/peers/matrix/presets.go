package main

import (
	"slices"
	"time"
)

// preset is what is measured for a table of its own.
type preset struct {
	name, summary    string // of the flag
	rows             func() []row
	peers            string // a list; "" is all that are no variants
	rounds           int
	duration, warmup time.Duration
	markers          string // of its place in a page
	page             func(res *results, plots string) string
	plots            bool
}

// presets are those that there are; without a flag it is the first.
var presets = []preset{
	{
		rows: allRows, rounds: 5, duration: 5 * time.Second, warmup: time.Second,
		markers: "peers", page: markdown, plots: true,
	},
	{
		name: "quick", summary: "a few rows, one short round each: five minutes in all",
		rows: quickRows, rounds: 1, duration: 2 * time.Second, warmup: 500 * time.Millisecond,
		markers: "peers", page: markdown, plots: true,
	},
	{
		name: "goals", summary: "what Weir is to reach, and whether it does: ten minutes in all",
		rows: goalRows, peers: "limit,gnetraw,weir,weir-direct,bun", rounds: 3, duration: 2 * time.Second, warmup: 500 * time.Millisecond,
		markers: "goals", page: goalsPage,
	},
	{
		name: "loops", summary: "one event loop and two: three minutes in all",
		rows: loopRows, peers: "weir-1-loop,weir-1-loop-free,weir-2-loops", rounds: 5, duration: 2 * time.Second, warmup: 500 * time.Millisecond,
		markers: "loops", page: loopsPage,
	},
	{
		name: "latency", summary: "open loops at half of what the servers can do: five minutes in all",
		rows: latencyRows, peers: "weir,gws,nbio,bun", rounds: 2, duration: 4 * time.Second, warmup: time.Second,
		markers: "latency", page: featuresPage,
	},
	{
		name: "features", summary: "permessage-deflate and TLS: five minutes in all",
		rows: featureRows, peers: "weir,gws,coder,nbio,bun", rounds: 3, duration: 2 * time.Second, warmup: 500 * time.Millisecond,
		markers: "features", page: featuresPage,
	},
}

// presetOf is the preset that results were measured for.
func presetOf(res *results) preset {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == res.Preset })
	return presets[max(i, 0)]
}
