package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// listener is a client that passes on what it hears.
type listener struct {
	reactor.NopHandler
	heard  chan string
	closed chan error
}

func (l *listener) OnMessage(_ *reactor.Conn, m codec.Message) { l.heard <- string(m.Payload) }

func (l *listener) OnClose(_ *reactor.Conn, err error) { l.closed <- err }

func within[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing within 10 s")
	}
	return v
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

// startApp serves a and returns a function that connects to a path of it.
func startApp(t *testing.T, a app) func(path string) (*reactor.Conn, *listener) {
	t.Helper()
	_, dial := serveApp(t, a)
	return func(path string) (*reactor.Conn, *listener) {
		t.Helper()
		c, l, err := dial(path)
		if err != nil {
			t.Fatal(err)
		}
		return c, l
	}
}

// serveApp serves a, with flags, and returns a function that connects to a path of it with fields in its request.
func serveApp(t *testing.T, a app, args ...string) (*reactor.Server, func(path string, fields ...codec.Field) (*reactor.Conn, *listener, error)) {
	t.Helper()
	opt, err := parse(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	srv := newServer(opt, a, quiet)
	gate, err := newGatekeeper(opt, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if gate != nil {
		gate.guard(srv)
	}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	client := &reactor.Client{}
	t.Cleanup(func() {
		_ = client.Close()
		_ = srv.Close()
	})
	return srv, func(path string, fields ...codec.Field) (*reactor.Conn, *listener, error) {
		l := &listener{heard: make(chan string, 100), closed: make(chan error, 1)}
		c, err := client.Dial(t.Context(), "ws://"+srv.Addrs()[0].String()+path, l, &reactor.DialOptions{Fields: fields})
		return c, l, err
	}
}

func TestEcho(t *testing.T) {
	c, l := startApp(t, echo{})("/")
	_ = c.WriteText("hello world!")
	if got := within(t, l.heard); got != "hello world!" {
		t.Errorf("heard %q", got)
	}
}

func TestChatRooms(t *testing.T) {
	connect := startApp(t, &chat{})
	a, inA := connect("/red%20..")
	_, inB := connect("/red%20..")
	c, inC := connect("/blue")
	_ = a.WriteText("to red")
	_ = c.WriteText("to blue")
	if x, y := within(t, inA.heard), within(t, inB.heard); x != "to red" || y != "to red" {
		t.Errorf("red heard %q and %q", x, y)
	}
	if got := within(t, inC.heard); got != "to blue" {
		t.Errorf("blue heard %q", got)
	}
	_ = a.WriteText("again")
	if x, y := within(t, inA.heard), within(t, inB.heard); x != "again" || y != "again" {
		t.Errorf("red heard %q and %q", x, y)
	}
	if len(inA.heard)+len(inB.heard)+len(inC.heard) > 0 {
		t.Error("somebody heard more")
	}
}

func TestPrintLines(t *testing.T) {
	r, w := io.Pipe()
	p := newPrinter(w, slog.New(slog.DiscardHandler))
	c, _ := startApp(t, p)("/")
	_ = c.WriteText("hello world!")
	_ = c.WriteText("two\nlines\x1b[31m, ünïcode")
	_ = c.WriteMessage(codec.Binary, []byte{0, 0xFF})
	want := "hello world!\n" + `two\nlines\x1b[31m, ünïcode` + "\n00ff\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Errorf("printed %q, %v", got, err)
	}
	p.close()
}

func TestPrintFailure(t *testing.T) {
	var log strings.Builder
	p := newPrinter(failingWriter{}, slog.New(slog.NewTextHandler(&log, nil)))
	c, l := startApp(t, p)("/")
	_ = c.WriteText("one")
	<-p.done // it has failed
	_ = c.WriteText("two")
	var ce *codec.CloseError
	if err := within(t, l.closed); !errors.As(err, &ce) || ce.Code != codec.CloseTryAgainLater || !ce.Remote {
		t.Errorf("the client was told %v", err)
	}
	p.close()
	if !strings.Contains(log.String(), "cannot print") {
		t.Errorf("logged %q", log.String())
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }
