package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.org/weir/bench"
)

// fact is a line of a report.
type fact struct{ Name, Text string }

// grid is a table of a report.
type grid struct {
	Name  string
	Align string     // of each column: l or r
	Head  []string   // the names of the columns; nil for none
	Rows  [][]string // as many cells each as Align has letters
	Notes []string   // warnings of what it shows
}

// title says what was run.
func title(r *bench.Result) string {
	return strings.Join(append([]string{r.Scenario}, r.Targets...), " ")
}

// facts are what there is to say of r in a line each. What the run does not have is left out.
func facts(r *bench.Result) []fact {
	var all []fact
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		all = append(all, fact{name, strings.Join(parts, "; ")})
	}
	add("Run", fmt.Sprintf("%s, %s measured", r.Ended, duration(1e9*r.Seconds)), r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	if len(r.Settings) > 0 {
		add("Settings", command(r.Settings))
	}
	if m := r.Machine; m.Cores > 0 {
		add("Machine", fmt.Sprintf("%s, %s, %s, %s", m.CPU, plural(m.Cores, "core"), m.Kernel, m.Go))
	}
	c := r.Connections
	add("Connections", fmt.Sprintf("%s of %s opened, %s", count(c.Opened), count(c.Wanted), perSecond(c.Rate)),
		fmt.Sprintf("%s failed, %s lost", count(c.Failed), count(c.Lost)))
	if x := r.Messages; x.Sent > 0 || x.Received > 0 {
		add("Messages", fmt.Sprintf("%s sent, %s %s", count(x.Sent), count(x.Received), received(r.Scenario)))
		if r.Scenario == "search" {
			add("Highest rate", perSecond(x.Rate))
		} else {
			add("Throughput", perSecond(x.Rate), bytesPerSecond(r))
		}
	}
	if f := r.Fanout; f != nil {
		add("Fan-out", fmt.Sprintf("%s publishes to %s receivers", count(f.Publishes), count(f.Receivers)),
			fmt.Sprintf("%s deliveries, %s", count(f.Deliveries), perSecond(f.Rate)), percent(f.Reach)+" of those due")
	}
	if v := r.Verify; v != nil {
		add("Verify", fmt.Sprintf("%s lost, %s duplicated, %s reordered, %s corrupted",
			count(v.Lost), count(v.Duplicated), count(v.Reordered), count(v.Corrupted)))
	}
	if p := r.Server; p != nil {
		memory := fmt.Sprintf("RSS %s → %s", size(float64(p.RSSBefore)), size(float64(p.RSSAfter)))
		if remain(r) {
			memory += ", " + size(p.PerConnection) + " per connection"
		}
		add("Server", perMessage(r, p.PerMessage), cores(p.CPUSeconds, r.Seconds), memory)
	}
	g := r.Generator
	add("Generator", perMessage(r, g.PerMessage), cores(g.CPUSeconds, r.Seconds),
		fmt.Sprintf("%s, the busiest at %.0f %% of a core", plural(g.Loops, "loop"), g.Busiest))
	return all
}

// remain reports whether the connections of r were all open at its end, as memory per connection
// supposes. Those of churn and storm come and go.
func remain(r *bench.Result) bool { return r.Scenario != "churn" && r.Scenario != "storm" }

// warnings are what the reader must know before believing r.
func warnings(r *bench.Result) []string {
	w := slices.Clone(r.Warnings)
	said := slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "bottleneck") })
	if r.Generator.Bottleneck && !said {
		w = append([]string{"the generator itself was the bottleneck"}, w...)
	}
	if r.Ended != "complete" {
		w = append([]string{"the run ended early: " + r.Ended}, w...)
	}
	return w
}

// command writes settings as the flags that they were.
func command(settings map[string]string) string {
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if v := settings[name]; v == "true" {
			flags = append(flags, "-"+name)
		} else {
			flags = append(flags, "-"+name+" "+v)
		}
	}
	return strings.Join(flags, " ")
}

// received names what the messages of a scenario that came back are.
func received(scenario string) string {
	switch scenario {
	case "churn":
		return "cycles"
	case "fanout":
		return "delivered"
	}
	return "received"
}

// plurals names the messages of a scenario.
func plurals(scenario string) string {
	switch scenario {
	case "churn":
		return "Cycles"
	case "fanout":
		return "Deliveries"
	}
	return "Messages"
}

// bytesPerSecond says how much payload came in and went out.
func bytesPerSecond(r *bench.Result) string {
	var parts []string
	add := func(bytes uint64, way string) {
		if bytes > 0 && r.Seconds > 0 {
			parts = append(parts, size(float64(bytes)/r.Seconds)+"/s "+way)
		}
	}
	add(r.Messages.BytesIn, "in")
	add(r.Messages.BytesOut, "out")
	return strings.Join(parts, ", ")
}

// perMessage writes microseconds of CPU per message, if there were messages.
func perMessage(r *bench.Result, us float64) string {
	if r.Messages.Received == 0 {
		return ""
	}
	return duration(1000*us) + " CPU per message"
}

// cores says how many cores were busy on average.
func cores(cpu, seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f cores", cpu/seconds)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}
