package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench"
)

// someOutcome is one with everything that a page can show.
func someOutcome() *outcome {
	const mib = 1 << 20
	return &outcome{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Command: []string{"go", "run", "./million"},
		Machine: bench.Machine{CPU: "Some CPU", Cores: 2, Kernel: "Linux 1", Go: "go1"},
		Plan:    plan{Conns: 1_048_576, Servers: 2, Workers: 2},
		Server:  []string{"weir", "-app", "echo"},
		Ping:    "1m0s", Publish: "true",
		Result: &bench.Result{
			Ended:       "complete",
			Connections: bench.Connections{Opened: 1_048_576, Failed: 1, Lost: 576},
			Messages:    bench.Messages{Sent: 1_048_000, Received: 1_047_999},
			Latency:     &bench.Latency{At: map[string]int64{"50": 1_500_000, "99": 4_000_000}, Max: 9_000_000},
			Delivered:   &bench.Latency{Count: 524_000, Min: 2_000_000, Max: 800_000_000, At: map[string]int64{"50": 300_000_000}},
			Checks:      []bench.Check{{Name: "fine", OK: true}, {Name: "echoed", Detail: "one short"}},
			Errors:      map[string]int{"gone": 577},
		},
		Readings: []reading{
			{T: 0, Servers: used{0, 20 * mib}},
			{T: 1, Stage: "connect", Servers: used{0, 20 * mib}, Workers: used{0, 40 * mib}, Slab: 100 * mib, TCP: 0, Available: 20_000 * mib},
			{T: 101, Stage: "measure", Conns: 1_048_576, Servers: used{60, 820 * mib}, Workers: used{70, 2040 * mib}, Unused: 50},
			{T: 151, Conns: 1_048_576, Servers: used{66, 820 * mib}, Workers: used{80, 2040 * mib}, Unused: 125},
			{T: 221, Stage: "echo", Conns: 1_048_000, Servers: used{72, 820 * mib}, Workers: used{94, 2040 * mib}, Slab: 6090 * mib, TCP: 10 * mib, Available: 10_000 * mib, Unused: 230},
			{T: 271, Stage: "end", Conns: 1_048_000, Servers: used{90, 820 * mib}, Workers: used{99, 2040 * mib}, Unused: 250},
		},
	}
}

func TestMarkdown(t *testing.T) {
	got := markdown(someOutcome(), "plots")
	for _, want := range []string{
		"Measured on 2026-01-02 03:04 UTC, on 2 cores of Some CPU, Linux 1, go1: 2 processes of Weir",
		"\n    go run ./million\n    # each server: weir -app echo\n",
		"| 1,048,576 connections |  |\n|---|--:|\n| opened | 1,048,576 |\n| attempts that failed | 1 |\n| lost | 576 |\n",
		"| seconds to open them | 100 (10,486 per second) |\n",
		"| bytes per connection, Weir, resident | 800 |\n| bytes per connection, generators, resident | 2,000 |\n" +
			"| bytes per connection, kernel, both ends | 6,000 |\n| bytes per connection, all that is no longer available | 10,000 |\n" +
			"| MiB of a process of Weir without connections | 10.0 |\n| GiB of Weir in all | 0.80 |\n",
		"| seconds held, with a ping every 1m0s | 120 |\n| CPU meanwhile, Weir | 10.0 % of a core |\n" +
			"| CPU meanwhile, generators | 20.0 % of a core |\n| CPU meanwhile, the whole machine | 50.0 % of a core |\n",
		"| echoes that came back as they were sent | 1,047,999 of 1,048,000 |\n| echo, p50 / p99 / longest | 1.50 ms / 4.00 ms / 9.00 ms |\n",
		"| reached by one publish | 524,000 (50.000 %) |\n| until the first / median / last receiver has it | 2.00 ms / 300 ms / 800 ms |\n",
		"Not as it should be:\n\n- echoed: one short\n- 577 × gone\n",
		"![Memory](plots/million-memory.svg)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks\n%s", want)
		}
	}
	if strings.Contains(got, "cut short") || t.Failed() {
		t.Errorf("the page is\n%s", got)
	}
	for name, change := range map[string]func(*outcome){
		"no result":   func(res *outcome) { res.Result = nil },
		"interrupted": func(res *outcome) { res.Result.Ended = "interrupted" },
		"early":       func(res *outcome) { res.Readings, res.Result = res.Readings[:2], nil },
		"nothing":     func(res *outcome) { res.Readings, res.Result = nil, nil },
	} {
		res := someOutcome()
		change(res)
		if text := markdown(res, "plots"); !strings.Contains(text, "cut short") || strings.Contains(text, "NaN") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

func TestPlots(t *testing.T) {
	files, err := plotAll(someOutcome())
	if err != nil || len(files) != 3 {
		t.Fatalf("%d plots, %v", len(files), err)
	}
	for name, svg := range files {
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	other := someOutcome()
	other.Readings[3].Servers.CPU++
	changed, err := plotAll(other)
	if err != nil || bytes.Equal(files["million-cpu.svg"], changed["million-cpu.svg"]) || !bytes.Equal(files["million-memory.svg"], changed["million-memory.svg"]) {
		t.Errorf("the plots do not depend on their own figures alone, %v", err)
	}
}
