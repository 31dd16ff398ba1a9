package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/bench"
	"example.org/weir/bench/report"
)

// TestOutputs asks for all forms at once, of an open loop, which has most to show.
func TestOutputs(t *testing.T) {
	s := serve(t, echo)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	status, stdout, stderr := weirbench(t, "rate", "-rate", "500", "-conns", "2", "-duration", "400ms", "-warmup", "200ms", "-quiet",
		"-json", file("r.json"), "-csv", file("r.csv"), "-hdr", file("r.hdr"), "-html", file("r.html"), s.url)
	if stderr != "" || !strings.HasPrefix(stdout, "rate "+s.url+"\n") || !strings.Contains(stdout, "\n  corrected ") {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	res, err := report.ReadFile(file("r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if res.OK() != (status == exitOK) || res.Messages.Received == 0 || res.Latency == nil {
		t.Errorf("status %d, result %+v", status, res)
	}

	rows, err := csv.NewReader(bytes.NewReader(contents(t, file("r.csv")))).ReadAll()
	if err != nil || len(rows) != 1+len(res.Series) || len(rows) < 3 {
		t.Errorf("%d rows of %d samples (%v)", len(rows), len(res.Series), err)
	}

	h, err := hdrhistogram.NewHistogramLogReader(bytes.NewReader(contents(t, file("r.hdr")))).NextIntervalHistogram()
	if err != nil || h == nil || h.Tag() != "corrected" || h.TotalCount() != res.Latency.Count {
		t.Errorf("the log begins with %v (%v)", h, err)
	}

	if page := string(contents(t, file("r.html"))); strings.Count(page, "<svg") != 4 || !strings.Contains(page, "-rate 500 ") {
		t.Errorf("%d plots in a page of %d bytes", strings.Count(page, "<svg"), len(page))
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("files %v (%v)", entries, err)
	}
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStandardOutput holds that what is asked for takes the place of the table.
func TestStandardOutput(t *testing.T) {
	s := serve(t, echo)
	_, stdout, _ := weirbench(t, echoArgs(s.url, "-json", "-")...)
	var res bench.Result
	d := json.NewDecoder(strings.NewReader(stdout))
	if err := d.Decode(&res); err != nil || d.More() || res.Messages.Received == 0 {
		t.Errorf("%v, more: %v\n%s", err, d.More(), stdout)
	}
	for flag, prefix := range map[string]string{"-csv": "seconds,", "-hdr": "#[", "-html": "<!doctype html>"} {
		if _, stdout, _ := weirbench(t, echoArgs(s.url, flag, "-")...); !strings.HasPrefix(stdout, prefix) {
			t.Errorf("%s: %.100q", flag, stdout)
		}
	}
}

func TestCompare(t *testing.T) {
	s := serve(t, echo)
	dir := t.TempDir()
	old, page := filepath.Join(dir, "old.json"), filepath.Join(dir, "page.html")
	if status, stdout, stderr := weirbench(t, echoArgs(s.url, "-json", old)...); status != exitOK {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	_, stdout, stderr := weirbench(t, echoArgs(s.url, "-compare", old, "-depth", "3", "-html", page)...)
	table, comparison, found := strings.Cut(stdout, "\nCompared\n")
	if !found || !strings.HasPrefix(table, "echo ") || !strings.Contains(comparison, "  throughput ") ||
		!strings.Contains(comparison, "WARNING: -depth differs: 1 then, 3 now\n") {
		t.Errorf("%s%s", stdout, stderr)
	}
	if !bytes.Contains(contents(t, page), []byte("<h2>Compared</h2>")) {
		t.Error("the page has no comparison")
	}
}

// TestOneOutputFails holds that an output which cannot be written does not lose the others.
func TestOneOutputFails(t *testing.T) {
	const full = "/dev/full" // takes nothing, as a full disk does
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	s := serve(t, echo)
	dir := t.TempDir()
	json, page := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	status, stdout, stderr := weirbench(t, echoArgs(s.url, "-json", json, "-csv", full, "-html", page)...)
	if status != exitFailed || !strings.Contains(stderr, "weirbench: -csv: ") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if _, err := report.ReadFile(json); err != nil {
		t.Error(err)
	}
	if len(contents(t, page)) == 0 || !strings.HasPrefix(stdout, "echo ") {
		t.Errorf("page %d bytes, table %q", len(contents(t, page)), stdout)
	}
}

func TestProgress(t *testing.T) {
	s := serve(t, echo)
	_, _, stderr := weirbench(t, "echo", "-conns", "2", "-duration", "1100ms", "-warmup", "0", s.url)
	if !strings.Contains(stderr, "measuring ") || !strings.Contains(stderr, "/1.1 s  2 connections  ") || strings.ContainsAny(stderr, "\r\x1b") {
		t.Errorf("%q", stderr)
	}
	if _, _, stderr := weirbench(t, echoArgs(s.url, "-quiet")...); stderr != "" {
		t.Errorf("with -quiet: %q", stderr)
	}
}
