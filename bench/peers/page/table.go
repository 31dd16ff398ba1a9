package page

import (
	"fmt"
	"strings"
)

// Nothing stands for a figure that there is not.
const Nothing = "–"

// Table is a table of text. The first column is of names, the others are of figures unless Words is
// set.
type Table struct {
	Words bool
	Head  []string
	Body  [][]string
}

// Write writes the table. Figures are aligned to the right.
func (t Table) Write(b *strings.Builder) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Head)
	align := "--:|"
	if t.Words {
		align = "---|"
	}
	b.WriteString("|---|" + strings.Repeat(align, len(t.Head)-1) + "\n")
	for _, cells := range t.Body {
		line(cells)
	}
}
