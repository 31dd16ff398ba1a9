package report

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"example.org/weir/bench"
)

// Progress shows how a run gets on: on a terminal in one line that is drawn anew each second and is
// gone at the end, elsewhere in a line a second, or every five in a run longer than a minute. Its
// methods are called one after the other, as bench does.
type Progress struct {
	w        io.Writer
	width    func() int               // of the terminal; nil if w is none
	lengths  map[string]time.Duration // of the phases that have one
	interval float64                  // seconds between lines
	phase    string
	began    float64 // when the phase began, in seconds since the start
	printed  float64 // when the last line was printed
	last     float64 // when the last sample ended
}

// NewProgress shows on w the progress of a run with the options o.
func NewProgress(w io.Writer, o *bench.Options) *Progress {
	p := &Progress{
		w:        w,
		width:    terminalWidth(w),
		lengths:  map[string]time.Duration{"warm-up": max(o.Warmup, 0), "measuring": o.Duration},
		interval: 1,
	}
	if o.Duration > time.Minute {
		p.interval = 5
	}
	return p
}

// terminalWidth returns a function that tells how wide the terminal is now; nil if w is none.
func terminalWidth(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
}

// Report shows a sample. It is the Progress of bench.Options.
func (p *Progress) Report(s bench.Sample, phase string) {
	began := p.last
	p.last = s.T
	if phase == "" { // the remainder of the phase before
		phase = cmp.Or(p.phase, "connecting")
	}
	// A search measures one rate after the other, without another phase in between if there is no warm-up.
	if length, ok := p.lengths[phase]; phase != p.phase || ok && s.T-p.began > length.Seconds()+0.5 {
		p.phase, p.began = phase, began
	}
	line := p.line(s)
	if p.width != nil {
		p.draw(line)
		return
	}
	// Samples come a little early or late; two lines within a second would be too many.
	const jitter = 0.1
	if p.printed == 0 || s.T-p.printed >= p.interval-jitter {
		p.printed = s.T
		fmt.Fprintln(p.w, line)
	}
}

// line says in one line how the run gets on.
func (p *Progress) line(s bench.Sample) string {
	phase := p.phase
	if length := p.lengths[phase]; length > 0 {
		phase += fmt.Sprintf(" %.0f/%g s", s.T-p.began, length.Seconds())
	}
	parts := []string{phase, plural(s.Connections, "connection")}
	if s.Rate > 0 || phase != "connecting" {
		parts = append(parts, perSecond(s.Rate))
	}
	if s.P99 > 0 {
		parts = append(parts, "p50 "+duration(float64(s.P50)), "p99 "+duration(float64(s.P99)))
	}
	return strings.Join(append(parts, plural(s.Errors, "error")), "  ")
}

// draw writes a line in place of the one before, cut off where the terminal ends: one that wraps
// could not be drawn over.
func (p *Progress) draw(line string) {
	if room := p.width() - 1; utf8.RuneCountInString(line) > room {
		line = string([]rune(line)[:max(room, 0)])
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", line)
}

// Close clears the line.
func (p *Progress) Close() {
	if p.width != nil && p.phase != "" {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
