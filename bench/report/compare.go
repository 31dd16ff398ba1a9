package report

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"example.org/weir/bench"
)

// Tolerance is how far from 1 a ratio may be and still count as the same. Runs of the same server
// differ by about that.
const Tolerance = 0.05

// Comparison is how a result stands to an older one.
type Comparison struct {
	Changes  []Change
	Warnings []string // what makes the two hard to compare
}

// Change is one figure in both.
type Change struct {
	Name     string
	Old, New string  // to read
	Ratio    float64 // new/old; NaN when the old is 0
	Verdict  string  // "better", "worse" or "same within 5 %"
}

// Compare compares two results. Figures that only one of them has are left out.
func Compare(old, now *bench.Result) *Comparison {
	c := &Comparison{}
	const more, less = true, false // what is better
	if old.Messages.Received > 0 && now.Messages.Received > 0 {
		c.add("throughput", old.Messages.Rate, now.Messages.Rate, perSecond, more)
	}
	switch now.Scenario {
	case "connect", "churn", "storm":
		c.add("connections opened", old.Connections.Rate, now.Connections.Rate, perSecond, more)
	}
	c.compareLatencies(old, now)
	if old.Fanout != nil && now.Fanout != nil {
		c.add("reach", old.Fanout.Reach, now.Fanout.Reach, percent, more)
	}
	if o, n := old.Server, now.Server; o != nil && n != nil {
		c.add("server CPU per message", 1000*o.PerMessage, 1000*n.PerMessage, duration, less)
		if remain(old) && remain(now) {
			c.add("server memory per connection", o.PerConnection, n.PerConnection, size, less)
		}
	}
	c.add("errors", total(old.Errors), total(now.Errors), func(x float64) string { return count(int64(x)) }, less)
	c.warnOfDifferences(old, now)
	c.warnOfRun("old", old)
	c.warnOfRun("new", now)
	return c
}

// compareLatencies compares the distributions of the same name.
func (c *Comparison) compareLatencies(old, now *bench.Result) {
	before := map[string]*bench.Latency{}
	for _, d := range distributions(old) {
		before[d.Name] = d.Latency
	}
	for _, d := range distributions(now) {
		for _, q := range quantiles {
			if o := before[d.Name]; o != nil {
				c.add(d.Name+" p"+q, float64(o.At[q]), float64(d.At[q]), duration, false)
			}
		}
	}
}

// add compares a figure. Memory that has shrunk, and so is negative, has no ratio worth a word.
func (c *Comparison) add(name string, old, now float64, unit func(float64) string, moreIsBetter bool) {
	if old < 0 || now < 0 || name != "errors" && (old == 0 || now == 0) {
		return
	}
	x := Change{Name: name, Old: unit(old), New: unit(now), Ratio: now / old}
	switch {
	case old == now, math.Abs(x.Ratio-1) <= Tolerance:
		x.Verdict = fmt.Sprintf("same within %.0f %%", 100*Tolerance)
	case (now > old) == moreIsBetter:
		x.Verdict = "better"
	default:
		x.Verdict = "worse"
	}
	if old == 0 {
		x.Ratio = math.NaN()
	}
	c.Changes = append(c.Changes, x)
}

// warnOfDifferences notes in what else than the server the runs differ.
func (c *Comparison) warnOfDifferences(old, now *bench.Result) {
	differ := func(what, o, n string) {
		if o != n {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s differs: %s then, %s now", what, orNone(o), orNone(n)))
		}
	}
	differ("the scenario", old.Scenario, now.Scenario)
	differ("the target", strings.Join(old.Targets, " "), strings.Join(now.Targets, " "))
	names := maps.Clone(old.Settings)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, now.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		differ("-"+name, old.Settings[name], now.Settings[name])
	}
	differ("the CPU", old.Machine.CPU, now.Machine.CPU)
	differ("the number of cores", fmt.Sprint(old.Machine.Cores), fmt.Sprint(now.Machine.Cores))
	differ("the kernel", old.Machine.Kernel, now.Machine.Kernel)
	differ("the generator's Go", old.Machine.Go, now.Machine.Go)
}

// warnOfRun notes why a run itself is not to be compared with.
func (c *Comparison) warnOfRun(which string, r *bench.Result) {
	if r.Ended != "complete" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("the %s run ended early: %s", which, r.Ended))
	}
	if r.Generator.Bottleneck {
		c.Warnings = append(c.Warnings, fmt.Sprintf("in the %s run the generator itself was the bottleneck", which))
	}
	if !r.OK() {
		c.Warnings = append(c.Warnings, fmt.Sprintf("the %s run did not meet its checks", which))
	}
}

// grid is the comparison as a table.
func (c *Comparison) grid() grid {
	g := grid{Name: "Compared", Align: "lrrrl", Head: []string{"", "old", "new", "new/old", ""}, Notes: c.Warnings}
	for _, x := range c.Changes {
		ratio := "-"
		if !math.IsNaN(x.Ratio) {
			ratio = fmt.Sprintf("%.3f", x.Ratio)
		}
		g.Rows = append(g.Rows, []string{x.Name, x.Old, x.New, ratio, x.Verdict})
	}
	return g
}

// Write writes the comparison for a person to read.
func (c *Comparison) Write(w io.Writer) error {
	var b strings.Builder
	g := c.grid()
	b.WriteString(g.Name + "\n")
	g.write(&b, "  ")
	writeWarnings(&b, g.Notes)
	_, err := io.WriteString(w, b.String())
	return err
}

func total(errors map[string]int) float64 {
	n := 0
	for _, k := range errors {
		n += k
	}
	return float64(n)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
