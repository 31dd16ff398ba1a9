package reactor

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// TestMeddling has each callback and hook end the connection, or the server, on which it is called. OnClose comes
// once, what was to be written still is after Close, and another connection is not harmed by Close and CloseNow.
func TestMeddling(t *testing.T) {
	places := map[string]string{ // what makes the server call them
		"OnOpen":    request(),
		"OnMessage": request() + text("a"),
		"OnPong":    request() + frame(codec.Pong, ""),
		"OnClose":   request() + closeFrame(1000, ""),
		"OnDrain":   request() + text("congest"),
		"Upgrade":   request(),
	}
	actions := map[string]func(*Server, *Conn){
		"Close":    func(_ *Server, c *Conn) { _ = c.WriteText("bye"); _ = c.Close(4000, "") },
		"CloseNow": func(_ *Server, c *Conn) { _ = c.CloseNow() },
		"both":     func(_ *Server, c *Conn) { _ = c.Close(4000, ""); _ = c.CloseNow(); _ = c.WriteText("too late") },
		"Shutdown": func(s *Server, _ *Conn) { go s.Shutdown(context.Background()) },
	}
	for place, send := range places {
		for action, do := range actions {
			if place == "Upgrade" && action == "Close" {
				continue // there is nobody yet to send a close frame to
			}
			t.Run(place+"/"+action, func(t *testing.T) {
				h := &panicker{in: place, closed: make(chan error, 4)}
				srv := &Server{Handler: h, Loops: 1, CloseTimeout: 100 * time.Millisecond}
				h.instead = func(c *Conn) { do(srv, c) }
				srv.OnPong = func(c *Conn, _ []byte) { h.at(c, "OnPong") }
				srv.OnDrain = func(c *Conn) { h.at(c, "OnDrain") }
				srv.Upgrade = func(c *Conn, u *Upgrade) error {
					c.Data = string(u.Request.Target())
					h.at(c, "Upgrade")
					return nil
				}
				addr := serve(t, srv)
				other := dialRaw(t, addr)
				other.send(strings.Replace(request(), "GET /", "GET /other", 1))
				other.head()

				r := dialRaw(t, addr)
				r.send(send)
				r.end()
				_ = r.Close()
				if action == "Shutdown" {
					other.wantCloseFrame(codec.CloseGoingAway)
					_ = other.Close()
				} else {
					other.send(text("unharmed"))
					other.want(codec.Text, "unharmed")
					_ = other.Close()
				}
				eventually(t, "all have gone", func() bool { return srv.Conns() == 0 })
				if err := srv.Close(); err != nil {
					t.Error(err)
				}
				opened := srv.Stats().Opened
				if uint64(len(h.closed)) != opened || opened == 0 {
					t.Errorf("OnClose was called %d times for %d connections", len(h.closed), opened)
				}
				if n := srv.Stats().Panics; n > 0 {
					t.Errorf("%d panics", n)
				}
			})
		}
	}
}

// TestPartialWrites has the kernel take each possible part of what is written. The rest follows, and what is written
// meanwhile comes behind it.
func TestPartialWrites(t *testing.T) {
	frames := unmasked(codec.Text, "first") + unmasked(codec.Binary, strings.Repeat("x", 200)) + unmasked(codec.Ping, "p")
	for k := range len(frames) + 1 {
		s := newOpenStand(t, &Server{})
		s.c.mu.Lock()
		s.c.flags.set(flagQueued) // as in a turn
		s.c.mu.Unlock()
		_ = s.c.WriteText("first")
		_ = s.c.WriteMessage(codec.Binary, []byte(strings.Repeat("x", 200)))
		_ = s.c.Ping([]byte("p"))
		s.c.mu.Lock()
		if k > 0 {
			if _, err := unix.Write(int(s.c.fd), s.c.unsent()[:k]); err != nil {
				t.Fatal(err)
			}
		}
		s.c.took(int32(k)) // as the ring tells of it
		s.c.mu.Unlock()
		_ = s.c.WriteText("meanwhile")
		s.c.run(nil)
		s.settle()
		s.c.run(nowWritable) // as the watcher has it done
		if got, want := s.drain(), frames+unmasked(codec.Text, "meanwhile"); got != want {
			t.Fatalf("when %d bytes went first, the client got %.80q, want %.80q", k, got, want)
		}
		if n := s.c.BufferedAmount(); n != 0 {
			t.Fatalf("when %d bytes went first, %d are still buffered", k, n)
		}
	}
}

// TestWriteErrors has writes fail with what the kernel may say, in OnMessage, from outside and in a ping. The
// connection ends with that cause, once, and takes nothing more.
func TestWriteErrors(t *testing.T) {
	for name, write := range map[string]func(*Conn){
		"message": func(c *Conn) { _ = c.WriteText("x") },
		"large":   func(c *Conn) { _ = c.WriteText(strings.Repeat("x", 2*flushAt)) },
		"ping":    func(c *Conn) { _ = c.Ping(nil) },
		"close":   func(c *Conn) { _ = c.Close(1000, "") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newProbe()
			s := newOpenStand(t, &Server{Handler: h})
			h.onMessage = func(c *Conn, _ codec.Message) {
				write(c)
				write(c)
			}
			_ = unix.Shutdown(s.peer, unix.SHUT_RD) // EPIPE
			s.arrive(frame(codec.Text, "go"))
			s.settle()
			checkBroken(t, s, h, unix.EPIPE)
		})
	}
	for _, errno := range []unix.Errno{unix.ECONNRESET, unix.ENOBUFS, unix.ENOMEM, unix.ETIMEDOUT, unix.EHOSTUNREACH} {
		t.Run(errno.Error(), func(t *testing.T) {
			h := newProbe()
			s := newOpenStand(t, &Server{Handler: h})
			_ = s.c.WriteText("x")
			s.c.mu.Lock()
			s.c.took(-int32(errno))
			s.c.mu.Unlock()
			s.settle()
			checkBroken(t, s, h, errno)
		})
	}
}

func checkBroken(t *testing.T, s *stand, h *probe, cause error) {
	t.Helper()
	if !s.c.isClosed() {
		t.Fatal("the connection is still there")
	}
	err := within(t, h.closed)
	var ce *codec.CloseError
	if !errors.As(err, &ce) {
		t.Fatalf("OnClose got %v", err)
	}
	if ce.Code == codec.CloseAbnormal && !errors.Is(err, cause) {
		t.Errorf("OnClose got %v, want %v", err, cause)
	}
	if len(h.closed) > 0 {
		t.Error("OnClose was called again")
	}
	if err := s.c.WriteText("more"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteText returned %v", err)
	}
	if got := s.drain(); got != "" {
		t.Errorf("the client got %q", got)
	}
}

// TestShutdownInEveryPhase shuts a server down while a client has sent so much and no more. The client is told as far as
// it can be, and nothing is left.
func TestShutdownInEveryPhase(t *testing.T) {
	half := func(s string) string { return s[:len(s)/2] }
	hello := "\x16\x03\x01\x01\x00\x01\x00\x00"
	for name, tt := range map[string]struct {
		send   string
		want   string // in what the client gets
		opened int
	}{
		"nothing":                {"", "HTTP/1.1 503 ", 0},
		"half a request line":    {"GET / HT", "HTTP/1.1 503 ", 0},
		"half a request":         {half(request()), "HTTP/1.1 503 ", 0},
		"half a TLS record":      {hello, "HTTP/1.1 400 ", 0},
		"open":                   {request(), "\x88", 1},
		"half a header":          {request() + text("hello")[:1], "\x88", 1},
		"half a mask":            {request() + text("hello")[:4], "\x88", 1},
		"half a message":         {request() + half(text(strings.Repeat("x", 1000))), "\x88", 1},
		"a fragment":             {request() + first(byte(codec.Text), text("frag")), "\x88", 1},
		"half a ping in between": {request() + first(byte(codec.Text), text("frag")) + half(frame(codec.Ping, "ping")), "\x88", 1},
		"a close frame":          {request() + closeFrame(1000, ""), "\x88", 1},
		"a broken frame":         {request() + first(0xFF, text("x")), "\x88", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newProbe()
			srv := &Server{Handler: h, Loops: 1}
			addr := serve(t, srv)
			r := dialRaw(t, addr)
			r.send(tt.send)
			eventually(t, "the server has read it", func() bool {
				return srv.Stats().Accepted == 1 && len(h.opened) == tt.opened && int(srv.Stats().Received.Bytes) >= len(tt.send)*tt.opened
			})
			ended := make(chan error, 1)
			go func() { ended <- srv.Shutdown(t.Context()) }()
			if tt.opened == 1 {
				r.head()
				if op, _, err := r.next(); op != codec.Close || err != nil {
					t.Errorf("got %v, %v, want a close frame", op, err)
				}
			} else if head := r.head(); !strings.HasPrefix(head, tt.want) {
				t.Errorf("got %q, want %q", head, tt.want)
			}
			_ = r.Close()
			if err := within(t, ended); err != nil {
				t.Errorf("Shutdown returned %v", err)
			}
			if len(h.closed) != tt.opened || srv.Conns() != 0 {
				t.Errorf("OnClose was called %d times, want %d; %d connections are left", len(h.closed), tt.opened, srv.Conns())
			}
		})
	}
}
