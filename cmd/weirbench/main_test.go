package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"example.org/weir/bench"
	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// short are flags of a run that is over soon.
var short = []string{"-conns", "2", "-duration", "400ms", "-warmup", "0"}

// echoArgs is a command line of a short run of echo.
func echoArgs(url string, more ...string) []string {
	args := append([]string{"echo"}, short...)
	return append(append(args, more...), url)
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"-help"}, {"--help"}, {"help"}} {
		status, stdout, stderr := weirbench(t, args...)
		if status != exitOK || stderr != "" {
			t.Errorf("%v: status %d, %q", args, status, stderr)
		}
		for _, s := range bench.Scenarios {
			if !strings.Contains(stdout, "\n  "+s.Name+" ") {
				t.Errorf("%v does not list %s", args, s.Name)
			}
		}
	}
	for _, s := range bench.Scenarios {
		status, stdout, stderr := weirbench(t, s.Name, "-h")
		if status != exitOK || stderr != "" {
			t.Errorf("%s -h: status %d, %q", s.Name, status, stderr)
		}
		for _, want := range []string{
			"weirbench " + s.Name + ": " + s.Summary, "Usage:\n",
			"  -conns ", "  -quiet\n", "  -json file\n", "  -csv file\n", "  -hdr file\n", "  -html file\n", "  -compare file\n",
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s -h lacks %q", s.Name, want)
			}
		}
	}
}

// TestUsage holds that what is wrong with a command line is told before anything is done.
func TestUsage(t *testing.T) {
	s := serve(t, echo)
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "such")
	for _, c := range []struct {
		args []string
		want string // on standard error
	}{
		{nil, "Usage:"},
		{[]string{"frob"}, `there is no "frob"`},
		{[]string{"echo"}, "no target"},
		{[]string{"echo", "-frob", s.url}, "-frob"},
		{echoArgs("http://localhost"), "bad target"},
		{echoArgs(s.url, "-size", "x"), "x"},
		{echoArgs(s.url, "-json", missing), "-json: "},
		{echoArgs(s.url, "-csv", missing), "-csv: "},
		{echoArgs(s.url, "-hdr", missing), "-hdr: "},
		{echoArgs(s.url, "-html", dir), "-html: " + dir + " is a directory"},
		{echoArgs(s.url, "-json", dir+"/x", "-csv", dir+"/x"), "-json and -csv would both be written to"},
		{echoArgs(s.url, "-json", "-", "-html", "-"), "-json and -html would both be written to"},
		{echoArgs(s.url, "-compare", missing), "-compare: "},
		{echoArgs(s.url, "-compare", "main_test.go"), "-compare: main_test.go: not a result"},
		{echoArgs(s.url, "-compare", "main_test.go", "-json", "-"), "-compare writes below the table"},
	} {
		status, stdout, stderr := weirbench(t, c.args...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, output %q, errors %q, want %q", c.args, status, stdout, stderr, c.want)
		}
	}
	if n := s.opened.Load(); n != 0 {
		t.Errorf("%d connections were opened nevertheless", n)
	}
}

func TestExitStatus(t *testing.T) {
	good := serve(t, echo)
	rude := serve(t, func(c *reactor.Conn, _ codec.Message) { _ = c.Close(codec.CloseGoingAway, "") })
	for _, c := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"all well", echoArgs(good.url, "-verify"), exitOK, "  OK  verify ", " connections  "},
		{"a check is not met", echoArgs(rude.url), exitFailed, "  FAILED  connections  2 opened, 0 failed, 2 lost", " connections  "},
		{"the run fails", echoArgs("ws://127.0.0.1:1"), exitFailed, "", "weirbench: no connection could be opened"},
	} {
		status, stdout, stderr := weirbench(t, c.args...)
		if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: status %d, want %d\n%s%s", c.name, status, c.status, stdout, stderr)
		}
		if c.stdout == "" && stdout != "" {
			t.Errorf("%s: %q", c.name, stdout)
		}
	}
}

// TestInterrupt holds that a run which is ended early still has its report.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := serve(t, func(c *reactor.Conn, m codec.Message) {
		echo(c, m)
		cancel()
	})
	status, stdout, _ := weirbenchContext(ctx, "echo", "-conns", "1", "-duration", "1h", "-warmup", "0", s.url)
	if status != exitOK || !strings.Contains(stdout, "interrupted") {
		t.Errorf("status %d\n%s", status, stdout)
	}
}
