package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// report is what a soak has found.
type report struct {
	Length                time.Duration
	Baseline, Limit, Last sample
	Samples               []sample
	Results               []result
}

func (r *report) ok() bool {
	for _, res := range r.Results {
		if res.Err != nil {
			return false
		}
	}
	return r.Last.within(r.Limit)
}

// print says in a few lines what there is to know.
func (r *report) print(w io.Writer) {
	var most sample
	for _, s := range r.Samples {
		most.Conns, most.Goroutines, most.Descriptors = max(most.Conns, s.Conns), max(most.Goroutines, s.Goroutines), max(most.Descriptors, s.Descriptors)
		most.Heap, most.RSS = max(most.Heap, s.Heap), max(most.RSS, s.RSS)
	}
	fmt.Fprintf(w, "%v of load\n\n", r.Length)
	fmt.Fprintf(w, "before  %v\nmost    %v\nafter   %v\nlimit   %v\n\n", r.Baseline, most, r.Last, r.Limit)
	for _, res := range r.Results {
		if res.Err != nil {
			fmt.Fprintln(w, "failed:", res.Err)
		}
	}
	verdict := "The server has given everything back, and no client missed anything."
	switch {
	case !r.Last.within(r.Limit):
		verdict = "The server has not given everything back."
	case !r.ok():
		verdict = "The server has given everything back, but a load failed."
	}
	fmt.Fprintln(w, verdict)
}

// write writes report.txt and a graph of each quantity.
func (r *report) write(dir string) error {
	f, err := os.Create(filepath.Join(dir, "report.txt"))
	if err != nil {
		return err
	}
	defer f.Close()
	r.print(f)
	for _, g := range []struct {
		file, title string
		of          func(sample) float64
	}{
		{"connections.svg", "Connections", func(s sample) float64 { return float64(s.Conns) }},
		{"goroutines.svg", "Goroutines", func(s sample) float64 { return float64(s.Goroutines) }},
		{"descriptors.svg", "Descriptors", func(s sample) float64 { return float64(s.Descriptors) }},
		{"heap.svg", "Heap, MiB", func(s sample) float64 { return float64(s.Heap) / (1 << 20) }},
		{"rss.svg", "RSS, MiB", func(s sample) float64 { return float64(s.RSS) / (1 << 20) }},
	} {
		if err := r.plot(filepath.Join(dir, g.file), g.title, g.of); err != nil {
			return err
		}
	}
	return nil
}

// plot draws a quantity over time, and the baseline.
func (r *report) plot(file, title string, of func(sample) float64) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Min = title, "seconds", 0
	points := make(plotter.XYs, len(r.Samples))
	for i, s := range r.Samples {
		points[i] = plotter.XY{X: s.At.Seconds(), Y: of(s)}
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	baseline := plotter.NewFunction(func(float64) float64 { return of(r.Baseline) })
	baseline.Dashes = []vg.Length{4, 4}
	p.Add(plotter.NewGrid(), line, baseline)
	return p.Save(14*vg.Centimeter, 6*vg.Centimeter, file)
}
