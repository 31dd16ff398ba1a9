package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// startWorkers starts n workers on loopback, and returns their addresses.
func startWorkers(t *testing.T, n int, token string) (addrs []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, ln.Addr().String())
		all.Go(func() {
			if err := ServeWorker(ctx, ln, token, t.Logf); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	return addrs
}

func dialWorkers(t *testing.T, addrs []string, token string) []Worker {
	t.Helper()
	workers, err := DialWorkers(t.Context(), addrs, token)
	if err != nil {
		t.Fatal(err)
	}
	return workers
}

// TestWorkers holds that the load is shared, and the results are merged.
func TestWorkers(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	addrs := startWorkers(t, 3, "secret")
	for round := range 2 { // a worker does one run after the other
		srv.opened.Store(0)
		o := short(srv.url)
		o.Conns, o.Rate, o.Verify, o.PID = 10, 300, true, os.Getpid()
		o.Warmup, o.Duration = 50*time.Millisecond, []time.Duration{1100 * time.Millisecond, 200 * time.Millisecond}[round]
		samples := 0
		o.Progress = func(s Sample, phase string) {
			if samples++; phase == phaseMeasuring && s.Connections != 10 {
				t.Errorf("in %s: %+v", phase, s)
			}
		}
		res, err := RunOn(t.Context(), "rate", o, dialWorkers(t, addrs, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		if failed := failedChecks(res); failed != "" && failed != "rate" || res.Ended != "complete" {
			t.Errorf("ended %q, checks %+v, errors %v", res.Ended, res.Checks, res.Errors)
		}
		if res.Connections.Opened != 10 || srv.opened.Load() != 10 || res.Settings["conns"] != "10" || res.Settings["rate"] != "300" {
			t.Errorf("%+v, the server had %d, %v", res.Connections, srv.opened.Load(), res.Settings)
		}
		if m := res.Messages; m.Sent == 0 || float64(m.Sent) > 600*res.Seconds || uint64(res.Latency.Count) != m.Sent {
			t.Errorf("%+v in %v s, %d latencies", m, res.Seconds, res.Latency.Count)
		}
		if res.Generator.Loops != 3 || res.Server == nil || res.Server.PID != os.Getpid() || samples == 0 {
			t.Errorf("%+v, server %+v, %d samples", res.Generator, res.Server, samples)
		}
	}
}

// TestWorkersBeginTogether holds that no worker measures before all have connected.
func TestWorkersBeginTogether(t *testing.T) {
	t.Parallel()
	srv := &testServer{}
	first := int64(0)
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if srv.messages.Load() == 1 {
			first = srv.opened.Load()
		}
		echo(c, m)
	}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Ramp = 21, 50
	res, err := RunOn(t.Context(), "echo", o, dialWorkers(t, startWorkers(t, 2, ""), ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = srv.Close()
	wantChecks(t, res, "")
	if first != 21 {
		t.Errorf("there were %d connections at the first message, want all 21", first)
	}
}

func TestWorkersInterrupted(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Duration = 20 * time.Second
	ctx, cancel := contextUntil(t, func() bool { return srv.messages.Load() > 1000 })
	defer cancel()
	res, err := RunOn(ctx, "echo", o, dialWorkers(t, startWorkers(t, 2, ""), ""))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, res, "")
	if res.Ended != "interrupted" || res.Connections.Opened != 4 || res.Messages.Sent == 0 {
		t.Errorf("ended %q, %+v, %+v", res.Ended, res.Connections, res.Messages)
	}
}

// TestWorkerLost has a worker go in the middle of the run: the others end, and the result says so.
func TestWorkerLost(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	ours, theirs := net.Pipe()
	go func() { // one that comes as far as to measure
		d := json.NewDecoder(io.MultiReader(strings.NewReader(""), theirs))
		e := json.NewEncoder(theirs)
		_, _ = theirs.Read(make([]byte, 1)) // the token, which is empty
		var o order
		for _, stage := range []string{"", stageConnect, stageMeasure} {
			if stage != "" {
				_ = e.Encode(report{At: stage})
			}
			_ = d.Decode(&o)
		}
		for srv.messages.Load() < 100 {
			time.Sleep(time.Millisecond)
		}
		_ = theirs.Close()
	}()
	workers := append(dialWorkers(t, startWorkers(t, 2, ""), ""), Worker{Name: "mayfly", Conn: ours})
	o := short(srv.url)
	o.Conns, o.Duration = 6, time.Minute
	res, err := RunOn(t.Context(), "echo", o, workers)
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, res, "workers")
	if c := res.Checks[len(res.Checks)-1]; c.Detail != "worker mayfly: was lost: EOF" || res.Ended != "a worker was lost or has failed" || res.Connections.Opened != 4 || res.Seconds > 20 {
		t.Errorf("%+v, ended %q after %v s, %+v", c, res.Ended, res.Seconds, res.Connections)
	}
}

// TestWorkerFails has a worker refuse, for each reason there is.
func TestWorkerFails(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	good := startWorkers(t, 1, "secret")
	o := short(srv.url)
	if _, err := RunOn(t.Context(), "echo", o, dialWorkers(t, good, "guess")); err == nil || !strings.HasSuffix(err.Error(), ": wrong token") {
		t.Errorf("wrong token: %v", err)
	}
	if srv.opened.Load() != 0 {
		t.Error("a wrong token has opened connections")
	}
	o.Targets = []string{"ws://127.0.0.1:1/"}
	if _, err := RunOn(t.Context(), "echo", o, dialWorkers(t, good, "secret")); err == nil || !strings.Contains(err.Error(), "no connection could be opened") {
		t.Errorf("no server: %v", err)
	}
	if _, err := RunOn(t.Context(), "dance", short(srv.url), dialWorkers(t, good, "secret")); err == nil || !strings.Contains(err.Error(), `no scenario "dance"`) {
		t.Errorf("no scenario: %v", err)
	}
	if _, err := DialWorkers(t.Context(), append(good, "127.0.0.1:1"), ""); err == nil || !strings.Contains(err.Error(), "worker 127.0.0.1:1: ") {
		t.Errorf("no worker: %v", err)
	}

	// The second run finds the worker busy with the first.
	o = short(srv.url)
	o.Duration = 20 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := RunOn(ctx, "echo", o, dialWorkers(t, good, "secret")); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the first run", func() bool { return srv.messages.Load() > 0 })
	if _, err := RunOn(t.Context(), "echo", short(srv.url), dialWorkers(t, good, "secret")); err == nil || !strings.Contains(err.Error(), "another run is going on") {
		t.Errorf("busy: %v", err)
	}
	cancel()
	<-done
}

// TestWorkerGarbage sends a worker what is not from a coordinator; it goes on to serve others.
func TestWorkerGarbage(t *testing.T) {
	t.Parallel()
	addrs := startWorkers(t, 1, "")
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\n{", "\nnull\n", "\n{\"scenario\":\"echo\"}\n", strings.Repeat("x", 1<<20), ""} {
		c, err := net.Dial("tcp", addrs[0])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, garbage)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		answer, err := io.ReadAll(c)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%.20q: the worker holds on", garbage)
		}
		if bytes.Contains(answer, []byte(`"at"`)) {
			t.Errorf("%.20q: the worker has begun: %s", garbage, answer)
		}
		_ = c.Close()
	}
	srv := new(testServer).start(t)
	res, err := RunOn(t.Context(), "echo", short(srv.url), dialWorkers(t, addrs, ""))
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, res, "")
}

// TestCoordinatorGone holds that a worker ends its run when the coordinator goes.
func TestCoordinatorGone(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	addrs := startWorkers(t, 1, "")
	c, err := net.Dial("tcp", addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "\n{\"scenario\":\"echo\",\"options\":{\"Targets\":[%q],\"Duration\":60000000000}}\n{\"go\":\"connect\"}\n{\"go\":\"measure\"}\n", srv.url)
	eventually(t, "the run", func() bool { return srv.messages.Load() > 0 })
	_ = c.Close()
	eventually(t, "the end", func() bool { return srv.closed.Load() == srv.opened.Load() })
}

// TestSpawn runs on processes of this test binary, which TestMain makes workers.
func TestSpawn(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	workers, err := SpawnWorkers(2, func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "WEIRBENCH_TEST_WORKER=1")
		cmd.Stderr = os.Stderr
		return cmd
	})
	if err != nil {
		t.Fatal(err)
	}
	o := short(srv.url)
	o.Conns = 5
	res, err := RunOn(t.Context(), "echo", o, workers)
	if err != nil {
		t.Fatal(err)
	}
	wantChecks(t, res, "")
	if res.Connections.Opened != 5 || srv.opened.Load() != 5 {
		t.Errorf("%+v, the server had %d", res.Connections, srv.opened.Load())
	}
	for _, w := range workers {
		if s := w.Conn.(*process).cmd.ProcessState; s == nil || !s.Success() {
			t.Errorf("worker %s: %v", w.Name, s)
		}
	}
	if _, err := SpawnWorkers(1, func() *exec.Cmd { return exec.Command("/nonexistent") }); err == nil {
		t.Error("a worker that cannot be started is no error")
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	o := Options{Targets: []string{"ws://x"}, Conns: 10, Rate: 100, Ramp: 50, Slow: 2, Stuck: -1, PID: 7, Seed: 3}
	parts, err := share("slow", o, 4)
	if err != nil {
		t.Fatal(err)
	}
	rate, ramp := 0.0, 0.0
	var conns, slow, stuck, pids, workers []int
	for _, p := range parts {
		if err := p.Normalize(); err != nil {
			t.Fatal(err)
		}
		rate += p.Rate
		ramp += p.Ramp
		conns, slow, stuck = append(conns, p.Conns), append(slow, p.Slow), append(stuck, p.Stuck)
		pids, workers = append(pids, p.PID), append(workers, p.Worker)
		if p.Rate != 10*float64(p.Conns) || p.Seed != 3 {
			t.Errorf("%+v", p)
		}
	}
	got := fmt.Sprint(rate, ramp, conns, slow, stuck, pids, workers)
	if want := "100 50 [3 3 2 2] [1 1 -1 -1] [-1 -1 -1 -1] [7 0 0 0] [0 1 2 3]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for scenario, n := range map[string]int{"search": 1, "fanout": 1, "echo": 11} {
		if _, err := share(scenario, o, n); err == nil {
			t.Errorf("%s is shared among %d", scenario, n)
		}
	}
}
