package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// visitor is one connection that counts how it ends.
type visitor struct {
	reactor.NopHandler
	echoes chan string
	ended  chan codec.CloseCode
}

func newVisitor() *visitor {
	return &visitor{echoes: make(chan string, 1), ended: make(chan codec.CloseCode, 1)}
}

func (v *visitor) OnMessage(_ *reactor.Conn, m codec.Message) { v.echoes <- string(m.Payload) }

func (v *visitor) OnClose(_ *reactor.Conn, err error) { v.ended <- err.(*codec.CloseError).Code }

// TestRestartWithoutDowntime starts a second process at the port of the first and ends the first, four times over,
// under new connections that come all the time. None is refused or reset; each gets its echo, or was told 1001. Those
// that stay are told 1001, and come back to the successor at once.
func TestRestartWithoutDowntime(t *testing.T) {
	const staying, coming = 50, 4
	share := []string{"-app", "echo", "-share-port", "-loops", "2", "-drain-window", "500ms"}
	old := startProcess(t, share...)
	share = append(share, "-addr", old.addr)
	url := "ws://" + old.addr

	client := &reactor.Client{Loops: 1, HandshakeTimeout: 30 * time.Second}
	t.Cleanup(func() { _ = client.Close() })
	stop, stopped := context.WithCancel(t.Context())
	var residents sync.WaitGroup
	var moves, visits, early atomic.Int64
	dial := func(v *visitor) *reactor.Conn {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := client.Dial(ctx, url, v, nil)
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return c
	}
	for i := range staying {
		residents.Go(func() {
			for stop.Err() == nil {
				v := newVisitor()
				c := dial(v)
				if c == nil {
					return
				}
				select {
				case code := <-v.ended:
					if code != codec.CloseGoingAway {
						t.Errorf("resident %d was told %v", i, code)
					}
					moves.Add(1)
				case <-stop.Done():
					_ = c.CloseNow()
				}
			}
		})
	}
	for range coming {
		residents.Go(func() {
			for n := 0; stop.Err() == nil; n++ {
				v := newVisitor()
				c := dial(v)
				if c == nil {
					return
				}
				visits.Add(1)
				want := fmt.Sprint(n)
				_ = c.WriteText(want)
				select {
				case got := <-v.echoes:
					if got != want {
						t.Errorf("the echo of %s is %s", want, got)
					}
					_ = c.Close(codec.CloseNormal, "")
				case code := <-v.ended:
					if code != codec.CloseGoingAway {
						t.Errorf("a visitor was told %v", code)
					}
					early.Add(1)
				case <-time.After(20 * time.Second):
					t.Error("neither echo nor end")
				}
			}
		})
	}
	for range 4 {
		before := visits.Load()
		next := startProcess(t, share...)
		eventually(t, "there are visits to both", func() bool { return visits.Load() > before+100 })
		if err := old.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := within(t, old.ended); err != nil {
			t.Errorf("the old process: %v", err)
		}
		before = visits.Load()
		eventually(t, "there are visits to the new", func() bool { return visits.Load() > before+100 })
		old = next
	}
	stopped()
	residents.Wait()
	if moves.Load() < staying { // who had come to the successor by chance stayed there
		t.Errorf("%d moves of %d residents in 4 restarts", moves.Load(), staying)
	}
	t.Logf("%d visits, %d of them told 1001 before their echo; %d moves", visits.Load(), early.Load(), moves.Load())
}

// TestSecondSignal holds that a drain, which would wait for a client, is over with the second signal.
func TestSecondSignal(t *testing.T) {
	p := startProcess(t)
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, upgradeRequest)
	if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 101"))); err != nil {
		t.Fatal(err)
	}
	readyz := func(status int) func() bool {
		return func() bool {
			res, err := http.Get(p.admin + "/readyz")
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == status
		}
	}
	eventually(t, "it is ready, which it may not be yet when it listens", readyz(http.StatusOK))
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it drains", readyz(http.StatusServiceUnavailable))
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = within(t, p.ended)
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, not with the signal", p.cmd.ProcessState)
	}
}

// The service unit and the image are for this binary: they set what it knows.
func TestUnitSetsWhatExists(t *testing.T) {
	unit, err := os.ReadFile("weir.service")
	if err != nil {
		t.Fatal(err)
	}
	vars := make(map[string]string)
	for line := range bytes.Lines(unit) {
		if v, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("Environment=")); ok {
			name, value, _ := bytes.Cut(v, []byte("="))
			vars[string(name)] = string(value)
		}
	}
	o, err := parse(vars)
	if err != nil {
		t.Fatal(err)
	}
	if len(vars) == 0 || !o.sharePort || o.drainWindow == 0 || o.drainTimeout <= o.drainWindow {
		t.Errorf("the unit sets %v, and so %+v", vars, o)
	}
}
