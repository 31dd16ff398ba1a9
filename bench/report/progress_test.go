package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.org/weir/bench"
)

// play shows a run of so many seconds of each phase, with a sample at every step of seconds.
func play(p *Progress, step float64, phases ...any) {
	at := 0.0
	for i := 0; i < len(phases); i += 2 {
		for end := at + float64(phases[i+1].(int)); at < end-step/2; {
			at += step
			p.Report(bench.Sample{T: at, Connections: 1000, Rate: 12_345, P50: 120_000, P99: 1_500_000, Errors: 2}, phases[i].(string))
		}
	}
	p.Close()
}

func options(warmup, duration time.Duration) *bench.Options {
	return &bench.Options{Warmup: warmup, Duration: duration}
}

func TestProgressInPipe(t *testing.T) {
	var b bytes.Buffer
	play(NewProgress(&b, options(time.Second, 2*time.Second)), 1, "", 1, "warm-up", 1, "measuring", 1, "", 1, "ending", 1)
	const rest = "  1,000 connections  12.3k/s  p50 120 µs  p99 1.50 ms  2 errors\n"
	want := "connecting" + rest + "warm-up 1/1 s" + rest + "measuring 1/2 s" + rest + "measuring 2/2 s" + rest + "ending" + rest
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestProgressInPipeIsSlow(t *testing.T) {
	for _, c := range []struct {
		name     string
		duration time.Duration
		step     float64
		seconds  int
		lines    int
	}{
		{"a line a second", 10 * time.Second, 1, 10, 10},
		{"not more, when samples come more often", 10 * time.Second, 0.25, 10, 10},
		{"a line every five seconds in a long run", 2 * time.Minute, 1, 120, 24},
	} {
		var b bytes.Buffer
		play(NewProgress(&b, options(-1, c.duration)), c.step, "measuring", c.seconds)
		if n := strings.Count(b.String(), "\n"); n != c.lines {
			t.Errorf("%s: %d lines, want %d", c.name, n, c.lines)
		}
		if strings.ContainsAny(b.String(), "\r\x1b") {
			t.Errorf("%s: the pipe gets control characters", c.name)
		}
	}
}

func TestProgressOnTerminal(t *testing.T) {
	for width := range 201 {
		var b bytes.Buffer
		p := NewProgress(&b, options(time.Second, 3*time.Second))
		p.width = func() int { return width }
		play(p, 1, "connecting", 1, "warm-up", 1, "measuring", 3)
		lines := strings.Split(b.String(), "\r")[1:]
		if len(lines) != 6 || strings.Contains(b.String(), "\n") {
			t.Fatalf("%d lines: %q", len(lines), b.String())
		}
		for i, line := range lines {
			line, cleared := strings.CutSuffix(line, "\x1b[K")
			if !cleared {
				t.Errorf("the rest of the line before is left: %q", line)
			}
			if n := utf8.RuneCountInString(line); n > max(width-1, 0) {
				t.Errorf("width %d: a line of %d", width, n)
			}
			if i == 5 && line != "" {
				t.Errorf("left at the end: %q", line)
			}
			if width == 200 && i == 4 && !strings.HasPrefix(line, "measuring 3/3 s  1,000 connections") {
				t.Errorf("line %q", line)
			}
		}
	}
}

// TestProgressOfSearch holds that each rate begins at 0 again, although nothing is in between.
func TestProgressOfSearch(t *testing.T) {
	var b bytes.Buffer
	play(NewProgress(&b, options(-1, 2*time.Second)), 1, "measuring", 2, "measuring", 2)
	if n := strings.Count(b.String(), "measuring 1/2 s"); n != 2 {
		t.Errorf("%d beginnings:\n%s", n, b.String())
	}
}

func TestProgressOfNothing(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, options(time.Second, time.Second))
	p.width = func() int { return 80 }
	p.Close()
	if b.Len() > 0 {
		t.Errorf("%q", b.String())
	}
	p.Report(bench.Sample{T: 1}, "connecting")
	if got := b.String(); got != "\rconnecting  0 connections  0 errors\x1b[K" {
		t.Errorf("%q", got)
	}
}
