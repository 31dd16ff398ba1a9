package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// tiny is a load that only shows that everything works.
var tiny = load{duration: 300 * time.Millisecond, warmup: 100 * time.Millisecond, together: 2 * time.Second}

// TestMeasure measures the two ends of the table, and one that has TLS, with a row of each kind.
func TestMeasure(t *testing.T) {
	chosen, err := peers.Find([]string{limitPeer, ownPeer, "weir-2-loops", "gws"})
	if err != nil {
		t.Fatal(err)
	}
	tiny := tiny
	if tiny.cert, tiny.key, err = peers.WriteCertificate(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	paced := latencyRow("latency/own", latency, "")
	paced.Conns, paced.Rate = 8, 500
	const declined = "flag provided but not defined: -tls-cert" // by a Weir without it
	for _, test := range []struct {
		row  row
		want []string
	}{
		{echoRow(128, 8, 2), []string{rate, cpu, core, steal, p50, p99}},
		{row{Name: "fanout", Kind: fanout, Conns: 8, Depth: 1, Size: 128, Processes: 1}, []string{rate, cpu, core, steal, last}},
		{row{Name: "churn", Kind: churn, Conns: 2, Size: 128, Processes: 1}, []string{rate, cpu, core, steal, p50, p99}},
		{row{Name: "idle", Kind: idle, Conns: 50, Processes: 2}, []string{memory, steal}},
		{deflated(echoRow(1024, 8, 1)), []string{rate, cpu, core, client, p50, p99}},
		{deflated(row{Name: "idle", Kind: idle, Conns: 50, Processes: 1}), []string{memory, steal}},
		{secured(echoRow(128, 8, 1)), []string{rate, cpu, core, p50, p99}},
		{paced, []string{rate, cpu, core, p50, p99, p999}},
	} {
		for _, p := range chosen {
			if !test.row.has(p) {
				continue
			}
			t.Run(test.row.Name+"/"+p.Name, func(t *testing.T) {
				if test.row.Rate == 0 { // who has to keep a pace is alone
					t.Parallel()
				}
				if why, ok := missing[p.Name]; ok {
					t.Skip(why)
				}
				x := here.measure(t.Context(), p, test.row, 1, tiny)
				if strings.Contains(x.Why, declined) {
					t.Skip(x.Why)
				}
				if x.Why != "" {
					t.Fatal(x.Why)
				}
				if _, ok := x.Figures[core]; p.BothCores {
					if ok {
						t.Error("the server's cores are the generator's, and there is a figure of them")
					}
					return
				}
				for _, f := range test.want {
					v, ok := x.Figures[f]
					if !ok || v < 0 || v == 0 && f != steal && f != memory {
						t.Errorf("%s is %v", f, v)
					}
				}
				if len(x.Servers) != test.row.Processes || len(x.Clients) != test.row.Processes {
					t.Errorf("%d servers and %d clients are noted, want %d", len(x.Servers), len(x.Clients), test.row.Processes)
				}
			})
		}
	}
}

// TestEvaluate holds what the figures are made of.
func TestEvaluate(t *testing.T) {
	u := usage{seconds: 2, busy: 1.5, stolen: 0.1, cpu: 0.5, growth: 90_000}
	res := func() *bench.Result {
		return &bench.Result{
			Connections: bench.Connections{Opened: 100},
			Messages:    bench.Messages{Rate: 50_000},
			Latency:     &bench.Latency{At: map[string]int64{"50": 1_500_000, "99": 4_000_000}},
			Generator:   bench.Generator{Bottleneck: true},
		}
	}
	heard := res()
	heard.Fanout = &bench.Fanout{Last: &bench.Latency{At: map[string]int64{"50": 7_000_000}}}
	silent := res()
	silent.Messages.Rate, silent.Latency = 0, nil
	for name, test := range map[string]struct {
		row   row
		parts []*bench.Result
		want  figures
	}{
		"echo":    {echoRow(1, 100, 1), []*bench.Result{res()}, figures{rate: 50_000, cpu: 5, core: 15, steal: 5, p50: 1.5, p99: 4}},
		"fanout":  {fanoutRow(100, 1), []*bench.Result{heard}, figures{rate: 50_000, cpu: 5, core: 15, steal: 5, p50: 1.5, p99: 4, last: 7}},
		"nothing": {echoRow(1, 100, 1), []*bench.Result{silent}, figures{rate: 0, steal: 5}},
		"idle":    {idleRow(200, 2), []*bench.Result{res(), res()}, figures{memory: 450, steal: 5}},
	} {
		got, bound := evaluate(test.row, u, test.parts)
		if bound != (test.row.Kind != idle) {
			t.Errorf("%s: the generator limited it: %v", name, bound)
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		for f, want := range test.want {
			if !near(got[f], want) {
				t.Errorf("%s: %s is %v, want %v", name, f, got[f], want)
			}
		}
	}
}

// TestFound holds what the figures of a search are.
func TestFound(t *testing.T) {
	res := &bench.Result{
		Messages: bench.Messages{Rate: 50_000},
		Latency:  &bench.Latency{At: map[string]int64{"50": 1_500_000, "99": 4_000_000}},
		Search:   []bench.Step{{OK: true}, {Why: "p99 is 20ms"}},
	}
	f, bound := found(res)
	if bound || f[rate] != 50_000 || f[p50] != 1.5 || f[p99] != 4 {
		t.Errorf("%v, the generator limited it: %v", f, bound)
	}
	res.Search[1].Why = "the generator could not send more"
	if _, bound := found(res); !bound {
		t.Error("it is not said that the generator limited it")
	}
}

// TestMeasureFails holds that a reason takes the place of figures.
func TestMeasureFails(t *testing.T) {
	chosen, err := peers.Find([]string{ownPeer})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("no server", func(t *testing.T) {
		nowhere := here
		nowhere.bin = t.TempDir()
		if x := nowhere.measure(t.Context(), chosen[0], echoRow(1, 1, 1), 1, tiny); !strings.Contains(x.Why, "weir") || x.Figures != nil {
			t.Errorf("%+v", x)
		}
	})
	t.Run("a generator that fails", func(t *testing.T) {
		x := here.measure(t.Context(), chosen[0], row{Kind: echo, Conns: 1, Depth: 1, Size: 1 << 40, Processes: 1}, 1, tiny)
		if !strings.Contains(x.Why, "size") || x.Figures != nil {
			t.Errorf("%+v, want the generator's words", x)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		stopped := errors.New("stopped by the test")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stopped)
		if x := here.measure(ctx, chosen[0], echoRow(1, 1, 1), 1, tiny); x.Why == "" || x.Figures != nil {
			t.Errorf("%+v", x)
		}
	})
}

// TestPerform holds that a run that fails does not end the others, and that what was measured is
// kept when it is interrupted.
func TestPerform(t *testing.T) {
	chosen, err := peers.Find([]string{"weir", "gws"})
	if err != nil {
		t.Fatal(err)
	}
	steps := schedule(chosen, []row{echoRow(1, 1, 1)}, 2)
	file := filepath.Join(t.TempDir(), "results.json")

	t.Run("all", func(t *testing.T) {
		res := &results{}
		measure := func(_ context.Context, s step) run {
			if s.peer.Name == "gws" {
				return run{Peer: "gws", Why: "it did not"}
			}
			return run{Peer: "weir", Round: s.round, Figures: figures{rate: 5}}
		}
		var out strings.Builder
		if err := perform(t.Context(), steps, measure, res, func() error { return res.save(file) }, &out); err != nil {
			t.Fatal(err)
		}
		got, err := loadResults(file)
		if err != nil || len(got.Runs) != 4 || !got.Complete || got.Runs[2].Figures[rate] != 5 || got.Runs[3].Why != "it did not" {
			t.Errorf("kept %+v, %v", got, err)
		}
		if n := strings.Count(out.String(), "\n"); n != 4 || !strings.Contains(out.String(), "it did not") {
			t.Errorf("progress:\n%s", out.String())
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		res := &results{}
		measure := func(_ context.Context, s step) run {
			if s.round == 2 {
				cancel()
			}
			return run{Peer: s.peer.Name, Round: s.round}
		}
		if err := perform(ctx, steps, measure, res, func() error { return res.save(file) }, io.Discard); err != nil {
			t.Fatal(err)
		}
		got, err := loadResults(file)
		if err != nil || len(got.Runs) != 2 || got.Complete {
			t.Errorf("kept %+v, %v; want the two runs before", got, err)
		}
	})
	t.Run("nowhere to keep them", func(t *testing.T) {
		full := errors.New("disk full")
		measured := 0
		measure := func(context.Context, step) run { measured++; return run{} }
		err := perform(t.Context(), steps, measure, &results{}, func() error { return full }, io.Discard)
		if !errors.Is(err, full) || measured != 1 {
			t.Errorf("%v after %d runs", err, measured)
		}
	})
}

// TestMatrix goes the whole way, from flags to a page.
func TestMatrix(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "PAGE.md")
	o := &options{
		place: here, load: tiny, rounds: 1, noBuild: true, now: time.Now(), given: []string{"test"},
		out: filepath.Join(dir, "r.json"), page: page, plots: filepath.Join(dir, "plots"),
		stdout: io.Discard, errs: io.Discard,
	}
	chosen, err := peers.Find([]string{ownPeer, "gorilla"})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.measureAll(t.Context(), chosen, []row{echoRow(16, 4, 1)}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{begin, "| gorilla | github.com/gorilla/websocket v1.5.3 |", "weirbench echo -conns 4", end} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	res, err := loadResults(o.out)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(res.Peers, []string{"weir", "gorilla"}) || len(res.Runs) != 2 || res.Runs[0].Why+res.Runs[1].Why != "" {
		t.Errorf("results %+v", res)
	}
}
