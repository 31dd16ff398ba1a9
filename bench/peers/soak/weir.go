package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// weir is the server under load.
type weir struct {
	cmd                *exec.Cmd
	url, secure, admin string
}

func startWeir(ctx context.Context, binary, cert, key, log string) (*weir, error) {
	w := &weir{cmd: exec.CommandContext(ctx, binary, "-addr", "tcp://127.0.0.1:0", "-addr", "tls://127.0.0.1:0",
		"-tls-cert", cert, "-tls-key", key, "-deflate", "-admin", "127.0.0.1:0", "-idle-timeout", "20s")}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	in := bufio.NewScanner(stderr)
	for (w.url == "" || w.secure == "" || w.admin == "") && in.Scan() {
		fmt.Fprintln(f, in.Text())
		for key, to := range map[string]*string{"addr=tcp://": &w.url, "addr=tls://": &w.secure, "msg=admin url=": &w.admin} {
			if _, v, ok := strings.Cut(in.Text(), key); ok {
				*to, _, _ = strings.Cut(v, " ")
			}
		}
	}
	if w.url == "" || w.secure == "" || w.admin == "" {
		return nil, errors.New("weir does not start; see " + log)
	}
	w.url, w.secure = "ws://"+w.url, "wss://"+w.secure
	go func() {
		_, _ = io.Copy(f, stderr)
		_ = f.Close()
	}()
	return w, nil
}

func (w *weir) stop() {
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	_ = w.cmd.Wait()
}

// sample is what the server has at a moment. Heap and RSS are in bytes.
type sample struct {
	At                             time.Duration
	Conns, Goroutines, Descriptors int
	Heap, RSS                      int64
}

func (s sample) String() string {
	return fmt.Sprintf("%d connections, %d goroutines, %d descriptors, heap %.1f MiB, RSS %.1f MiB",
		s.Conns, s.Goroutines, s.Descriptors, float64(s.Heap)/(1<<20), float64(s.RSS)/(1<<20))
}

// limit is what may be left in the end: as many goroutines and descriptors as before and a few that come and go (of
// the admin's HTTP, for instance), and pools and tables that have grown with the load.
func (s sample) limit() sample {
	return sample{Goroutines: s.Goroutines + 5, Descriptors: s.Descriptors + 5, Heap: s.Heap + 16<<20, RSS: s.RSS + 64<<20}
}

func (s sample) within(l sample) bool {
	return s.Conns <= l.Conns && s.Goroutines <= l.Goroutines && s.Descriptors <= l.Descriptors && s.Heap <= l.Heap && s.RSS <= l.RSS
}

// sample asks the server, after a garbage collection if so wished.
func (w *weir) sample(collect bool) (s sample, err error) {
	if collect {
		if _, err := w.get("/debug/pprof/heap?gc=1"); err != nil {
			return s, err
		}
	}
	body, err := w.get("/metrics")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			s.Goroutines = int(v)
		case "go_memstats_alloc_bytes":
			s.Heap = int64(v)
		case "weir_connections":
			s.Conns = int(v)
		}
	}
	proc := "/proc/" + strconv.Itoa(w.cmd.Process.Pid)
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return s, err
	}
	s.Descriptors = len(fds)
	status, err := os.ReadFile(proc + "/status")
	if _, rest, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
		_, _ = fmt.Sscan(string(rest), &s.RSS)
		s.RSS <<= 10
	}
	if s.Goroutines == 0 || s.Heap == 0 || s.RSS == 0 {
		return s, errors.Join(err, errors.New("the server does not tell what is asked"))
	}
	return s, err
}

func (w *weir) get(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", w.admin+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // it leaves no connection behind, which would count
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// settled takes samples after garbage collections until one is good, for two minutes at most, and returns the last.
func (w *weir) settled(ctx context.Context, good func(sample) bool) (s sample, err error) {
	for end := time.Now().Add(2 * time.Minute); ; {
		if s, err = w.sample(true); err != nil || good(s) || time.Now().After(end) || ctx.Err() != nil {
			return s, err
		}
		time.Sleep(time.Second)
	}
}

// record takes a sample a second, until what it returns is called.
func (w *weir) record(ctx context.Context) (stop func() []sample) {
	ctx, cancel := context.WithCancel(ctx)
	samples := make(chan []sample)
	go func() {
		var all []sample
		begin := time.Now()
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for {
			if s, err := w.sample(false); err == nil {
				s.At = time.Since(begin)
				all = append(all, s)
			}
			select {
			case <-ticks.C:
			case <-ctx.Done():
				samples <- all
				return
			}
		}
	}()
	return func() []sample {
		cancel()
		return <-samples
	}
}
