package main

import (
	"bytes"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The size of a plot, and of all its bars together.
const (
	plotWidth  = 24 * vg.Centimeter
	plotHeight = 10 * vg.Centimeter
	rowWidth   = 0.7 * plotWidth
)

// colours are those of the peers, always the same; Weir's stands out.
var colours = map[string]color.RGBA{
	"limit":   {0xbb, 0xbb, 0xbb, 0xff},
	"gnetraw": {0x77, 0x77, 0x77, 0xff},
	"weir":    {0xd6, 0x27, 0x28, 0xff},
	// Variants of Weir, measured by name only.
	"weir-direct":      {0xff, 0x98, 0x96, 0xff},
	"weir-1-loop":      {0xe3, 0x77, 0xc2, 0xff},
	"weir-1-loop-free": {0xf7, 0xb6, 0xd2, 0xff},
	"weir-2-loops":     {0x8c, 0x56, 0x4b, 0xff},

	"bun":      {0xf0, 0xb0, 0x60, 0xff},
	"gorilla":  {0x1f, 0x77, 0xb4, 0xff},
	"fasthttp": {0x9e, 0xc5, 0xe5, 0xff},
	"gobwas":   {0x2c, 0xa0, 0x2c, 0xff},
	"coder":    {0x98, 0xdf, 0x8a, 0xff},
	"gws":      {0x94, 0x67, 0xbd, 0xff},
	"nbio":     {0xc9, 0xb2, 0xd9, 0xff},
}

// plotAll draws the charts of results as SVG, by the names of their files.
func plotAll(res *results) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, c := range charts(res) {
		svg, err := drawBars(res, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		files[c.name+".svg"] = svg
	}
	return files, nil
}

// drawBars draws a chart: for each row a bar for each peer that has a figure there. A peer without any
// is left out.
func drawBars(res *results, c chart) ([]byte, error) {
	p := plot.New()
	p.Title.Text = c.title
	p.Y.Label.Text = c.unit
	p.Y.Min = 0
	p.Legend.Top = true
	p.Legend.XOffs = -vg.Centimeter
	p.Legend.Padding = vg.Millimeter
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil // there is nothing between the rows
	p.Add(grid)
	shown := slices.DeleteFunc(slices.Clone(res.Peers), func(peer string) bool {
		return !slices.ContainsFunc(c.rows, func(r row) bool { return res.stat(peer, r.Name, mainFigure(r)).N > 0 })
	})
	width := rowWidth / vg.Length(len(c.rows)*(len(shown)+1))
	highest := 0.0
	for i, peer := range shown {
		values := make(plotter.Values, len(c.rows))
		for j, r := range c.rows {
			values[j] = res.stat(peer, r.Name, mainFigure(r)).Median // 0, no bar, without a figure
			highest = max(highest, values[j])
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return nil, err
		}
		bars.Color = colours[peer]
		bars.LineStyle.Width = 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(shown)-1)/2)
		p.Add(bars)
		p.Legend.Add(peer, bars)
	}
	var titles []string
	for _, r := range c.rows {
		titles = append(titles, overviewTitle(r))
	}
	p.NominalX(titles...)
	p.X.Min, p.X.Max = -0.5, 1.2*float64(len(c.rows))-0.5 // room for the legend
	p.Y.Max = 1.05 * highest
	w, err := p.WriterTo(plotWidth, plotHeight, "svg")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
