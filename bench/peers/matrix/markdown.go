package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/weir/bench/peers/page"
)

// markdown renders results. Plots are referred to in the folder plots, which is relative to the page.
// It depends on nothing else, so that the same results always give the same page.
func markdown(res *results, plots string) string {
	var b strings.Builder
	writeCircumstances(&b, res)
	for _, c := range charts(res) {
		fmt.Fprintf(&b, "\n#### %s\n\nMedian; %s, and in parentheses how many times Weir's.\n\n", c.title, c.unit)
		overview(res, c.rows).Write(&b)
		fmt.Fprintf(&b, "\n![%s](%s)\n", c.title, path.Join(plots, c.name+".svg"))
	}
	writeGoals(&b, res)
	writeDetails(&b, res)
	writeCommands(&b, res)
	writeReasons(&b, res)
	return b.String()
}

// featuresPage has no charts: each of its rows is about something else.
func featuresPage(res *results, _ string) string {
	var b strings.Builder
	writeCircumstances(&b, res)
	writeDetails(&b, res)
	writeReasons(&b, res)
	return b.String()
}

func writeCircumstances(b *strings.Builder, res *results) {
	m := res.Machine
	fmt.Fprintf(b, "Measured on %s, on %d cores of %s, %s, %s. ",
		res.Started.UTC().Format("2006-01-02 15:04 UTC"), m.Cores, m.CPU, m.Kernel, m.Go)
	fmt.Fprintf(b, "Rounds of each row: %d, interleaved over the peers; %s each after %s of warm-up. ",
		res.Rounds, res.Duration, res.Warmup)
	b.WriteString("The server has one core to itself and the generator another, unless it says otherwise.")
	if !res.Complete {
		b.WriteString(" **The run was interrupted: rows and rounds are missing.**")
	}
	fmt.Fprintf(b, "\n\n    %s\n\n", strings.Join(res.Command, " "))
	versions := page.Table{Words: true, Head: []string{"peer", "version"}}
	for _, p := range res.Peers {
		if v, ok := res.Versions[p]; ok {
			versions.Body = append(versions.Body, []string{p, v})
		}
	}
	versions.Write(b)
}

// writeDetails writes a table for each row, under the heading of its group.
func writeDetails(b *strings.Builder, res *results) {
	b.WriteString("\n#### All figures\n\n" +
		"Medians of the rounds. CPU µs: what the server's process used per message. Core µs: what its core was\n" +
		"busy per message, interrupts included. × limit, × Weir and spread ((max − min) / median) are of the core\n" +
		"µs, or of the bytes. †: the generator was what limited the rate, so that the server could do more.\n")
	var groups []string
	for _, r := range res.Rows {
		if !slices.Contains(groups, r.Group) {
			groups = append(groups, r.Group)
		}
	}
	for _, g := range groups {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", g)
		for _, r := range res.Rows {
			if t := rowTable(res, r); r.Group == g && len(t.Body) > 0 {
				fmt.Fprintf(b, "\n**%s** (`%s`)\n\n", r.Title, r.Name)
				t.Write(b)
			}
		}
		b.WriteString("\n</details>\n")
	}
}

// writeCommands writes the command lines of the first round of each row and peer.
func writeCommands(b *strings.Builder, res *results) {
	b.WriteString("\n<details><summary>Exact commands</summary>\n\n")
	for _, x := range res.Runs {
		if x.Round != 1 || len(x.Servers) == 0 {
			continue
		}
		fmt.Fprintf(b, "    # %s, %s\n", x.Row, x.Peer)
		for _, args := range append(slices.Clone(x.Servers), x.Clients...) {
			fmt.Fprintf(b, "    %s\n", strings.Join(args, " "))
		}
	}
	b.WriteString("\n</details>\n")
}

// writeReasons says why figures are missing.
func writeReasons(b *strings.Builder, res *results) {
	var lines []string
	for _, p := range res.Peers {
		if why, ok := res.Missing[p]; ok {
			lines = append(lines, fmt.Sprintf("- %s: %s", p, oneLine(why)))
		}
	}
	for _, x := range res.Runs {
		if x.Why != "" {
			lines = append(lines, fmt.Sprintf("- %s, `%s`, round %d: %s", x.Peer, x.Row, x.Round, oneLine(x.Why)))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\nWithout figures (%s):\n\n%s\n", page.Nothing, strings.Join(lines, "\n"))
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
