package main

import (
	"bytes"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"example.org/weir/bench/peers/page"
)

// The size of a plot.
const (
	plotWidth  = 24 * vg.Centimeter
	plotHeight = 8 * vg.Centimeter
)

// chart is a plot over the seconds of a run.
type chart struct {
	name, title, unit string
	curves            []curve
}

// curve is a figure over time; of returns it between two readings.
type curve struct {
	name  string
	color color.RGBA
	of    func(before, r reading) float64
}

// The colours of the curves.
var (
	red  = color.RGBA{0xd6, 0x27, 0x28, 0xff}
	blue = color.RGBA{0x1f, 0x77, 0xb4, 0xff}
	grey = color.RGBA{0x77, 0x77, 0x77, 0xff}
)

// charts are the plots of an outcome; none without a course of time.
func charts(res *outcome) []chart {
	if len(res.Readings) < 2 {
		return nil
	}
	gib := func(bytes int64) float64 { return float64(bytes) / (1 << 30) }
	first := res.Readings[0]
	// What the threads have used that end with their process is missing then, at the end.
	rate := func(a, b reading, used float64) float64 { return max(0, 100*used/(b.T-a.T)) }
	return []chart{
		{res.name() + "-connections", "Open connections", "connections", []curve{
			{"", red, func(_, r reading) float64 { return float64(r.Conns) }},
		}},
		{res.name() + "-memory", "Memory", "GiB", []curve{
			{"Weir", red, func(_, r reading) float64 { return gib(r.Servers.Resident) }},
			{"generators", blue, func(_, r reading) float64 { return gib(r.Workers.Resident) }},
			{"kernel, beyond the beginning", grey, func(_, r reading) float64 {
				return max(0, gib(r.Slab+r.TCP-first.Slab-first.TCP))
			}},
		}},
		{res.name() + "-cpu", "CPU", "% of a core", []curve{
			{"Weir", red, func(a, b reading) float64 { return rate(a, b, b.Servers.CPU-a.Servers.CPU) }},
			{"generators", blue, func(a, b reading) float64 { return rate(a, b, b.Workers.CPU-a.Workers.CPU) }},
			{"the whole machine", grey, func(a, b reading) float64 {
				return rate(a, b, float64(res.Machine.Cores)*(b.T-a.T)-(b.Unused-a.Unused))
			}},
		}},
	}
}

// plotAll draws the charts as SVG, by the names of their files.
func plotAll(res *outcome) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, c := range charts(res) {
		svg, err := c.draw(res.Readings)
		if err != nil {
			return nil, err
		}
		files[c.name+".svg"] = svg
	}
	return files, nil
}

// ticks are the default ones, written as figures are everywhere.
func ticks(from, to float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(from, to)
	for i := range all {
		if all[i].Label != "" {
			all[i].Label = page.Number(all[i].Value)
		}
	}
	return all
}

// shortest is the shortest time between readings, in seconds, that says something about CPU: the kernel
// counts it in hundredths.
const shortest = 0.5

// draw draws the chart of readings.
func (c chart) draw(readings []reading) ([]byte, error) {
	p := plot.New()
	p.Title.Text = c.title
	p.X.Label.Text = "seconds"
	p.Y.Label.Text = c.unit
	p.Y.Min = 0
	p.Legend.Top = true
	p.Legend.Left = true
	p.Legend.Padding = vg.Millimeter
	p.Add(plotter.NewGrid())
	for _, x := range c.curves {
		var points plotter.XYs
		before := readings[0]
		for _, r := range readings[1:] {
			if r.T-before.T >= shortest {
				points = append(points, plotter.XY{X: r.T, Y: x.of(before, r)})
				before = r
			}
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color = x.color
		line.Width = vg.Points(1.5)
		p.Add(line)
		if x.name != "" {
			p.Legend.Add(x.name, line)
		}
	}
	p.Y.Max *= 1.3 // room for the legend
	p.Y.Tick.Marker = plot.TickerFunc(ticks)
	w, err := p.WriterTo(plotWidth, plotHeight, "svg")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}
