package report

import (
	"cmp"
	"maps"
	"slices"

	"example.org/weir/bench"
)

// distribution is one of the distributions of times in a result.
type distribution struct {
	Name string // without spaces: it is the tag in an HdrHistogram log
	*bench.Latency
}

// distributions are those that r has, the most telling first.
func distributions(r *bench.Result) []distribution {
	name := "message"
	switch r.Scenario {
	case "rate", "search":
		name = "corrected" // from when it was due: for coordinated omission
	case "churn":
		name = "cycle"
	case "fanout":
		name = "delivery"
	}
	all := []distribution{{name, r.Latency}, {"raw", r.RawLatency}}
	all = append(all, fanouts(r)...)
	all = append(all, distribution{"delivered", r.Delivered}, distribution{"connect", r.Connect})
	return slices.DeleteFunc(all, func(d distribution) bool { return d.Latency == nil })
}

// fanouts are how long publishes took to reach their receivers.
func fanouts(r *bench.Result) []distribution {
	f := r.Fanout
	if f == nil {
		return nil
	}
	return []distribution{{"first", f.First}, {"median", f.Median}, {"last", f.Last}}
}

// grids are the tables of r. What the run does not have is left out.
func grids(r *bench.Result) []grid {
	all := []grid{latencyGrid(r), searchGrid(r), errorGrid(r), checkGrid(r)}
	return slices.DeleteFunc(all, func(g grid) bool { return len(g.Rows) == 0 })
}

// quantiles are the percentiles that a result names.
var quantiles = []string{"50", "90", "99", "99.9", "99.99"}

func latencyGrid(r *bench.Result) grid {
	g := grid{Name: "Latency", Align: "lrrrrrrr", Head: []string{""}}
	for _, q := range quantiles {
		g.Head = append(g.Head, "p"+q)
	}
	g.Head = append(g.Head, "max", "count")
	for _, d := range distributions(r) {
		row := []string{d.Name}
		for _, q := range quantiles {
			cell := "-"
			if ns, ok := d.At[q]; ok {
				cell = duration(float64(ns))
			}
			row = append(row, cell)
		}
		g.Rows = append(g.Rows, append(row, duration(float64(d.Max)), count(d.Count)))
	}
	return g
}

func searchGrid(r *bench.Result) grid {
	g := grid{Name: "Search", Align: "rrrl", Head: []string{"rate", "achieved", "p99", ""}}
	for _, s := range r.Search {
		verdict := "holds"
		if !s.OK {
			verdict = "fails: " + s.Why
		}
		g.Rows = append(g.Rows, []string{perSecond(s.Rate), perSecond(s.Achieved), duration(float64(s.P99)), verdict})
	}
	return g
}

// errorGrid lists what went wrong, the most frequent first.
func errorGrid(r *bench.Result) grid {
	g := grid{Name: "Errors", Align: "rl"}
	kinds := slices.SortedFunc(maps.Keys(r.Errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Errors[b], r.Errors[a]), cmp.Compare(a, b))
	})
	for _, what := range kinds {
		g.Rows = append(g.Rows, []string{count(r.Errors[what]), what})
	}
	return g
}

func checkGrid(r *bench.Result) grid {
	g := grid{Name: "Checks", Align: "lll"}
	for _, c := range r.Checks {
		verdict := "OK"
		if !c.OK {
			verdict = "FAILED"
		}
		g.Rows = append(g.Rows, []string{verdict, c.Name, c.Detail})
	}
	return g
}
