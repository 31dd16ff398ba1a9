package conform

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes r for people: a line per section with the counts of its verdicts, then, in full,
// each rule that did not do well, and what is to be said of others that are not OK. With all it lists every rule in its section.
func (r *Result) WriteTable(w io.Writer, all bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rules in %v\n\n", r.Target, len(r.Outcomes), r.Elapsed.Round(time.Millisecond))
	r.writeSections(&b, all)
	for _, v := range []Verdict{Failed, Unclean, NonStrict} {
		r.writeFull(&b, v)
	}
	for _, v := range []Verdict{Limit, Informational, Skipped} {
		r.writeBrief(&b, v)
	}
	r.writeTotal(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSections writes the counts of each section.
func (r *Result) writeSections(b *strings.Builder, all bool) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, rest := 0, r.Outcomes; len(rest) > 0; rest = rest[i:] {
		for i = 0; i < len(rest) && rest[i].Section == rest[0].Section; {
			i++
		}
		section := Result{Outcomes: rest[:i]}
		fmt.Fprintf(t, "%s\t%s\n", rest[0].Section, section.counts())
		if all {
			for _, o := range section.Outcomes {
				fmt.Fprintf(t, "    %s %s\t%s\n", o.ID, o.Name, o.Verdict)
			}
		}
	}
	t.Flush()
}

// counts is such as "9 OK, 1 FAILED".
func (r *Result) counts() string {
	var parts []string
	for _, v := range Verdicts {
		if n := r.Count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// writeFull writes the outcomes with a verdict with everything that is known.
func (r *Result) writeFull(b *strings.Builder, v Verdict) {
	for _, o := range r.Outcomes {
		if o.Verdict != v {
			continue
		}
		fmt.Fprintf(b, "\n%s %s %s\n", v, o.ID, o.Name)
		for _, f := range []struct{ name, text string }{
			{"source", o.Source}, {"sent", o.Sent}, {"expected", o.Expected}, {"got", o.Got},
		} {
			if f.text != "" {
				fmt.Fprintf(b, "    %-9s %s\n", f.name, f.text)
			}
		}
	}
}

// writeBrief writes the outcomes with a verdict; those of which the same is to be said, together.
func (r *Result) writeBrief(b *strings.Builder, v Verdict) {
	const shown = 30
	for i, o := range r.Outcomes {
		alike := func(p Outcome) bool { return p.Verdict == v && p.Got == o.Got }
		if o.Verdict != v || slices.ContainsFunc(r.Outcomes[:i], alike) {
			continue
		}
		var ids []string
		for _, p := range r.Outcomes[i:] {
			if alike(p) {
				ids = append(ids, p.ID)
			}
		}
		switch n := len(ids); {
		case n == 1:
			fmt.Fprintf(b, "\n%s %s %s\n", v, o.ID, o.Name)
		case n <= shown:
			fmt.Fprintf(b, "\n%s %s\n", v, strings.Join(ids, ", "))
		default:
			fmt.Fprintf(b, "\n%s %s and %d more\n", v, strings.Join(ids[:shown], ", "), n-shown)
		}
		fmt.Fprintf(b, "    got       %s\n", o.Got)
	}
}

func (r *Result) writeTotal(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s", r.counts())
	if r.Echoed > 0 {
		fmt.Fprintf(b, "; largest message echoed: %s", size(r.Echoed))
	}
	if r.Refused > 0 {
		fmt.Fprintf(b, ", smallest refused with 1009: %s", size(r.Refused))
	}
	switch {
	case r.Interrupted:
		b.WriteString("\nInterrupted: not all rules were tried.\n")
	case r.OK():
		b.WriteString("\nNo rule failed.\n")
	default:
		b.WriteString("\nNot conformant.\n")
	}
}
