package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestHold holds that nothing is sent before the time is over, and then one message on each connection.
func TestHold(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Conns, o.Loops, o.Rate, o.Verify = 20, 2, 400, true
	var early int64
	var stages []string
	o.Sync = func(_ context.Context, stage string) error {
		if stages = append(stages, stage); stage == stageEcho {
			early = srv.messages.Load()
		}
		return nil
	}
	res := must(t, RunHold, o)
	wantChecks(t, res, "")
	wantWhole(t, res)
	if n := srv.messages.Load(); early != 0 || n != 20 || res.Messages.Received != 20 {
		t.Errorf("%d messages came early, %d in all, and %d came back; want 20", early, n, res.Messages.Received)
	}
	if want := []string{stageConnect, stageMeasure, stageEcho}; !slices.Equal(stages, want) {
		t.Errorf("stages %q, want %q", stages, want)
	}
	if least := o.Duration.Seconds() + 19./400; res.Seconds < least {
		t.Errorf("%v s, want %v for the time and for the echoes", res.Seconds, least)
	}
}

// TestHoldMute holds that a run without echoes sends none.
func TestHoldMute(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Mute = true
	res := must(t, RunHold, o)
	wantChecks(t, res, "")
	if n := srv.messages.Load(); n != 0 || res.Connections.Opened != 4 {
		t.Errorf("%d messages on %d connections", n, res.Connections.Opened)
	}
}

// TestHoldLost has the server cut a connection that is idle, and leave another's echo out.
func TestHoldLost(t *testing.T) {
	t.Parallel()
	srv := &testServer{}
	srv.onOpen = func(c *reactor.Conn) {
		if srv.opened.Load() == 2 {
			go func() { _ = c.CloseNow() }()
		}
	}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if srv.messages.Load() > 1 {
			echo(c, m)
		}
	}
	srv.start(t)
	o := short(srv.url)
	o.Conns = 5
	o.patience.answers = 200 * time.Millisecond
	res := must(t, RunHold, o)
	wantChecks(t, res, "connections errors answers echoed")
	if res.Connections.Lost != 1 || res.Messages.Received != 3 {
		t.Errorf("%+v, %+v", res.Connections, res.Messages)
	}
}

// TestHoldPublished has a server publish once all workers wait for it.
func TestHoldPublished(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		copies []int // to each connection
		failed string
		count  int64
	}{
		"all":   {[]int{1, 1, 1, 1, 1, 1}, "", 6},
		"few":   {[]int{1, 1, 0, 1, 1, 1}, "delivered", 5},
		"twice": {[]int{1, 2, 0, 1, 1, 1}, "errors delivered", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var members []*reactor.Conn
			srv := &testServer{onOpen: func(c *reactor.Conn) {
				mu.Lock()
				members = append(members, c)
				mu.Unlock()
			}}
			srv.start(t)
			o := short(srv.url)
			o.Conns, o.Listen = 6, time.Second
			if c.failed == "" {
				o.Listen = 20 * time.Second
			}
			var stages []string
			o.Sync = func(_ context.Context, stage string) error {
				stages = append(stages, stage)
				if stage == stagePublish {
					mu.Lock()
					defer mu.Unlock()
					for i, n := range c.copies {
						for range n {
							_ = members[i].WriteMessage(codec.Text, Stamp(time.Now().Add(-time.Minute), 100))
						}
					}
				}
				return nil
			}
			res, err := RunOn(t.Context(), "hold", o, dialWorkers(t, startWorkers(t, 2, ""), ""))
			if err != nil {
				t.Fatal(err)
			}
			wantChecks(t, res, c.failed)
			if want := []string{stageConnect, stageMeasure, stageEcho, stagePublish}; !slices.Equal(stages, want) {
				t.Errorf("stages %q, want %q", stages, want)
			}
			if d := res.Delivered; d == nil || d.Count != c.count || d.Min < int64(59*time.Second) || res.Messages.Received != 6 {
				t.Errorf("delivered %+v, %d echoes", d, res.Messages.Received)
			}
		})
	}
}

// TestSyncFails holds that the caller can end the run of workers.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Duration = time.Minute
	o.Sync = func(_ context.Context, stage string) error {
		if stage == stageMeasure {
			return errors.New("enough")
		}
		return nil
	}
	res, err := RunOn(t.Context(), "hold", o, dialWorkers(t, startWorkers(t, 2, ""), ""))
	if err != nil {
		t.Fatal(err)
	}
	if res.Ended != "interrupted" || srv.messages.Load() != 0 {
		t.Errorf("ended %q, %d messages", res.Ended, srv.messages.Load())
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 123)
	for _, size := range []int{0, 20, 128} {
		p := Stamp(at, size)
		if got, ok := Stamped(p); !ok || !got.Equal(at) || len(p) != max(size, 20) {
			t.Errorf("%q: %v, %v", p, got, ok)
		}
	}
	for _, p := range []string{"", "12 ", "1700000000000000000", "170000000000000000x "} {
		if _, ok := Stamped([]byte(p)); ok {
			t.Errorf("%q is stamped", p)
		}
	}
}
