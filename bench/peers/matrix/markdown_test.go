package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// someResults are results with everything that a page can show.
func someResults() *results {
	one, two, heard, held := echoRow(16, 1000, 1), echoRow(128, 1000, 1), fanoutRow(1000, 1), idleRow(10_000, 1)
	command := func(name string) [][]string { return [][]string{{name, "-x"}} }
	return &results{
		Started:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Complete: true,
		Command:  []string{"go", "run", "./matrix", "-quick"},
		Machine:  bench.Machine{CPU: "Some CPU", Cores: 2, Kernel: "Linux 1", Go: "go1"},
		Rounds:   2,
		Duration: "1s",
		Warmup:   "100ms",
		Peers:    []string{"limit", "weir", "bun", "gws"},
		Versions: map[string]string{"limit": "cc 1", "weir": "weir 2", "gws": "gws 3"},
		Missing:  map[string]string{"bun": "not\ninstalled"},
		Rows:     []row{one, two, heard, held},
		Runs: []run{
			{Peer: "limit", Row: one.Name, Round: 1, Servers: command("limit"), Clients: command("weirbench"), Figures: figures{rate: 1000, cpu: 4, core: 5, p50: 1, p99: 2}},
			{Peer: "limit", Row: one.Name, Round: 2, Servers: command("limit"), Clients: command("weirbench"), Figures: figures{rate: 3000, cpu: 6, core: 7, p50: 2, p99: 4}},
			{Peer: "weir", Row: one.Name, Round: 1, Servers: command("weir"), Clients: command("weirbench"), Figures: figures{rate: 500, cpu: 7, core: 12, p50: 1, p99: 2}, GeneratorBound: true},
			{Peer: "gws", Row: one.Name, Round: 1, Servers: command("gws"), Clients: command("weirbench"), Figures: figures{rate: 250, cpu: 14, core: 18, p50: 1, p99: 2}},
			{Peer: "weir", Row: heard.Name, Round: 1, Figures: figures{rate: 100, cpu: 9, core: 10, last: 0.5}},
			{Peer: "gws", Row: heard.Name, Round: 1, Why: "reach:\n1 of 2"},
			{Peer: "weir", Row: held.Name, Round: 1, Figures: figures{memory: 512}},
		},
	}
}

func TestMarkdown(t *testing.T) {
	got := markdown(someResults(), "plots")
	for _, want := range []string{
		"Measured on 2026-01-02 03:04 UTC, on 2 cores of Some CPU, Linux 1, go1. Rounds of each row: 2, interleaved over the peers; 1s each after 100ms of warm-up.",
		"\n    go run ./matrix -quick\n",
		"| peer | version |\n|---|---|\n| limit | cc 1 |\n| weir | weir 2 |\n| gws | gws 3 |\n",
		// An overview: medians, and how many times Weir's.
		"#### Echo, 1,000 connections, 1 in flight on each",
		"| peer | 16 B |\n|---|--:|\n| limit | 6.00 (0.50×) |\n| weir | 12.0 |\n| gws | 18.0 (1.50×) |\n",
		"![Echo, 1,000 connections, 1 in flight on each](plots/echo-1000-depth-1.svg)",
		"| peer | 10,000 connections |\n|---|--:|\n| weir | 512 |\n",
		// The figures of a row.
		"**1,000 connections, 1 in flight** (`echo/16B/1000x1`)",
		"| peer | messages/s | CPU µs | core µs | p50 ms | p99 ms | × limit | × Weir | spread |\n",
		"| limit | 2,000 | 5.00 | 6.00 | 1.50 | 3.00 | 1.00× | 0.50× | 33 % |\n",
		"| weir | 500† | 7.00 | 12.0 | 1.00 | 2.00 | 2.00× | 1.00× | – |\n",
		"| gws | 250 | 14.0 | 18.0 | 1.00 | 2.00 | 3.00× | 1.50× | – |\n",
		"| weir | 100 | 9.00 | 10.0 | 0.500 | – | 1.00× | – |\n| gws | – | – | – | – | – | – | – |\n",
		"| peer | resident bytes per connection | × limit | × Weir | spread |\n|---|--:|--:|--:|--:|\n| weir | 512 | – | 1.00× | – |\n",
		// The commands of the first rounds, and the reasons.
		"    # echo/16B/1000x1, limit\n    limit -x\n    weirbench -x\n",
		"Without figures (–):\n\n- bun: not installed\n- gws, `fanout/1000`, round 1: reach: 1 of 2\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks\n%s", want)
		}
	}
	for _, unwanted := range []string{"echo/128B", "interrupted", "NaN", "Inf"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	if n := strings.Count(got, "limit -x"); n != 1 {
		t.Errorf("the commands of limit are there %d times, want those of the first round", n)
	}
	if t.Failed() {
		t.Logf("the page is\n%s", got)
	}

	partial := someResults()
	partial.Complete = false
	if !strings.Contains(markdown(partial, "plots"), "interrupted") {
		t.Error("the page does not say that the run was interrupted")
	}
}

// TestPlots holds that each chart is a well-formed SVG, that it has the colours of those peers that it
// has figures of, and that it is always the same.
func TestPlots(t *testing.T) {
	files, err := plotAll(someResults())
	if err != nil {
		t.Fatal(err)
	}
	again, err := plotAll(someResults())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 {
		t.Errorf("%d plots, want those of echo, fan-out and idle connections", len(files))
	}
	for name, svg := range files {
		if !bytes.Equal(svg, again[name]) {
			t.Errorf("%s is another the second time", name)
		}
		if !strings.Contains(elements(t, svg), "weir") {
			t.Errorf("%s does not name Weir", name)
		}
	}
	heard := string(files["fanout.svg"])
	if !strings.Contains(heard, colour("weir")) || strings.Contains(heard, colour("gws")) || strings.Contains(heard, colour("bun")) {
		t.Error("fanout.svg has not the colour of Weir alone, which alone has a figure")
	}
	other := someResults()
	other.Runs[2].Figures[core]++
	changed, err := plotAll(other)
	if err != nil {
		t.Fatal(err)
	}
	const echo = "echo-1000-depth-1.svg"
	if bytes.Equal(files[echo], changed[echo]) || !bytes.Equal(files["fanout.svg"], changed["fanout.svg"]) {
		t.Error("the plots do not depend on their own figures alone")
	}
	if text := elements(t, files[echo]); !strings.Contains(text, "16 B") || strings.Contains(text, "128 B") {
		t.Error("the rows of the echo plot are not those that were measured")
	}
}

// colour is that of a peer, as it is written in SVG.
func colour(peer string) string {
	c := colours[peer]
	return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B)
}

func TestColours(t *testing.T) {
	used := map[string]string{"#000000": "none"}
	for _, p := range peers.All {
		c := colour(p.Name)
		if other, ok := used[c]; ok {
			t.Errorf("the colour of %s is that of %s", p.Name, other)
		}
		used[c] = p.Name
	}
}

// elements checks that a document is well-formed and returns its text.
func elements(t *testing.T, document []byte) string {
	t.Helper()
	var text strings.Builder
	for d := xml.NewDecoder(bytes.NewReader(document)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok {
			text.Write(c)
		}
	}
}
