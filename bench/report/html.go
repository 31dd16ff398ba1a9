package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"strings"

	"example.org/weir/bench"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"left": func(g grid, column int) bool { return g.Align[column] == 'l' },
}).Parse(pageText))

// pageData is what the page shows.
type pageData struct {
	Result   *bench.Result
	Title    string
	Command  string
	Facts    []fact
	Headline []fact
	Charts   []chart
	Grids    []grid
	Warnings []string
}

// HTML writes r as a page with plots that needs nothing beside itself, no script and no network. A
// comparison c is shown with it, unless that is nil.
func HTML(w io.Writer, r *bench.Result, c *Comparison) error {
	drawn, err := charts(r)
	if err != nil {
		return err
	}
	data := pageData{
		Result:   r,
		Title:    title(r),
		Command:  strings.Join(append([]string{"weirbench", r.Scenario, command(r.Settings)}, r.Targets...), " "),
		Facts:    facts(r),
		Headline: headline(r),
		Charts:   drawn,
		Grids:    grids(r),
		Warnings: warnings(r),
	}
	if c != nil {
		data.Grids = append(data.Grids, c.grid())
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// headline are the figures that one looks for first.
func headline(r *bench.Result) (all []fact) {
	add := func(name, text string) { all = append(all, fact{name, text}) }
	if r.Messages.Received > 0 {
		name := "messages " + received(r.Scenario)
		switch r.Scenario {
		case "search":
			name = "highest rate that holds"
		case "churn":
			name = "cycles"
		}
		add(name, perSecond(r.Messages.Rate))
	}
	if l := r.Latency; l != nil {
		add("p50", duration(float64(l.At["50"])))
		add("p99", duration(float64(l.At["99"])))
		add("max", duration(float64(l.Max)))
	}
	if f := r.Fanout; f != nil {
		add("reached", percent(f.Reach))
	}
	add("connections opened", count(r.Connections.Opened))
	if r.Messages.Received == 0 {
		add("opened", perSecond(r.Connections.Rate))
		if l := r.Connect; l != nil {
			add("p99 to connect", duration(float64(l.At["99"])))
		}
	}
	if p := r.Server; p != nil {
		if r.Messages.Received > 0 {
			add("server CPU / message", duration(1000*p.PerMessage))
		}
		if remain(r) {
			add("server RSS / connection", size(p.PerConnection))
		}
	}
	add("errors", count(int64(total(r.Errors))))
	return all
}
