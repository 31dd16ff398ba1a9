package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"example.org/weir/bench"
)

// Table writes r for a person to read.
func Table(w io.Writer, r *bench.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", title(r))
	lines := grid{Align: "ll"}
	for _, f := range facts(r) {
		lines.Rows = append(lines.Rows, []string{f.Name, f.Text})
	}
	lines.write(&b, "")
	for _, g := range grids(r) {
		b.WriteString("\n" + g.Name + "\n")
		g.write(&b, "  ")
	}
	writeWarnings(&b, warnings(r))
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes g in columns, each line after indent.
func (g *grid) write(b *strings.Builder, indent string) {
	rows := g.Rows
	if g.Head != nil {
		rows = append([][]string{g.Head}, rows...)
	}
	widths := make([]int, len(g.Align))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := indent
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if g.Align[i] == 'l' {
				line += cell + space
			} else {
				line += space + cell
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// writeWarnings writes warnings, if there are any, below what they warn of.
func writeWarnings(b *strings.Builder, all []string) {
	if len(all) > 0 {
		b.WriteString("\n")
	}
	for _, s := range all {
		b.WriteString("WARNING: " + s + "\n")
	}
}
