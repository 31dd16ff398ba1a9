package report

import (
	"bytes"
	"html"
	"html/template"
	"image/color"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The colours of a plot are names: each stands for a property of the page's style, so that a plot is
// light or dark as the page is.
var (
	colorMuted  = color.RGBA{1, 1, 1, 255}
	colorGrid   = color.RGBA{2, 2, 2, 255}
	colorBand   = color.RGBA{3, 3, 3, 255}
	colorGood   = color.RGBA{4, 4, 4, 255}
	colorBad    = color.RGBA{5, 5, 5, 255}
	colorSeries = []color.RGBA{{16, 0, 0, 255}, {17, 0, 0, 255}, {18, 0, 0, 255}}

	styleNames = strings.NewReplacer(
		"#010101", "var(--muted)",
		"#020202", "var(--grid)",
		"#030303", "var(--band)",
		"#040404", "var(--good)",
		"#050505", "var(--bad)",
		"#100000", "var(--series1)",
		"#110000", "var(--series2)",
		"#120000", "var(--series3)",
	)
)

// The size of a plot; the page scales it to the room that there is.
const plotWidth, plotHeight = 560, 240

// fonts in a plot are left to the page.
var fonts = regexp.MustCompile(`font-family:[^;"]*;|font-variant:[^;"]*;`)

// svg draws p as an element for a page, described by label for those who cannot see it.
func svg(p *plot.Plot, label string) template.HTML {
	canvas := vgsvg.New(plotWidth, plotHeight)
	// Room for what is written at the ends of the axes, whatever font the page has.
	p.Draw(draw.Crop(draw.New(canvas), 6, -22, 0, -4))
	var b bytes.Buffer
	_, _ = canvas.WriteTo(&b) // a buffer does not fail

	// What is before the first group is the head of a file of its own.
	drawing := b.String()
	drawing = drawing[strings.Index(drawing, "<g"):]
	drawing = styleNames.Replace(fonts.ReplaceAllString(drawing, ""))
	head := `<svg viewBox="0 0 560 240" role="img" aria-label="` + html.EscapeString(label) + `">` + "\n"
	return template.HTML(head + drawing)
}

// newPlot is an empty plot: light lines across, names at the left and below, nothing else.
func newPlot(below string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text = below
	p.X.Label.Padding = 4
	p.Y.Padding, p.X.Padding = 4, 4
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Color = colorMuted
		a.Label.TextStyle.Font.Size = 11
		a.Tick.Label.Color = colorMuted
		a.Tick.Label.Font.Size = 11
		a.Tick.LineStyle.Width = 0
		a.Tick.Length = 5
		a.LineStyle.Width = 0
	}
	p.X.LineStyle.Width = vg.Points(1)
	p.X.LineStyle.Color = colorGrid
	return p
}
