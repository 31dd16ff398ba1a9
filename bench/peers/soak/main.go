// Command soak loads the command weir with connections of every kind at the same time, well-behaved and abusive, for
// -for, and then waits until its goroutines, descriptors, heap and RSS are back at what they were before. It writes
// a report with graphs to -dir, and exits with 1 when a load failed or something is not given back. Run it in
// bench/peers.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"example.org/weir/bench/peers"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how `long` the load lasts")
	dir := flag.String("dir", "results/soak", "`folder` for the report")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	ok, err := soak(ctx, *length, *dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// soak reports whether the server bore it and gave everything back.
func soak(ctx context.Context, length time.Duration, dir string) (ok bool, err error) {
	tmp, err := os.MkdirTemp("", "soak")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", tmp+"/", "./cmd/weir", "./cmd/weirbench")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return false, fmt.Errorf("go build: %w\n%s", err, out)
	}
	cert, key, err := peers.WriteCertificate(tmp)
	if err != nil {
		return false, err
	}
	w, err := startWeir(ctx, filepath.Join(tmp, "weir"), cert, key, filepath.Join(dir, "weir.log"))
	if err != nil {
		return false, err
	}
	defer w.stop()
	all := loads(w, cert)
	bench := filepath.Join(tmp, "weirbench")

	// What is made once, such as event loops and the pools' first buffers, belongs to the baseline.
	fmt.Println("soak: warming up")
	warm := runAll(ctx, bench, all, 5*time.Second, dir)
	before := int64(0) // the runtime gives memory back little by little
	baseline, err := w.settled(ctx, func(s sample) bool {
		still := s.RSS >= before-1<<20 && before > 0
		before = s.RSS
		return s.Conns == 0 && still
	})
	if err != nil {
		return false, err
	}
	fmt.Printf("soak: baseline %v; %v of load\n", baseline, length)
	rec := w.record(ctx)
	results := runAll(ctx, bench, all, length, dir)
	limit := baseline.limit()
	last, err := w.settled(ctx, func(s sample) bool { return s.within(limit) })
	samples := rec()
	if err != nil {
		return false, err
	}
	r := report{Length: length, Baseline: baseline, Limit: limit, Last: last, Samples: samples, Results: append(warm, results...)}
	if err := r.write(dir); err != nil {
		return false, err
	}
	r.print(os.Stdout)
	return r.ok() && ctx.Err() == nil, nil
}
