package torture

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes the report for a person: a line for each abuse, and what was wrong below it.
func (r *Report) WriteTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ABUSE\tVERDICT\tTIME\tBYSTANDER p50 p99 max\tMEMORY before peak after\tDESCRIPTORS\tWHAT HAPPENED")
	counts := make(map[Verdict]int)
	for i := range r.Abuses {
		a := &r.Abuses[i]
		counts[a.Verdict]++
		fmt.Fprintf(t, "%s\t%s\t%.1f s\t%s\t%s\t%s\t%s\n", a.Name, a.Verdict, a.Seconds,
			a.Bystander.line(), a.Process.memory(), a.Process.files(), a.happened())
	}
	_ = t.Flush() // to a writer whose errors show at its end
	for i := range r.Abuses {
		for _, f := range r.Abuses[i].Faults {
			fmt.Fprintf(w, "%s: %s\n", r.Abuses[i].Name, f)
		}
	}
	for _, f := range r.Faults {
		fmt.Fprintln(w, f)
	}
	var sum []string
	for _, v := range []Verdict{OK, Failed, Skipped, NotRun} {
		if n := counts[v]; n > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", n, v))
		}
	}
	fmt.Fprintf(w, "%s in %.1f s, %s\n", strings.Join(sum, ", "), r.Seconds, r.Ended)
}

// happened says in a line how the connections ended and what else there is to say.
func (r *Result) happened() string {
	var parts []string
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	for _, e := range r.sortedEndings() {
		parts = append(parts, fmt.Sprintf("%d %s", r.Endings[e], e))
	}
	return strings.Join(append(parts, r.Notes...), ", ")
}

// sortedEndings returns the endings, the most frequent first.
func (r *Result) sortedEndings() []string {
	return slices.SortedFunc(maps.Keys(r.Endings), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Endings[b], r.Endings[a]), cmp.Compare(a, b))
	})
}

func (b *Bystander) line() string {
	if b == nil {
		return "-"
	}
	ms := func(ns int64) string { return fmt.Sprintf("%.1f", float64(ns)/float64(time.Millisecond)) }
	return fmt.Sprintf("%s %s %s ms", ms(b.P50), ms(b.P99), ms(b.Max))
}

func (p *Process) memory() string {
	if p == nil {
		return "-"
	}
	mib := func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
	return fmt.Sprintf("%s %s %s MiB", mib(p.Before.RSS), mib(p.Peak.RSS), mib(p.After.RSS))
}

func (p *Process) files() string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%d %d %d", p.Before.Files, p.Peak.Files, p.After.Files)
}

// mebibytes writes a number of bytes for a person.
func mebibytes(n int64) string {
	if n > -10<<20 && n < 10<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
