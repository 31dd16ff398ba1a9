package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers/page"
)

// stage returns the reading at the beginning of a stage of the workers.
func (res *outcome) stage(name string) (r reading, ok bool) {
	for _, r := range res.Readings {
		if r.Stage == name {
			return r, true
		}
	}
	return r, false
}

// after returns the reading at the beginning of the stage that follows one.
func (res *outcome) after(name string) (r reading, ok bool) {
	found := false
	for _, r := range res.Readings {
		if found && r.Stage != "" {
			return r, true
		}
		found = found || r.Stage == name
	}
	return r, false
}

// markdown renders an outcome. Plots are referred to in a folder.
func markdown(res *outcome, plots string) string {
	var b strings.Builder
	p, m := res.Plan, res.Machine
	fmt.Fprintf(&b, "Measured on %s, on %d cores of %s, %s, %s: %d processes of Weir and as many generators.",
		res.Started.UTC().Format("2006-01-02 15:04 UTC"), m.Cores, m.CPU, m.Kernel, m.Go, p.Servers)
	if r := res.Result; r == nil || r.Ended != "complete" {
		b.WriteString(" **The run was cut short.**")
	}
	fmt.Fprintf(&b, "\n\n    %s\n    # each server: %s\n\n", strings.Join(res.Command, " "), strings.Join(res.Server, " "))
	t := page.Table{Head: []string{fmt.Sprintf("%s connections", page.Thousands(p.Conns)), ""}}
	add := func(name, format string, args ...any) {
		t.Body = append(t.Body, []string{name, fmt.Sprintf(format, args...)})
	}
	res.addConnections(add)
	res.addMemory(add)
	res.addIdle(add)
	res.addMessages(add)
	t.Write(&b)
	res.writeChecks(&b)
	for _, c := range charts(res) {
		fmt.Fprintf(&b, "\n![%s](%s)\n", c.title, path.Join(plots, c.name+".svg"))
	}
	return b.String()
}

// adder adds a line to the table.
type adder func(name, format string, args ...any)

func (res *outcome) addConnections(add adder) {
	r := res.Result
	if r == nil {
		return
	}
	c := r.Connections
	add("opened", "%s", page.Thousands(c.Opened))
	add("attempts that failed", "%s", page.Thousands(c.Failed))
	add("lost", "%s", page.Thousands(c.Lost))
	a, okA := res.stage("connect")
	b, okB := res.after("connect")
	if okA && okB {
		seconds := b.T - a.T
		add("seconds to open them", "%.0f (%s per second)", seconds, page.Number(float64(c.Opened)/seconds))
	}
}

// addMemory tells what a connection holds at the end of the time in which nothing is sent.
func (res *outcome) addMemory(add adder) {
	a, okA := res.stage("connect")
	b, okB := res.after("measure")
	if !okA || !okB || res.Result == nil || res.Result.Connections.Opened == 0 {
		return
	}
	each := func(bytes int64) string { return page.Number(float64(bytes) / float64(res.Result.Connections.Opened)) }
	add("bytes per connection, Weir, resident", "%s", each(b.Servers.Resident-a.Servers.Resident))
	add("bytes per connection, generators, resident", "%s", each(b.Workers.Resident-a.Workers.Resident))
	add("bytes per connection, kernel, both ends", "%s", each(b.Slab+b.TCP-a.Slab-a.TCP))
	add("bytes per connection, all that is no longer available", "%s", each(a.Available-b.Available))
	mib := func(bytes int64, processes int) string {
		return page.Number(float64(bytes) / float64(max(processes, 1)) / (1 << 20))
	}
	add("MiB of a process of Weir without connections", "%s", mib(a.Servers.Resident, res.Plan.Servers))
	add("GiB of Weir in all", "%.2f", float64(b.Servers.Resident)/(1<<30))
}

// addIdle tells what the pings cost.
func (res *outcome) addIdle(add adder) {
	a, okA := res.stage("measure")
	b, okB := res.after("measure")
	if !okA || !okB || b.T <= a.T {
		return
	}
	seconds := b.T - a.T
	percent := func(cpu float64) string { return fmt.Sprintf("%.1f %% of a core", 100*cpu/seconds) }
	add("seconds held, with a ping every "+res.Ping, "%.0f", seconds)
	add("CPU meanwhile, Weir", "%s", percent(b.Servers.CPU-a.Servers.CPU))
	add("CPU meanwhile, generators", "%s", percent(b.Workers.CPU-a.Workers.CPU))
	add("CPU meanwhile, the whole machine", "%s", percent(float64(res.Machine.Cores)*seconds-(b.Unused-a.Unused)))
}

// addMessages tells of the echoes, and of what was published.
func (res *outcome) addMessages(add adder) {
	r := res.Result
	if r == nil {
		return
	}
	if l := r.Latency; l != nil {
		add("echoes that came back as they were sent", "%s of %s", page.Thousands(int(r.Messages.Received)), page.Thousands(int(r.Messages.Sent)))
		add("echo, p50 / p99 / longest", "%s / %s / %s", ms(l.At["50"]), ms(l.At["99"]), ms(l.Max))
	}
	if res.Publish == "" {
		return
	}
	d := r.Delivered
	if d == nil {
		d = &bench.Latency{At: map[string]int64{}}
	}
	due := max(r.Connections.Opened-r.Connections.Lost, 1)
	add("reached by one publish", "%s (%.3f %%)", page.Thousands(int(d.Count)), 100*float64(d.Count)/float64(due))
	add("until the first / median / last receiver has it", "%s / %s / %s", ms(d.Min), ms(d.At["50"]), ms(d.Max))
}

func ms(ns int64) string { return page.Number(float64(ns)/1e6) + " ms" }

// writeChecks tells what was not as it should be.
func (res *outcome) writeChecks(b *strings.Builder) {
	if res.Result == nil {
		return
	}
	var lines []string
	for _, c := range res.Result.Checks {
		if !c.OK {
			lines = append(lines, fmt.Sprintf("- %s: %s", c.Name, c.Detail))
		}
	}
	for what, n := range res.Result.Errors {
		lines = append(lines, fmt.Sprintf("- %d × %s", n, what))
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\nNot as it should be:\n\n%s\n", strings.Join(lines, "\n"))
	}
}

// newProgress tells every few seconds how the run gets on.
func newProgress(w io.Writer, conns int) func(bench.Sample, string) {
	var told time.Time
	last := ""
	return func(s bench.Sample, phase string) {
		if phase == "" || phase == last && time.Since(told) < 5*time.Second {
			return
		}
		told, last = time.Now(), phase
		if phase == "measuring" {
			phase = "holding"
		}
		fmt.Fprintf(w, "%4.0f s  %s  %s of %s connections, %s messages/s, %d errors\n",
			s.T, phase, page.Thousands(s.Connections), page.Thousands(conns), page.Number(s.Rate), s.Errors)
	}
}
