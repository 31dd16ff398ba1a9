package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"example.org/weir/bench"
)

// throughputChart shows the messages that came back in each second; nil if there is no series.
func throughputChart(r *bench.Result) *chart {
	return amountChart(r, plurals(r.Scenario)+" per second", func(s bench.Sample) float64 { return s.Rate })
}

// connectionsChart shows how many connections were open.
func connectionsChart(r *bench.Result) *chart {
	return amountChart(r, "Open connections", func(s bench.Sample) float64 { return float64(s.Connections) })
}

// amountChart shows an amount over time, from 0.
func amountChart(r *bench.Result, title string, of func(bench.Sample) float64) *chart {
	if len(r.Series) == 0 {
		return nil
	}
	p := overTime(r)
	drawCurves(p, []curve{{title, over(r, of)}})
	p.Y.Min = 0
	p.Y.Max = nextTick(p.Y.Max)
	p.Y.Tick.Marker = evenTicks(amount)
	warm := shade(p, r)
	return &chart{Title: title, Legend: warm, SVG: svg(p, title)}
}

// latencyChart shows the latencies of each second; nil if there is none.
func latencyChart(r *bench.Result) *chart {
	const title = "Latency of each second"
	p := overTime(r)
	ns := func(of func(bench.Sample) int64) plotter.XYs {
		return over(r, func(s bench.Sample) float64 {
			if s.Max == 0 {
				return math.NaN() // nothing came back in this second
			}
			return float64(max(of(s), 1))
		})
	}
	legend := drawCurves(p, []curve{
		{"p50", ns(func(s bench.Sample) int64 { return s.P50 })},
		{"p99", ns(func(s bench.Sample) int64 { return s.P99 })},
		{"max", ns(func(s bench.Sample) int64 { return s.Max })},
	})
	if math.IsInf(p.Y.Max, 0) {
		return nil
	}
	timeAxis(&p.Y)
	return &chart{Title: title, Legend: append(legend, shade(p, r)...), SVG: svg(p, title)}
}

// overTime is an empty plot over the seconds of the run.
func overTime(r *bench.Result) *plot.Plot {
	p := newPlot("seconds")
	addGrid(p)
	p.X.Min = 0
	if n := len(r.Series); n > 0 {
		p.X.Max = r.Series[n-1].T
	}
	p.X.Tick.Marker = evenTicks(amount)
	return p
}

// over is the course of a figure.
func over(r *bench.Result, of func(bench.Sample) float64) (points plotter.XYs) {
	for _, s := range r.Series {
		points = append(points, plotter.XY{X: s.T, Y: of(s)})
	}
	return points
}

// shade marks the time that was not measured, from the bottom of p to its top. The axes must be set.
func shade(p *plot.Plot, r *bench.Result) []key {
	from, shaded := 0.0, false
	for _, s := range r.Series {
		if s.Warmup {
			band, err := plotter.NewPolygon(plotter.XYs{{X: from, Y: p.Y.Min}, {X: from, Y: p.Y.Max}, {X: s.T, Y: p.Y.Max}, {X: s.T, Y: p.Y.Min}})
			if err != nil {
				return nil
			}
			band.Color = colorBand
			band.LineStyle.Width = 0
			p.Add(band)
			shaded = true
		}
		from = s.T
	}
	if !shaded {
		return nil
	}
	return []key{{"var(--band)", "not measured"}}
}

// nextTick is the first tick of an axis from 0 that is not below x.
func nextTick(x float64) float64 {
	if !(x > 0) {
		return 1
	}
	step := roundStep(x / intervals)
	return step * math.Ceil(x/step-1e-9)
}
