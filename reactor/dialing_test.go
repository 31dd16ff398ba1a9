package reactor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// Once OnOpen is called the attempt has succeeded, and it is too late to give it up.
func TestDialContextInOnOpen(t *testing.T) {
	cl, url := dialTest(t, &Server{})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	h := newProbe()
	h.onOpen = func(*Conn) {
		cancel()
		select {
		case <-returned:
			t.Error("Dial has returned before OnOpen")
		case <-time.After(50 * time.Millisecond): // for it to err in
		}
	}
	c, err := cl.Dial(ctx, url, h, nil)
	close(returned)
	if err != nil {
		t.Fatalf("Dial returned %v, and the connection is open", err)
	}
	if err := c.WriteText("hello"); err != nil {
		t.Error(err)
	}
}

// A connection that has been given up is never opened, though the server accepts it in the same moment.
func TestDialContextBeforeOnOpen(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := newProbe()
	cl, url := dialTest(t, &Server{Handler: server, Authorize: func(_ context.Context, _ *Conn, u *Upgrade) error {
		if string(u.Request.Path()) == "/late" {
			close(asked)
			<-answer
		}
		return nil
	}})
	cl.Loops = 1
	first, err := cl.Dial(t.Context(), url, NopHandler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	within(t, server.opened)
	ctx, cancel := context.WithCancel(t.Context())
	late, ended := newProbe(), make(chan error, 1)
	go func() {
		_, err := cl.Dial(ctx, strings.Replace(url, "/path", "/late", 1), late, nil)
		ended <- err
	}()
	within(t, asked)
	held, release := make(chan struct{}), make(chan struct{})
	_ = first.Do(func(*Conn) { close(held); <-release })
	within(t, held)
	close(answer)
	c := within(t, server.opened)
	eventually(t, "the server has answered", func() bool { return c.BufferedAmount() == 0 })
	cancel()
	if err := within(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial returned %v", err)
	}
	close(release)
	within(t, server.closed)
	eventually(t, "the client has only the first", func() bool { return cl.Conns() == 1 })
	if len(late.opened) > 0 || len(late.closed) > 0 {
		t.Errorf("the handler was called %d and %d times for a connection that was given up", len(late.opened), len(late.closed))
	}
}

// A Redial whose context ends during OnOpen ends the connection in order.
func TestRedialContextInOnOpen(t *testing.T) {
	h := newProbe()
	r, _ := redialTo(t, &Server{}, h)
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	h.onOpen = func(*Conn) {
		cancel()
		select {
		case <-returned:
			t.Error("Run has returned before OnOpen")
		case <-time.After(50 * time.Millisecond): // for it to err in
		}
	}
	err := r.Run(ctx)
	close(returned)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	if len(h.opened) != 1 || len(h.closed) != 1 {
		t.Errorf("when Run returned OnOpen had been called %d times, OnClose %d times", len(h.opened), len(h.closed))
	}
	var ce *codec.CloseError
	if err := within(t, h.closed); !errors.As(err, &ce) || ce.Code != codec.CloseGoingAway {
		t.Errorf("OnClose got %v", err)
	}
}
