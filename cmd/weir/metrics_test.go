package main

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.org/weir/codec"
	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// busy returns a server that has done a little of everything that is counted, and is behind NATS.
func busy(t *testing.T) *watched {
	t.Helper()
	w := watch(t, &reactor.Server{
		TrackConns: true,
		Deflate:    &codec.Deflate{},
		Bus:        natsbus.New(natsbus.Options{Servers: []string{"nats://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler)}),
	})
	c, l := w.dial("/")
	w.say(c, l, "hello world!")
	for _, code := range []codec.CloseCode{codec.CloseNormal, 3333, 3334, 4444} {
		c, l := w.dial("/")
		_ = c.Close(code, "")
		within(t, l.closed)
	}
	r, err := http.NewRequest("GET", "http://"+w.srv.Addrs()[0].String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := w.srv.Publish("rooms.a", codec.Text, []byte("x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all but one connection are gone", func() bool { return len(w.srv.Stats().Closed) == 4 && w.srv.Conns() == 1 })
	return w
}

// TestMetricsLint holds the metrics to Prometheus's conventions, and that each that is declared is there.
func TestMetricsLint(t *testing.T) {
	w := busy(t)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(metrics{w.adm})
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, f.GetName())
	}
	if want := declaredNames(); !slices.Equal(got, want) {
		t.Errorf("there are %q, declared are %q", got, want)
	}
}

func declaredNames() (names []string) {
	for _, m := range declared {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}

// TestMetricsValues compares /metrics with what has happened.
func TestMetricsValues(t *testing.T) {
	status, text := busy(t).get("/metrics")
	if status != http.StatusOK {
		t.Fatal(status, text)
	}
	for _, want := range []string{
		`weir_ready 1`,
		`weir_connections 1`,
		`weir_connections_total 6`,
		`weir_handshakes_total 5`,
		`weir_handshakes_refused_total{reason="request",status="426"} 1`,
		`weir_closes_total{code="1000",side="client"} 1`,
		`weir_closes_total{code="3xxx",side="client"} 2`,
		`weir_closes_total{code="4xxx",side="client"} 1`,
		`weir_messages_total{direction="in",type="text"} 1`,
		`weir_messages_total{direction="out",type="text"} 1`,
		`weir_messages_total{direction="in",type="control"} 4`,
		`weir_published_total 1`,
		`weir_handler_seconds_bucket{le="+Inf"} 0`,
		`weir_nats_connected 0`,
		`weir_messages_dropped_total{policy="bus"} 0`,
		`weir_slow_consumers_closed_total{reason="outbound"} 0`,
		`weir_build_info{app="echo",`,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("%s is not there", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestMetricsBeforeStart holds that there is something to scrape from the beginning.
func TestMetricsBeforeStart(t *testing.T) {
	adm := newAdmin(echo{}, 100)
	if status, text, _ := answer(adm.handler(), "GET", "/metrics", "", ""); status != http.StatusOK || !strings.Contains(text, "\nweir_ready 0\n") {
		t.Errorf("%d %s", status, text)
	}
}

// TestHistogramMetric holds that buckets add up and that the bounds are seconds.
func TestHistogramMetric(t *testing.T) {
	var h reactor.Histogram
	h.Counts[0], h.Counts[10], h.Counts[len(h.Counts)-1], h.Sum = 1, 2, 3, 5e9
	ch := make(chan prometheus.Metric, 1)
	samples{ch}.histogram(pingRTT, h)
	r := prometheus.NewRegistry()
	r.MustRegister(constant{<-ch})
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	got := families[0].GetMetric()[0].GetHistogram()
	if got.GetSampleCount() != 6 || got.GetSampleSum() != 5 {
		t.Errorf("%v", got)
	}
	for _, b := range got.GetBucket() {
		want := uint64(1)
		if b.GetUpperBound() > 0.001 {
			want = 3
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("%d are less than %v s, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
}

// constant collects one metric.
type constant struct{ prometheus.Metric }

func (c constant) Describe(ch chan<- *prometheus.Desc) { ch <- c.Desc() }
func (c constant) Collect(ch chan<- prometheus.Metric) { ch <- c.Metric }

// TestMetricsTable holds that the README has each metric with its labels, and no other.
func TestMetricsTable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(weir_[^`]+)` \\|").FindAllSubmatch(readme, -1) {
		got = append(got, string(row[1]))
	}
	var want []string
	for _, m := range declared {
		name := m.name
		if len(m.labels) > 0 {
			name += "{" + strings.Join(m.labels, ",") + "}"
		}
		want = append(want, name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the README has\n%s\nand there are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestGrafana holds that the dashboard file asks for metrics and labels that there are.
func TestGrafana(t *testing.T) {
	file, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(file, &dashboard); err != nil {
		t.Fatal(err)
	}
	_, scraped := busy(t).get("/metrics")
	queries := 0
	name := regexp.MustCompile(`\b(?:weir|go|process)_\w+`)
	label := regexp.MustCompile(`(?:by|without) \(([^)]*)\)|([a-z_]+)=~?"`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries++
			names := name.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: %s asks for no metric", p.Title, target.Expr)
			}
			known := []string{"instance", "le", "quantile"}
			for _, n := range names {
				if !strings.Contains(scraped, "\n"+n+" ") && !strings.Contains(scraped, "\n"+n+"{") {
					t.Errorf("%s: there is no %s", p.Title, n)
				}
				for _, m := range declared {
					if strings.HasPrefix(n, m.name) {
						known = append(known, m.labels...)
					}
				}
			}
			for _, found := range label.FindAllStringSubmatch(target.Expr, -1) {
				for l := range strings.SplitSeq(found[1]+found[2], ",") {
					if !slices.Contains(known, strings.TrimSpace(l)) {
						t.Errorf("%s: %s has no label %s", p.Title, target.Expr, l)
					}
				}
			}
		}
	}
	if queries < 15 {
		t.Errorf("%q has only %d queries", dashboard.Title, queries)
	}
}

// TestPrometheusFile holds that the example scrapes what the README's -admin serves, and -admin permits. It reads the
// few lines of YAML that there are line by line: no module that weir has reads YAML.
func TestPrometheusFile(t *testing.T) {
	file, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	settings := make(map[string]string)
	for line := range strings.Lines(string(file)) {
		line, _, _ = strings.Cut(line, "#")
		name, value, found := strings.Cut(strings.TrimLeft(line, " -"), ":")
		if value = strings.Trim(strings.TrimSpace(value), `["]`); !found || value == "" {
			continue
		}
		if settings[name] != "" {
			t.Errorf("%s is there twice", name)
		}
		settings[name] = value
	}
	if settings["scheme"] != "" { // http
		t.Errorf("-admin does not speak %s", settings["scheme"])
	}
	target := settings["targets"]
	if _, err := parse(nil, "-admin", target); err != nil {
		t.Errorf("the target: %v", err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"README.md": string(readme), "prometheus.yml itself": string(file)} {
		if !strings.Contains(text, "-admin "+target) {
			t.Errorf("%s has no -admin %s", what, target)
		}
	}
	path := cmp.Or(settings["metrics_path"], "/metrics")
	if status, text, _ := answer(newAdmin(echo{}, 100).handler(), "GET", path, "", ""); status != http.StatusOK || !strings.Contains(text, "weir_build_info") {
		t.Errorf("%s is %d %.100s", path, status, text)
	}
}
