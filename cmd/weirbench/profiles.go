package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/profile"
)

// profiles says where a Go server's profiles are to be fetched from, and where to.
type profiles struct {
	url, dir string
}

func (p *profiles) flags(fs *flag.FlagSet) {
	fs.StringVar(&p.url, "pprof", "", "fetch profiles of a Go server during the run, from its net/http/pprof at this `address`, such as 127.0.0.1:6060")
	fs.StringVar(&p.dir, "profiles", "profiles", "`folder` for the profiles")
}

// leadOut is the end of a run in which no profile is taken: load must be there until the last is.
const leadOut = time.Second

func (p *profiles) check(o *bench.Options) error {
	if p.url != "" && o.Duration < 5*time.Second {
		return errors.New("-pprof needs a -duration of 5s at least")
	}
	return nil
}

// during fetches the profiles once the run measures. The function that it returns waits for them, and
// says where they are, unless it is to be quiet.
func (p *profiles) during(ctx context.Context, o *bench.Options, quiet bool, stderr io.Writer) (wait func() error) {
	if p.url == "" {
		return func() error { return nil }
	}
	var once sync.Once
	var done chan error
	before := o.Progress
	o.Progress = func(s bench.Sample, phase string) {
		if before != nil {
			before(s, phase)
		}
		if s.Warmup {
			return
		}
		once.Do(func() { // after the first second
			done = make(chan error, 1)
			go func() { done <- profile.Collect(ctx, p.url, p.dir, o.Duration-time.Second-leadOut) }()
		})
	}
	return func() error {
		if done == nil {
			return errors.New("no profiles: the run did not come to measuring")
		}
		if err := <-done; err != nil {
			return fmt.Errorf("profiles: %w", err)
		}
		if !quiet {
			fmt.Fprintf(stderr, "weirbench: profiles are in %s; open one with: go tool pprof -http=: %s\n", p.dir, filepath.Join(p.dir, profile.Files[0]))
		}
		return nil
	}
}
