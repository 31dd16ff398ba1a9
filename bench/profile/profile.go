// Package profile fetches the profiles of a Go server that serves net/http/pprof, while it is under
// load.
package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Files are what Collect leaves in its folder.
var Files = []string{"cpu.pprof", "trace.out", "heap.pprof", "allocs.pprof", "mutex.pprof", "block.pprof", "goroutine.pprof"}

// Collect fetches what the server at base, for instance http://127.0.0.1:6060, has to tell about the
// next d of its life: a CPU profile of all of it, an execution trace of a second in the middle, and
// then, while the load is still there, the heap, allocs, mutex, block and goroutine profiles. It
// writes them to the folder dir, which it makes, and returns the errors of all that failed, joined.
// It takes about d; ctx ends it early.
func Collect(ctx context.Context, base, dir string, d time.Duration) error {
	base, err := endpoint(base)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	d = max(d, 3*time.Second)
	f := &fetcher{ctx: ctx, base: base, dir: dir}
	var wg sync.WaitGroup
	wg.Go(func() { f.fetch("cpu.pprof", fmt.Sprintf("profile?seconds=%d", int((d-time.Second).Seconds()))) })
	wg.Go(func() {
		select {
		case <-time.After(d/2 - time.Second):
		case <-ctx.Done():
			return
		}
		f.fetch("trace.out", "trace?seconds=1")
		for _, name := range []string{"heap", "allocs", "mutex", "block", "goroutine"} {
			f.fetch(name+".pprof", name)
		}
	})
	wg.Wait()
	return errors.Join(f.errs...)
}

// endpoint completes the URL of a net/http/pprof.
func endpoint(base string) (string, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("bad address of profiles %q: want http://host:port", base)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/debug/pprof"
	}
	return strings.TrimSuffix(u.String(), "/") + "/", nil
}

// fetcher fetches from one server into one folder.
type fetcher struct {
	ctx       context.Context
	base, dir string

	mu   sync.Mutex
	errs []error
}

// fetch saves what path has as a file, whole or not at all.
func (f *fetcher) fetch(file, path string) {
	if err := f.save(file, path); err != nil {
		f.mu.Lock()
		f.errs = append(f.errs, fmt.Errorf("%s: %w", file, err))
		f.mu.Unlock()
	}
}

func (f *fetcher) save(file, path string) error {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, f.base+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", f.base+path, res.Status)
	}
	return os.WriteFile(filepath.Join(f.dir, file), body, 0o644)
}
