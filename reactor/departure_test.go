package reactor

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// With DrainWindow clients are told one after the other, each once, and those that had not been told when
// the context ends are cut.
func TestDrainWindow(t *testing.T) {
	const n = 20
	h := newProbe()
	srv := &Server{Handler: h, Loops: 2, DrainWindow: n * time.Second}
	addr := serve(t, srv)
	told := make(chan *rawClient, n)
	for range n {
		r := open(t, addr)
		within(t, h.opened)
		go func() {
			if op, p, err := r.next(); err == nil && op == codec.Close && strings.HasPrefix(string(p), "\x03\xE9") {
				told <- r
			}
		}()
	}
	unborn := dialRaw(t, addr)
	eventually(t, "all are accepted", func() bool { return srv.Conns() == n+1 })

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(ctx) }()
	if head, _ := unborn.response(); !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("a connection without a request got %q", head)
	}
	for range 2 {
		r := within(t, told)
		r.send(closeFrame(1001, ""))
		r.wantEOF()
	}
	if len(told) > n/2 { // with one in a second on average
		t.Errorf("%d more are told at the same time", len(told))
	}
	cancel()
	if err := within(t, ended); err != context.Canceled {
		t.Errorf("Shutdown returned %v", err)
	}
	if len(h.closed) != n || srv.Conns() != 0 {
		t.Errorf("OnClose was called %d times, want %d; %d connections are left", len(h.closed), n, srv.Conns())
	}
}

// A window that passes leaves nobody untold.
func TestDrainWindowPasses(t *testing.T) {
	const n = 100
	h := newProbe()
	srv := &Server{Handler: h, Loops: 2, DrainWindow: 200 * time.Millisecond}
	addr := serve(t, srv)
	for range n {
		r := open(t, addr)
		within(t, h.opened)
		go func() {
			if _, _, err := r.next(); err == nil {
				r.send(closeFrame(1001, ""))
			}
		}()
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range n {
		h.wantClosed(t, codec.CloseGoingAway, false)
	}
}

func TestDueBy(t *testing.T) {
	for _, test := range []struct {
		name           string
		passed, window time.Duration
		n, want        int
	}{
		{"at the beginning nobody", 0, time.Second, 1000, 0},
		{"evenly", 250 * time.Millisecond, time.Second, 1000, 250},
		{"not before its time", 999 * time.Millisecond, time.Second, 1, 0},
		{"at the end all", time.Second, time.Second, 3, 3},
		{"after the end all", time.Hour, time.Second, 3, 3},
		{"a week and a million", 84 * time.Hour, 168 * time.Hour, 1_000_000, 500_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := dueBy(test.passed, test.window, test.n); got != test.want {
				t.Errorf("%d are due, want %d", got, test.want)
			}
		})
	}
}
