package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench/peers"
)

// here is where the tests run servers: on the cores that there are.
var (
	here    place
	missing peers.Missing
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-matrix-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if missing, err = peers.Build("..", dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	here = place{bin: dir, serverCore: 0, clientCore: 0}
	return m.Run()
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	err := runMatrix(t.Context(), []string{"-list", "-peers", "gws,weir", "-rows", "^idle/10000$"}, &out, io.Discard)
	want := "Peers:\n  weir\n  gws\nRows:\n  idle/10000         Idle connections: 10,000 connections\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}

func TestBadUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":   {"-no-such-flag"},
		"unknown peer":   {"-list", "-peers", "nobody"},
		"no such row":    {"-list", "-rows", "nothing"},
		"bad pattern":    {"-list", "-rows", "("},
		"stray argument": {"-list", "stray"},
		"no round":       {"-list", "-rounds", "0"},
		"one core":       {"-list", "-server-core", "1", "-client-core", "1"},
		"no such core":   {"-list", "-client-core", "9999"},
		"no results":     {"-render", "no/such/file.json"},
	} {
		var out bytes.Buffer
		if err := runMatrix(t.Context(), args, &out, io.Discard); err == nil {
			t.Errorf("%s: no error, and %q", name, out.String())
		}
	}
	if err := runMatrix(t.Context(), []string{"-h"}, io.Discard, io.Discard); err != flag.ErrHelp {
		t.Errorf("-h: %v", err)
	}
}

func TestQuick(t *testing.T) {
	o, err := parse([]string{"-quick", "-warmup", "3s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.rounds != 1 || o.duration != 2*time.Second || o.warmup != 3*time.Second {
		t.Errorf("%d rounds of %v after %v, want 1 of 2s, and the warm-up as given", o.rounds, o.duration, o.warmup)
	}
	// Half a second to start, a second to connect and another to end, on top of what is measured.
	each := 500*time.Millisecond + o.duration + 2500*time.Millisecond
	if all := time.Duration(len(schedule(peers.Default(), quickRows(), 1))) * each; all > 5*time.Minute {
		t.Errorf("it takes %v, want five minutes at most", all)
	}
}

// The markers of a page.
const begin, end = "<!-- begin peers -->", "<!-- end peers -->"

// TestRender holds that a page is written from results that were kept, with its plots.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	kept, page, plots := filepath.Join(dir, "a", "r.json"), filepath.Join(dir, "PAGE.md"), filepath.Join(dir, "b", "plots")
	if err := someResults().save(kept); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, []byte("# Before\n\n"+begin+"\nold\n"+end+"\nAfter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		err := runMatrix(t.Context(), []string{"-render", kept, "-into", page, "-plots", plots}, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		want := "# Before\n\n" + begin + "\n" + strings.TrimSpace(markdown(someResults(), "b/plots")) + "\n" + end + "\nAfter\n"
		if string(got) != want {
			t.Errorf("page\n%s\nwant\n%s", got, want)
		}
	}
	for _, c := range charts(someResults()) {
		if !strings.Contains(markdown(someResults(), "b/plots"), "(b/plots/"+c.name+".svg)") {
			t.Errorf("the page does not show %s", c.name)
		}
		if _, err := os.Stat(filepath.Join(plots, c.name+".svg")); err != nil {
			t.Error(err)
		}
	}
}
