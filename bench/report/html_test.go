package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"example.org/weir/bench"
)

func pageOf(t *testing.T, r *bench.Result, c *Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wellFormed parses a page strictly: each element that begins also ends, so a browser has nothing to
// guess. It returns how often each element occurs.
func wellFormed(t *testing.T, page string) map[string]int {
	t.Helper()
	elements := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if err == io.EOF {
			return elements
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
}

// outside are references to what is not in the page.
var outside = regexp.MustCompile(`(?i)https?:|//[a-z]+\.|\bsrc\s*=|\bhref\b|@import|url\(|<script|<link|<iframe`)

func TestHTML(t *testing.T) {
	for name, plots := range map[string][]string{
		"echo":    {"Messages per second", "Latency of each second", "Latency by percentile", "Connect times by percentile"},
		"rate":    {"Messages per second", "Latency of each second", "Latency by percentile", "Connect times by percentile"},
		"search":  {"Messages per second", "Latency of each second", "Latency by percentile", "Connect times by percentile", "Search: p99 at each rate"},
		"connect": {"Open connections", "Connect times by percentile"},
		"churn":   {"Cycles per second", "Latency of each second", "Open connections", "Latency by percentile", "Connect times by percentile"},
		"fanout":  {"Deliveries per second", "Latency of each second", "Latency by percentile", "Fan-out by percentile", "Connect times by percentile"},
		"slow":    {"Messages per second", "Latency of each second", "Latency by percentile", "Connect times by percentile"},
		"storm":   {"Open connections", "Connect times by percentile"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fixture(t, name)
			page := pageOf(t, r, nil)
			elements := wellFormed(t, page)
			if elements["html"] != 1 || elements["svg"] != len(plots) {
				t.Errorf("%d svg elements, want %d", elements["svg"], len(plots))
			}
			for _, title := range plots {
				_, drawing, found := strings.Cut(page, `aria-label="`+title+`"`)
				drawing, _, _ = strings.Cut(drawing, "</svg>")
				if !found || strings.Count(drawing, "<path") < 2 || !strings.Contains(drawing, "<text") {
					t.Errorf("no plot, or an empty one: %s", title)
				}
			}
			if !strings.Contains(page, `<i style="background: var(--series1)"></i>connect`) {
				t.Error("the legend of the connect times has no colour")
			}
			if s := outside.FindString(page); s != "" {
				t.Errorf("the page refers to what is outside of it: %q", s)
			}
			if regexp.MustCompile(`(fill|stroke):#`).MatchString(page) {
				t.Error("a plot has a colour that does not follow the page")
			}
			for _, f := range append(facts(r), headline(r)...) {
				if !strings.Contains(page, ">"+strings.ReplaceAll(f.Text, "+", "&#43;")+"<") {
					t.Errorf("the page lacks %s: %s", f.Name, f.Text)
				}
			}
			if failed := strings.Contains(page, "Checks FAILED"); failed == r.OK() {
				t.Errorf("the page says that checks failed: %v", failed)
			}
		})
	}
}

// TestHTMLEscapes holds that nothing a server or a user says becomes markup.
func TestHTMLEscapes(t *testing.T) {
	const evil = `<script>alert("&")</script>`
	r := fixture(t, "echo")
	r.Scenario = evil
	r.Targets = []string{evil}
	r.Settings[evil] = evil
	r.Errors = map[string]int{evil: 1}
	r.Warnings = []string{evil}
	r.Machine.CPU = evil
	if n := wellFormed(t, pageOf(t, r, nil))["script"]; n != 0 {
		t.Errorf("%d script elements", n)
	}
}

// TestHTMLOfLittle draws runs that have hardly anything, or odd figures.
func TestHTMLOfLittle(t *testing.T) {
	one := fixture(t, "rate")
	one.Series = one.Series[:1]
	silent := fixture(t, "echo")
	for i := range silent.Series {
		s := &silent.Series[i]
		s.Rate, s.P50, s.P99, s.Max = 0, 0, 0, 0
	}
	gap := fixture(t, "echo")
	gap.Series[2].Max = 0
	instant := fixture(t, "echo")
	instant.Series[1].P50 = 0
	for name, r := range map[string]*bench.Result{
		"a time of 0":          instant,
		"nothing":              {Scenario: "echo", Ended: "complete"},
		"one second":           one,
		"no message at all":    silent,
		"a second without any": gap,
		"received, no series":  {Scenario: "echo", Messages: bench.Messages{Received: 1}},
		"a search of nothing":  {Scenario: "search", Search: []bench.Step{{}}},
	} {
		page := pageOf(t, r, nil)
		wellFormed(t, page)
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
			t.Errorf("%s: NaN or Inf in the page", name)
		}
	}
	broken := fixture(t, "echo")
	broken.Latency.HDR = "!"
	if err := HTML(io.Discard, broken, nil); err == nil {
		t.Error("a histogram that cannot be read has been drawn")
	}
}

func TestHTMLComparison(t *testing.T) {
	old, now := fixture(t, "echo"), fixture(t, "echo")
	old.Messages.Rate *= 2
	old.Machine.Cores = 64
	page := pageOf(t, now, Compare(old, now))
	wellFormed(t, page)
	for _, want := range []string{"Compared", ">0.500<", "bad\">worse<", "64 then"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct{ got, want float64 }{
		{roundUp(1), 1},
		{roundUp(1.01), 2},
		{roundUp(3), 5},
		{roundUp(7), 10},
		{roundUp(0.03), 0.05},
		{roundDown(1), 1},
		{roundDown(1.9), 1},
		{roundDown(3), 2},
		{roundDown(7e6), 5e6},
		{roundDown(99), 50},
		{nextTick(0), 1},
		{nextTick(4.1), 5},
		{nextTick(5), 5},
		{nextTick(334_000), 400_000},
		{nines(0.999), 3},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	var labels []string
	for _, tick := range timeTicks(50e3, 2e6) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, ","); got != "50 µs,100 µs,200 µs,500 µs,1 ms,2 ms" {
		t.Errorf("ticks %s", got)
	}
}
