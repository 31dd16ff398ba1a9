package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench/peers"
)

// bin is the folder with the binaries.
var bin string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-million-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(peers.BuildWeir("..", dir), peers.BuildNATS("..", dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

// args are flags of a small run that writes into a folder.
func args(dir string, more ...string) []string {
	return append([]string{
		"-conns", "200", "-per-process", "100", "-ping", "500ms", "-echo-rate", "1000", "-no-build", "-bin", bin,
		"-out", filepath.Join(dir, "r.json"), "-plots", filepath.Join(dir, "plots"), "-into", filepath.Join(dir, "PAGE.md"),
	}, more...)
}

// leftOver are the processes that run a binary of the tests.
func leftOver(t *testing.T) (commands []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes, %v", err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.HasPrefix(b, []byte(bin)) {
			commands = append(commands, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return commands
}

// TestMillion runs two servers and two workers, from flags to a page. Every connection is held longer
// than servers wait for a sign of life.
func TestMillion(t *testing.T) {
	dir := t.TempDir()
	if err := runMillion(t.Context(), args(dir, "-periods", "3"), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	res, err := loadOutcome(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Plan; p.Servers != 2 || p.Workers != 2 {
		t.Errorf("plan %+v", p)
	}
	c, m := res.Result.Connections, res.Result.Messages
	if c.Opened != 200 || c.Failed != 0 || c.Lost != 0 || m.Sent != 200 || m.Received != 200 || !res.Result.OK() {
		t.Errorf("%+v, %+v, checks %v", c, m, res.Result.Checks)
	}
	var stages []string
	for _, r := range res.Readings {
		if r.Stage != "" {
			stages = append(stages, r.Stage)
		}
	}
	if got := strings.Join(stages, " "); got != "connect measure echo" {
		t.Errorf("stages %q", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "PAGE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!-- begin million -->", "| opened | 200 |", "| lost | 0 |", "| 200 of 200 |", "(plots/million-memory.svg)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if left := leftOver(t); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}

	again := filepath.Join(dir, "AGAIN.md")
	if err := runMillion(t.Context(), []string{"-render", filepath.Join(dir, "r.json"), "-plots", filepath.Join(dir, "plots"), "-into", again}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(again); err != nil || !bytes.Equal(b, text) {
		t.Errorf("rendered anew it is %v\n%s", err, b)
	}
}

// TestTopics has one message published over a NATS server reach all connections of two servers.
func TestTopics(t *testing.T) {
	dir := t.TempDir()
	if err := runMillion(t.Context(), args(dir, "-topics"), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	res, err := loadOutcome(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d := res.Result.Delivered; d == nil || d.Count != 200 || res.Result.Messages.Sent != 0 || !res.Result.OK() {
		t.Errorf("%+v, %+v, checks %v", d, res.Result.Messages, res.Result.Checks)
	}
	text, err := os.ReadFile(filepath.Join(dir, "PAGE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!-- begin million-topics -->", "| reached by one publish | 200 (100.000 %) |", "(plots/million-topics-memory.svg)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if left := leftOver(t); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// TestInterrupted holds that Ctrl-C leaves a page that says so, and no process.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	holding := writerFunc(func(p []byte) {
		if strings.Contains(string(p), "holding") {
			cancel()
		}
	})
	began := time.Now()
	err := runMillion(ctx, args(dir, "-periods", "1000"), io.Discard, holding)
	if err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("it took %v", d)
	}
	text, err := os.ReadFile(filepath.Join(dir, "PAGE.md"))
	if err != nil || !strings.Contains(string(text), "cut short") || !strings.Contains(string(text), "| opened | 200 |") {
		t.Errorf("%v, the page\n%s", err, text)
	}
	if left := leftOver(t); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// TestServerFails holds that servers which do not start end the run, and that nothing is left.
func TestServerFails(t *testing.T) {
	err := runMillion(t.Context(), args(t.TempDir(), "-server", "-app nothing"), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `unknown -app "nothing"`) {
		t.Errorf("%v, want the server's words", err)
	}
	if left := leftOver(t); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestBadUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":   {"-no-such-flag"},
		"stray argument": {"stray"},
		"no connection":  {"-conns", "0"},
		"no ping":        {"-ping", "0"},
		"two publishes":  {"-topics", "-publish", "true"},
		"too many":       {"-conns", "2000000000"},
		"no results":     {"-render", "no/such/file.json"},
	} {
		if err := runMillion(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
