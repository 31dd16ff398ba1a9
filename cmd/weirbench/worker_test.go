package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/bench"
)

// tail is what is written, for another goroutine to look at.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// startWorker starts a worker, and returns its address and what it says.
func startWorker(t *testing.T, args ...string) (addr string, says *tail) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	says = &tail{}
	done := make(chan int)
	go func() {
		done <- run(ctx, append([]string{"worker", "-listen", "127.0.0.1:0"}, args...), says, says)
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != exitOK {
			t.Errorf("the worker's status is %d: %s", status, says)
		}
	})
	where := regexp.MustCompile(`waiting for runs on (\S+), from`)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if m := where.FindStringSubmatch(says.String()); m != nil {
			return m[1], says
		}
	}
	t.Fatalf("the worker does not listen: %s", says)
	return "", nil
}

func TestWorkers(t *testing.T) {
	s := serve(t, echo)
	t.Setenv(tokenVariable, "secret")
	a, says := startWorker(t)
	b, _ := startWorker(t, "-token", "secret")
	status, stdout, stderr := weirbench(t, echoArgs(s.url, "-workers", a+","+b, "-json", "-")...)
	var res bench.Result
	if err := json.Unmarshal([]byte(stdout), &res); err != nil || status != exitOK {
		t.Fatalf("status %d, %v\n%s%s", status, err, stdout, stderr)
	}
	if res.Connections.Opened != 2 || res.Generator.Loops != 2 || s.opened.Load() != 2 {
		t.Errorf("%+v, %+v, the server had %d", res.Connections, res.Generator, s.opened.Load())
	}
	if !strings.Contains(says.String(), "those who know the token, on this machine only") {
		t.Errorf("the worker does not say who can reach it: %s", says)
	}
	status, stdout, stderr = weirbench(t, echoArgs(s.url, "-workers", a, "-token", "guess")...)
	if status != exitFailed || stdout != "" || !strings.Contains(stderr, "wrong token") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

func TestWorkerUsage(t *testing.T) {
	t.Setenv(tokenVariable, "")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, exitOK, "Usage:\n  weirbench worker"},
		{[]string{"-frob"}, exitUsage, "-frob"},
		{[]string{"here"}, exitUsage, `"here"`},
		{[]string{"-listen", ":0"}, exitFailed, "set a token"},
		{[]string{"-listen", "0.0.0.0:0"}, exitFailed, "set a token"},
		{[]string{"-listen", "nonsense"}, exitFailed, "nonsense"},
	} {
		status, stdout, stderr := weirbench(t, append([]string{"worker"}, c.args...)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v: status %d, %s%s", c.args, status, stdout, stderr)
		}
	}
}

// TestScenarioFlags holds what flags mean that are more than a number.
func TestScenarioFlags(t *testing.T) {
	lines := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(lines, []byte("one\n\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(line string) (*flags, error) {
		args := strings.Fields(line)
		for _, s := range bench.Scenarios {
			if s.Name == args[0] {
				return parseFlags(s, args[1:], os.Stderr)
			}
		}
		panic(line)
	}
	const url = " ws://localhost:1/x"
	for line, ok := range map[string]func(o *bench.Options) bool{
		"echo":                       func(o *bench.Options) bool { return o.Conns == 100 && o.Depth == 1 && o.Warmup == time.Second },
		"echo -warmup 0":             func(o *bench.Options) bool { return o.Warmup < 0 },
		"echo -size 16:1,1KiB:2":     func(o *bench.Options) bool { return o.Size.String() == "16:1,1024:2" },
		"echo -source 127.0.0.0/8":   func(o *bench.Options) bool { return o.Source.String() == "127.0.0.0/8" },
		"echo -header A:b":           func(o *bench.Options) bool { return o.Fields[0].Name == "A" && o.Fields[0].Value == "b" },
		"echo -lines " + lines:       func(o *bench.Options) bool { return strings.Join(o.Lines, "|") == "one||three" },
		"search":                     func(o *bench.Options) bool { return o.SLO.String() == "p99=10ms" && o.Rate == 1000 },
		"search -slo p50=1s -rate 7": func(o *bench.Options) bool { return o.SLO.String() == "p50=1s" && o.Rate == 7 },
		"slow":                       func(o *bench.Options) bool { return o.Slow == 10 && o.Stuck == 10 },
		"slow -slow 0 -stuck 3":      func(o *bench.Options) bool { return o.Slow == -1 && o.Stuck == 3 },
		"fanout -publishers 3":       func(o *bench.Options) bool { return o.Publishers == 3 && o.Subscribers == 100 },
		"connect -deflate":           func(o *bench.Options) bool { return o.Deflate },
		"storm -pings 3s":            func(o *bench.Options) bool { return o.Pings == 3*time.Second },
		"rate -rate 5.5":             func(o *bench.Options) bool { return o.Rate == 5.5 },
	} {
		f, err := parse(line + url)
		if err != nil || !ok(&f.options) {
			t.Errorf("%s: %v, %+v", line, err, f)
		}
	}
	for _, scenario := range []string{"echo", "connect", "churn"} {
		if f, err := parse(scenario + " -raw tcp://localhost:1"); err != nil || !f.options.Raw {
			t.Errorf("%s -raw: %v", scenario, err)
		}
	}
	for _, line := range []string{
		"rate", "rate -rate 0", "echo -raw", "echo -rate 1", "fanout -lines " + lines, "search -slo x", "slow -slow -1", "slow -stuck 1x",
		"echo -source x", "echo -header x", "echo -lines /nonexistent", "search -spawn 2", "fanout -workers a:1", "echo -spawn -1", "echo -spawn 1 -workers a:1",
		"echo -ca /nonexistent", "connect -size 1",
	} {
		if f, err := parse(line + url); err == nil {
			t.Errorf("%s is accepted: %+v", line, f.options)
		}
	}
}

// TestUsages holds that each scenario has a help of its own, whose examples can be run as they stand.
func TestUsages(t *testing.T) {
	for _, s := range bench.Scenarios {
		text, ok := usages[s.Name]
		if !ok {
			t.Errorf("%s has no usage", s.Name)
		}
		examples := 0
		for line := range strings.Lines(text) {
			line = strings.ReplaceAll(strings.TrimSpace(line), "$(pgrep -x weir)", "1")
			args := strings.Fields(line)
			if len(args) < 2 || args[0] != "weirbench" {
				continue
			}
			examples++
			for i, a := range args { // what follows the URL explains
				if strings.Contains(a, "://") {
					args = args[:i+1]
					break
				}
			}
			if args[1] != s.Name {
				t.Errorf("%s: an example of %s", s.Name, args[1])
			}
			if strings.Contains(line, "messages.txt") {
				continue
			}
			if _, err := parseFlags(s, args[2:], os.Stderr); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if examples < 2 {
			t.Errorf("%s has %d examples", s.Name, examples)
		}
	}
}
