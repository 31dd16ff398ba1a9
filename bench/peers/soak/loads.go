package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// load is one kind of clients: a scenario of weirbench, in a process of its own.
type load struct {
	name  string
	args  []string
	times bool // it takes -duration; otherwise it runs again and again
}

// loads are all kinds, some four thousand connections together.
func loads(w *weir, cert string) []load {
	sizes := "24:60,1KiB:30,16KiB:9,200KiB:1"
	return []load{
		{"echo", []string{"echo", "-conns", "1000", "-size", sizes, "-verify", w.url}, true},
		{"compressed", []string{"echo", "-conns", "300", "-size", sizes, "-deflate", "-verify", w.url}, true},
		{"TLS", []string{"echo", "-conns", "300", "-size", sizes, "-verify", "-ca", cert, w.secure}, true},
		{"slow", []string{"slow", "-conns", "50", "-slow", "50", "-stuck", "50", "-verify", w.url}, true},
		{"reconnecting", []string{"churn", "-conns", "50", "-verify", w.url}, true},
		{"reconnecting, TLS", []string{"churn", "-conns", "10", "-verify", "-ca", cert, w.secure}, true},
		{"storm", []string{"storm", "-conns", "300", w.url}, true},
		{"idle", []string{"hold", "-conns", "2000", w.url}, true},
		// Fragments, half frames, resets and more. What it judges is in its own tests; beside so much load it is slow.
		{"abusive", []string{
			"torture", "-scale", "0.2", "-max-latency", "5m", "-settle", "2m", "-slack", "4096", "-max-held", "1024",
			"-run", "half-handshake|garbage|resets|half-close|half-frames|dribble|tiny-fragments|never-reading|bad-closes|fuzz|inflate-bomb", w.url,
		}, false},
	}
}

// result is how a load ended.
type result struct {
	Name, Output string
	Err          error
}

// runAll runs all loads at the same time. What they print goes to files in dir.
func runAll(ctx context.Context, bench string, all []load, length time.Duration, dir string) []result {
	results := make([]result, len(all))
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for i, l := range all {
		wg.Go(func() {
			out := filepath.Join(dir, fmt.Sprintf("load-%d.txt", i))
			results[i] = result{Name: l.name, Output: out, Err: l.run(ctx, bench, length, end, out)}
		})
	}
	wg.Wait()
	return results
}

// run runs the load until end.
func (l load) run(ctx context.Context, bench string, length time.Duration, end time.Time, output string) error {
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		args := append([]string{l.args[0], "-quiet"}, l.args[1:]...)
		if l.times {
			args = append([]string{args[0], "-duration", length.String()}, args[1:]...)
		}
		cmd := exec.CommandContext(ctx, bench, args...)
		cmd.Stdout, cmd.Stderr = f, f
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w; see %s", l.name, err, output)
		}
		if l.times || time.Now().After(end) {
			return nil
		}
	}
}
