package reactor

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// What ends a connection can be said in a close frame (RFC 6455 5.5.1, 7.4); package codec holds it of its own errors.
func TestErrorsFitCloseFrames(t *testing.T) {
	for _, err := range []*codec.CloseError{errBudget, errMessageRate, errByteRate, ErrIdle, errTooSlow, errInternal, errTooFast} {
		if _, fault := codec.AppendClose(nil, err.Code, err.Reason); fault != nil {
			t.Errorf("%v: %v", err, fault)
		}
	}
}

func TestClosedByClient(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string // of the client's close frame
		echo    string // the payload of the server's
		code    codec.CloseCode
		reason  string
	}{
		{"normal", "\x03\xE8bye", "\x03\xE8", 1000, "bye"},
		{"no status", "", "", codec.CloseNoStatus, ""},
		{"private", "\x0F\xA0", "\x0F\xA0", 4000, ""},
		{"longest reason", "\x03\xE9" + strings.Repeat("r", 123), "\x03\xE9", 1001, strings.Repeat("r", 123)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newProbe()
			r := open(t, serve(t, &Server{Handler: h}))
			c := within(t, h.opened)
			r.send(text("last"), frame(codec.Close, tt.payload), text("too late"))
			r.want(codec.Text, "last")
			r.want(codec.Close, tt.echo)
			r.wantEOF() // the server closes the TCP connection first (RFC 6455 7.1.1)
			if len(h.closed) > 0 {
				t.Error("OnClose was called before the client has closed")
			}
			_ = r.Close()
			if ce := h.wantClosed(t, tt.code, true); ce.Reason != tt.reason || ce.Cause != nil {
				t.Errorf("OnClose got %v", ce)
			}
			wantClosedMethods(t, c)
		})
	}
}

// wantClosedMethods checks that all methods of a closed connection say so.
func wantClosedMethods(t *testing.T, c *Conn) {
	t.Helper()
	for name, err := range map[string]error{
		"WriteMessage":  c.WriteMessage(codec.Binary, []byte("x")),
		"WriteText":     c.WriteText("x"),
		"WritePrepared": c.WritePrepared(codec.Prepare(codec.Text, []byte("x"))),
		"Ping":          c.Ping(nil),
		"Close":         c.Close(1000, ""),
		"CloseNow":      c.CloseNow(),
		"Subscribe":     c.Subscribe("a"),
		"Unsubscribe":   c.Unsubscribe("a"),
		"Publish":       c.Publish("a", codec.Text, nil),
		"Do":            c.Do(func(*Conn) { t.Error("Do called its function") }),
	} {
		var ce *codec.CloseError
		if !errors.Is(err, net.ErrClosed) || !errors.As(err, &ce) || !strings.Contains(err.Error(), "connection is closed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c.BufferedAmount() != 0 || c.LocalAddr() != nil || c.RemoteAddr() == nil {
		t.Errorf("BufferedAmount %d, LocalAddr %v, RemoteAddr %v", c.BufferedAmount(), c.LocalAddr(), c.RemoteAddr())
	}
}

func TestClosedByServer(t *testing.T) {
	h := newProbe()
	h.onMessage = func(c *Conn, m codec.Message) {
		_ = c.WriteText("first this")
		if err := c.Close(4001, "done"); err != nil {
			t.Error(err)
		}
		if err := c.Close(4002, "again"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the second Close: %v", err)
		}
		if err := c.WriteText("no more"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after Close: %v", err)
		}
		if err := c.Ping(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a ping after Close: %v", err)
		}
	}
	srv := &Server{Handler: h}
	r := open(t, serve(t, srv))
	r.send(text("close"), text("not delivered"), frame(codec.Ping, "not answered"))
	r.want(codec.Text, "first this")
	r.want(codec.Close, "\x0F\xA1done")
	r.send(text("not delivered"), frame(codec.Pong, "ignored"))
	r.send(closeFrame(1000, "my own"))
	r.wantEOF()
	_ = r.Close()
	if ce := h.wantClosed(t, 4001, false); ce.Reason != "done" {
		t.Errorf("the reason is %q", ce.Reason)
	}
}

func TestCloseArguments(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	for _, bad := range []struct {
		code   codec.CloseCode
		reason string
	}{{0, ""}, {1004, ""}, {1005, "reason"}, {1006, ""}, {1015, ""}, {2999, ""}, {5000, ""}, {1000, strings.Repeat("r", 124)}, {1000, "\xFF"}} {
		if err := c.Close(bad.code, bad.reason); err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("Close(%d, %.10q): %v", bad.code, bad.reason, err)
		}
	}
	r.send(text("still open"))
	r.want(codec.Text, "still open")
	if err := c.Close(codec.CloseNoStatus, ""); err != nil {
		t.Error(err)
	}
	r.want(codec.Close, "")
}

// Both sides send a close frame before they see the other's.
func TestClosedByBoth(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	crossed := make(chan error)
	if err := c.Do(func(c *Conn) { // the client's frame arrives while this runs
		r.send(closeFrame(4100, "client"))
		crossed <- c.Close(4200, "server")
	}); err != nil {
		t.Fatal(err)
	}
	if err := within(t, crossed); err != nil {
		t.Fatal(err)
	}
	r.want(codec.Close, "\x10\x68server")
	r.wantEOF()
	_ = r.Close()
	h.wantClosed(t, 4200, false)
}

func TestCloseTimeout(t *testing.T) {
	for name, begin := range map[string]func(*rawClient, *Conn){
		"no close frame comes":           func(_ *rawClient, c *Conn) { _ = c.Close(1000, "") },
		"the client stays after it":      func(r *rawClient, c *Conn) { _ = c.Close(1000, ""); r.send(closeFrame(1000, "")) },
		"the client stays after its own": func(r *rawClient, _ *Conn) { r.send(closeFrame(1000, "")) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newProbe()
			r := open(t, serve(t, &Server{Handler: h, CloseTimeout: 300 * time.Millisecond}))
			begin(r, within(t, h.opened))
			var ce *codec.CloseError
			if err := within(t, h.closed); !errors.As(err, &ce) || ce.Code != 1000 {
				t.Errorf("OnClose got %v", err)
			}
		})
	}
}

// A close timeout counts from the close frame, whatever else the client sends.
func TestCloseTimeoutNotProlonged(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h, CloseTimeout: 300 * time.Millisecond}))
	_ = within(t, h.opened).Close(1000, "")
	for len(h.closed) == 0 {
		if _, err := r.Write([]byte(frame(codec.Ping, "still here"))); err != nil {
			break
		}
	}
	h.wantClosed(t, 1000, false)
}

func TestHalfClosedByClient(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	r.send(text("hello"))
	_ = r.CloseWrite()
	r.want(codec.Text, "hello")
	r.wantEOF()
	if ce := h.wantClosed(t, codec.CloseAbnormal, false); !errors.Is(ce, io.EOF) {
		t.Errorf("OnClose got %v", ce)
	}
}

// A client may close its side right behind its close frame and still reads the answer.
func TestHalfClosedBehindClose(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	r.send(text("hello"), closeFrame(1001, ""))
	_ = r.CloseWrite()
	r.want(codec.Text, "hello")
	r.wantClose(1001)
	h.wantClosed(t, 1001, true)
}

func TestResetByClient(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	r.reset()
	if ce := h.wantClosed(t, codec.CloseAbnormal, false); !errors.Is(ce, syscall.ECONNRESET) {
		t.Errorf("OnClose got %v", ce)
	}
	wantClosedMethods(t, c)
}

// A write that fails ends the connection, with OnClose after the callback that wrote.
func TestWriteFails(t *testing.T) {
	h := newProbe()
	s := newStand(t, &Server{Handler: h})
	calls := 0
	h.onMessage = func(c *Conn, m codec.Message) {
		calls++
		_ = unix.Shutdown(s.peer, unix.SHUT_RDWR)
		if err := c.WriteMessage(codec.Binary, make([]byte, flushAt)); err != nil { // which is written at once
			t.Errorf("the write that fails: %v", err)
		}
		if err := c.WriteText("x"); !errors.Is(err, net.ErrClosed) || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the write after it: %v", err)
		}
		if len(h.closed) > 0 {
			t.Error("OnClose came during OnMessage")
		}
	}
	s.arrive(request() + text("1") + text("2"))
	if calls != 1 {
		t.Errorf("%d messages were delivered", calls)
	}
	if ce := h.wantClosed(t, codec.CloseAbnormal, false); !errors.Is(ce, syscall.EPIPE) {
		t.Errorf("OnClose got %v", ce)
	}
	wantClosedMethods(t, s.c)
}

// The same outside of callbacks, with a client that resets the connection.
func TestResetWhileWriting(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	_ = c.WriteText("x")
	r.want(codec.Text, "x")
	r.reset()
	eventually(t, "writes fail", func() bool {
		err := c.WriteMessage(codec.Binary, make([]byte, 1<<20))
		return errors.Is(err, net.ErrClosed)
	})
	h.wantClosed(t, codec.CloseAbnormal, false)
	wantClosedMethods(t, c)
}

func TestCloseNow(t *testing.T) {
	for name, cut := range map[string]func(*Conn){
		"inside":  func(c *Conn) { _ = c.Do(func(c *Conn) { _ = c.CloseNow(); _ = c.CloseNow() }) },
		"outside": func(c *Conn) { _ = c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newProbe()
			r := open(t, serve(t, &Server{Handler: h}))
			c := within(t, h.opened)
			cut(c)
			r.wantEOF() // and no close frame
			if ce := h.wantClosed(t, codec.CloseAbnormal, false); !errors.Is(ce, net.ErrClosed) {
				t.Errorf("OnClose got %v", ce)
			}
			wantClosedMethods(t, c)
		})
	}
}

// CloseNow in OnMessage: what else has arrived is not delivered, OnClose comes after the callback.
func TestCloseNowInOnMessage(t *testing.T) {
	h := newProbe()
	var delivered int
	h.onMessage = func(c *Conn, m codec.Message) {
		delivered++
		_ = c.CloseNow()
		if len(h.closed) > 0 {
			t.Error("OnClose came during OnMessage")
		}
	}
	r := open(t, serve(t, &Server{Handler: h}))
	r.send(text("1"), text("2"), text("3"))
	r.end()
	h.wantClosed(t, codec.CloseAbnormal, false)
	if delivered != 1 {
		t.Errorf("%d messages were delivered", delivered)
	}
}

// strict is a handler that fails the test when its calls overlap or come out of order.
type strict struct {
	t      *testing.T
	closed chan *Conn
}

func (h *strict) enter(c *Conn, from, to string) {
	if c.Data != from {
		h.t.Errorf("%s came in the state %v", to, c.Data)
	}
	c.Data = to // also a data race unless calls for one connection are ordered
}

func (h *strict) OnOpen(c *Conn) { c.Data = ""; h.enter(c, "", "open") }

func (h *strict) OnMessage(c *Conn, m codec.Message) {
	h.enter(c, "open", "message")
	_ = c.WriteMessage(m.Opcode, m.Payload)
	h.enter(c, "message", "open")
}

func (h *strict) OnClose(c *Conn, err error) {
	if err == nil {
		h.t.Error("OnClose without an error")
	}
	h.enter(c, "open", "closed")
	h.closed <- c
}

// TestOnCloseOnce ends connections in many ways at once, from both sides.
func TestOnCloseOnce(t *testing.T) {
	const n = 200
	h := &strict{t, make(chan *Conn, 2*n)}
	conns := make(chan *Conn, n)
	addr := serve(t, &Server{Handler: h, Loops: 2, Upgrade: func(c *Conn, _ *Upgrade) error { conns <- c; return nil }})
	for i := range n {
		r := open(t, addr)
		c := <-conns
		go func() {
			_ = c.WriteText("x")
			switch i % 4 {
			case 0:
				_ = c.Close(1000, "")
			case 1:
				_ = c.CloseNow()
			case 2:
				_ = c.Do(func(c *Conn) { _ = c.Close(1000, ""); _ = c.CloseNow() })
			}
			_ = c.CloseNow()
		}()
		_, _ = r.Write([]byte(text("a") + text("b")))
		switch i % 3 {
		case 0:
			r.reset()
		case 1:
			_, _ = r.Write([]byte(closeFrame(1000, "")))
			_ = r.Close()
		case 2:
			_ = r.CloseWrite()
		}
	}
	seen := make(map[*Conn]bool)
	for range n {
		c := within(t, h.closed)
		if seen[c] {
			t.Error("OnClose was called twice")
		}
		seen[c] = true
	}
	if len(h.closed) > 0 {
		t.Error("OnClose was called twice")
	}
}
