package report

import (
	"fmt"
	"html/template"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.org/weir/bench"
)

// chart is a plot with what a page says around it.
type chart struct {
	Title  string
	Legend []key
	SVG    template.HTML
}

// key is an entry of a legend. Its colour is a property of the page's style.
type key struct {
	Color template.CSS
	Name  string
}

// charts are the plots of r. What the run does not have is left out.
func charts(r *bench.Result) ([]chart, error) {
	var all []chart
	add := func(c *chart) {
		if c != nil {
			all = append(all, *c)
		}
	}
	if r.Messages.Received > 0 {
		add(throughputChart(r))
		add(latencyChart(r))
	}
	switch r.Scenario {
	case "connect", "churn", "storm":
		add(connectionsChart(r))
	}
	for _, c := range []struct {
		title string
		of    []distribution
	}{
		{"Latency by percentile", messages(r)},
		{"Fan-out by percentile", fanouts(r)},
		{"Connect times by percentile", []distribution{{"connect", r.Connect}}},
	} {
		x, err := percentileChart(c.title, c.of)
		if err != nil {
			return nil, err
		}
		add(x)
	}
	add(searchChart(r))
	return all, nil
}

// messages are the distributions of the times of messages.
func messages(r *bench.Result) (all []distribution) {
	for _, d := range distributions(r) {
		if d.Latency == r.Latency || d.Latency == r.RawLatency {
			all = append(all, d)
		}
	}
	return all
}

// curve is a line of a chart.
type curve struct {
	name   string
	points plotter.XYs
}

// drawCurves adds curves to p, in the colours of the series, and returns their legend. A point that is
// not a number leaves a gap.
func drawCurves(p *plot.Plot, curves []curve) (legend []key) {
	for i, c := range curves {
		for _, part := range unbroken(c.points) {
			addCurve(p, part, colorSeries[i%len(colorSeries)])
		}
		legend = append(legend, key{template.CSS(fmt.Sprintf("var(--series%d)", i%len(colorSeries)+1)), c.name})
	}
	return legend
}

// addCurve adds a line, or a dot if it has one point only. All of its points are numbers.
func addCurve(p *plot.Plot, points plotter.XYs, c color.Color) {
	if len(points) == 1 {
		addDots(p, points, c, draw.CircleGlyph{})
		return
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return
	}
	line.Color = c
	line.Width = vg.Points(1.6)
	p.Add(line)
}

func addDots(p *plot.Plot, points plotter.XYs, c color.Color, shape draw.GlyphDrawer) {
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return // there is none
	}
	dots.Color, dots.Shape, dots.Radius = c, shape, vg.Points(3.5)
	p.Add(dots)
}

// unbroken splits points where one is not a number.
func unbroken(points plotter.XYs) (parts []plotter.XYs) {
	var part plotter.XYs
	for _, xy := range append(points[:len(points):len(points)], plotter.XY{Y: math.NaN()}) {
		if !math.IsNaN(xy.Y) {
			part = append(part, xy)
		} else if len(part) > 0 {
			parts = append(parts, part)
			part = nil
		}
	}
	return parts
}

// addGrid adds the lines across.
func addGrid(p *plot.Plot) {
	g := plotter.NewGrid()
	g.Vertical.Width = 0
	g.Horizontal.Color = colorGrid
	g.Horizontal.Width = vg.Points(0.6)
	p.Add(g)
}

// percentileChart shows distributions; nil if there is none.
func percentileChart(title string, of []distribution) (*chart, error) {
	p := newPlot("")
	addGrid(p)
	var curves []curve
	for _, d := range of {
		if d.Latency == nil || d.Count == 0 {
			continue
		}
		h, err := d.Histogram()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		const perNine = 24
		end := nines(1 - 1/float64(d.Count+1))
		points := plotter.XYs{{X: 0, Y: float64(max(d.Min, 1))}}
		for x := 1.0 / perNine; x < end; x += 1.0 / perNine {
			share := 1 - math.Pow(10, -x)
			points = append(points, plotter.XY{X: x, Y: float64(max(h.ValueAtQuantile(100*share), 1))})
		}
		points = append(points, plotter.XY{X: end, Y: float64(max(d.Max, 1))})
		curves = append(curves, curve{d.Name, points})
	}
	if len(curves) == 0 {
		return nil, nil
	}
	legend := drawCurves(p, curves)
	p.X.Tick.Marker = plot.TickerFunc(percentileTicks)
	timeAxis(&p.Y)
	return &chart{Title: title, Legend: legend, SVG: svg(p, title)}, nil
}

// searchChart shows the rates that were tried; nil if none was.
func searchChart(r *bench.Result) *chart {
	if len(r.Search) == 0 {
		return nil
	}
	p := newPlot("messages/s")
	addGrid(p)
	held, missed := plotter.XYs{}, plotter.XYs{}
	for _, s := range r.Search {
		xy := plotter.XY{X: s.Rate, Y: float64(max(s.P99, 1))}
		if s.OK {
			held = append(held, xy)
		} else {
			missed = append(missed, xy)
		}
	}
	addDots(p, held, colorGood, draw.CircleGlyph{})
	addDots(p, missed, colorBad, draw.PyramidGlyph{})
	p.X.Min = 0
	p.X.Tick.Marker = evenTicks(amount)
	timeAxis(&p.Y)
	const title = "Search: p99 at each rate"
	return &chart{Title: title, SVG: svg(p, title), Legend: []key{
		{"var(--good)", "● kept the objective"}, {"var(--bad)", "▲ missed it"},
	}}
}

// amount writes a number for an axis.
func amount(x float64) string {
	if x == 0 {
		return "0"
	}
	for _, u := range []struct {
		step float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.step {
			return fmt.Sprintf("%.4g%s", x/u.step, u.name)
		}
	}
	return fmt.Sprintf("%.4g", x)
}
