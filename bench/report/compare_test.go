package report

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"example.org/weir/bench"
)

func change(t *testing.T, c *Comparison, name string) Change {
	t.Helper()
	i := slices.IndexFunc(c.Changes, func(x Change) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("%q is not compared: %+v", name, c.Changes)
	}
	return c.Changes[i]
}

func TestCompare(t *testing.T) {
	const same = "same within 5 %"
	for _, c := range []struct {
		name    string
		change  func(now *bench.Result)
		ratio   float64
		verdict string
	}{
		{"throughput", func(r *bench.Result) {}, 1, same},
		{"throughput", func(r *bench.Result) { r.Messages.Rate *= 1.04 }, 1.04, same},
		{"throughput", func(r *bench.Result) { r.Messages.Rate *= 1.5 }, 1.5, "better"},
		{"throughput", func(r *bench.Result) { r.Messages.Rate *= 0.9 }, 0.9, "worse"},
		{"message p99.9", func(r *bench.Result) { r.Latency.At["99.9"] *= 2 }, 2, "worse"},
		{"message p50", func(r *bench.Result) { r.Latency.At["50"] /= 2 }, 0.5, "better"},
		{"connect p90", func(r *bench.Result) { r.Connect.At["90"] *= 3 }, 3, "worse"},
		{"server CPU per message", func(r *bench.Result) { r.Server.PerMessage /= 4 }, 0.25, "better"},
		{"server memory per connection", func(r *bench.Result) { r.Server.PerConnection *= 2 }, 2, "worse"},
		{"errors", func(r *bench.Result) {}, math.NaN(), same},
		{"errors", func(r *bench.Result) { r.Errors = map[string]int{"x": 1} }, math.NaN(), "worse"},
	} {
		now := fixture(t, "echo")
		c.change(now)
		got := change(t, Compare(fixture(t, "echo"), now), c.name)
		if got.Verdict != c.verdict || math.Abs(got.Ratio-c.ratio) > 0.01 || math.IsNaN(got.Ratio) != math.IsNaN(c.ratio) {
			t.Errorf("%+v, want ratio %v, %s", got, c.ratio, c.verdict)
		}
	}
	c := Compare(fixture(t, "slow"), fixture(t, "slow"))
	if x := change(t, c, "errors"); x.Ratio != 1 || x.Verdict != same {
		t.Errorf("%+v", x)
	}
}

// TestCompareLeavesOut holds that nothing is compared that only one result has.
func TestCompareLeavesOut(t *testing.T) {
	now := fixture(t, "echo")
	now.Server, now.Connect = nil, nil
	for _, x := range Compare(fixture(t, "echo"), now).Changes {
		if strings.HasPrefix(x.Name, "server") || strings.HasPrefix(x.Name, "connect ") {
			t.Errorf("compared: %+v", x)
		}
	}
	shrunk := fixture(t, "echo")
	shrunk.Server.PerConnection = -5
	for _, x := range Compare(fixture(t, "echo"), shrunk).Changes {
		if x.Name == "server memory per connection" {
			t.Errorf("compared: %+v", x)
		}
	}
	for _, x := range Compare(fixture(t, "storm"), fixture(t, "storm")).Changes {
		if x.Name == "server memory per connection" {
			t.Errorf("compared, although the connections come and go: %+v", x)
		}
	}
	for _, name := range []string{"connect", "churn", "storm"} {
		change(t, Compare(fixture(t, name), fixture(t, name)), "connections opened")
	}
	change(t, Compare(fixture(t, "fanout"), fixture(t, "fanout")), "reach")
	change(t, Compare(fixture(t, "fanout"), fixture(t, "fanout")), "last p99")
}

func TestCompareWarns(t *testing.T) {
	if w := Compare(fixture(t, "echo"), fixture(t, "echo")).Warnings; len(w) != 0 {
		t.Errorf("the same run differs from itself: %q", w)
	}
	for want, change := range map[string]func(r *bench.Result){
		"the scenario differs: echo then, rate now":         func(r *bench.Result) { r.Scenario = "rate" },
		"the target differs: ws://127.0.0.1:8080 then, x y": func(r *bench.Result) { r.Targets = []string{"x", "y"} },
		"-conns differs: 100 then, 7 now":                   func(r *bench.Result) { r.Settings["conns"] = "7" },
		"-binary differs: none then, true now":              func(r *bench.Result) { r.Settings["binary"] = "true" },
		"-depth differs: 4 then, none now":                  func(r *bench.Result) { delete(r.Settings, "depth") },
		"the CPU differs":                                   func(r *bench.Result) { r.Machine.CPU = "Z80" },
		"the number of cores differs: 2 then, 64 now":       func(r *bench.Result) { r.Machine.Cores = 64 },
		"the kernel differs":                                func(r *bench.Result) { r.Machine.Kernel = "" },
		"the generator's Go differs":                        func(r *bench.Result) { r.Machine.Go = "go2" },
		"the new run ended early: interrupted":              func(r *bench.Result) { r.Ended = "interrupted" },
		"in the new run the generator itself was":           func(r *bench.Result) { r.Generator.Bottleneck = true },
		"the new run did not meet its checks":               func(r *bench.Result) { r.Checks[0].OK = false },
	} {
		now := fixture(t, "echo")
		change(now)
		w := Compare(fixture(t, "echo"), now).Warnings
		if len(w) != 1 || !strings.HasPrefix(w[0], want) {
			t.Errorf("%q, want %q", w, want)
		}
	}
}

func TestCompareTable(t *testing.T) {
	now := fixture(t, "rate")
	now.Messages.Rate *= 0.8
	now.Latency.At["99"] /= 3
	now.Settings["conns"] = "200"
	var b bytes.Buffer
	if err := Compare(fixture(t, "rate"), now).Write(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", b.Bytes())
}
