package reactor

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// mustWriter begins a message.
func mustWriter(t testing.TB, c *Conn, op codec.Opcode) *MessageWriter {
	t.Helper()
	w, err := c.NewWriter(op)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// mustWrite writes a fragment, which must be taken whole.
func mustWrite(t testing.TB, w *MessageWriter, p string) {
	t.Helper()
	if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
		t.Fatalf("Write took %d bytes of %d, %v", n, len(p), err)
	}
}

// fragment is an unmasked frame without FIN.
func fragment(op codec.Opcode, p string) string {
	return string(codec.AppendHeader(nil, false, op, len(p))) + p
}

// TestMessageWriter holds exactly what is sent, and in which order: control frames between the fragments, messages
// behind them (RFC 6455 5.4).
func TestMessageWriter(t *testing.T) {
	s := newOpenStand(t, &Server{})
	w := mustWriter(t, s.c, codec.Text)
	mustWrite(t, w, "Hel")
	_ = s.c.WriteText("behind")
	_ = s.c.Ping([]byte("up"))
	mustWrite(t, w, "")
	s.arrive(frame(codec.Ping, "down"))
	_ = s.c.WritePrepared(codec.Prepare(codec.Binary, []byte("prepared")))
	mustWrite(t, w, "lo")
	s.settle()
	s.wantOut(fragment(codec.Text, "Hel")+unmasked(codec.Ping, "up")+unmasked(codec.Pong, "down"), fragment(codec.Continuation, "lo"))
	if n := s.c.BufferedAmount(); n != len("behind")+len("prepared")+4 {
		t.Errorf("%d bytes are buffered", n)
	}
	if _, err := s.c.NewWriter(codec.Binary); err != ErrWriterOpen {
		t.Errorf("another writer: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	_ = s.c.WriteText("last")
	s.settle()
	s.wantOut(unmasked(codec.Continuation, "") + unmasked(codec.Text, "behind") + unmasked(codec.Binary, "prepared") + unmasked(codec.Text, "last"))

	if _, err := w.Write([]byte("late")); err != errWriterClosed {
		t.Errorf("Write after Close: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	_ = mustWriter(t, s.c, codec.Binary).Close() // an empty message
	s.settle()
	s.wantOut(unmasked(codec.Binary, ""))
	if _, err := s.c.NewWriter(codec.Ping); err != errNotData {
		t.Errorf("a ping in fragments: %v", err)
	}
	if got := s.e.srv.Stats().Sent; got.Text != 3 || got.Binary != 2 || got.TextBytes != 5+6+4 || got.BinaryBytes != 8 {
		t.Errorf("counted: %+v", got)
	}
}

// A published message waits behind the fragments, too.
func TestPublishBehindWriter(t *testing.T) {
	srv := &Server{}
	h := newProbe()
	h.onOpen = func(c *Conn) { _ = c.Subscribe("news") }
	srv.Handler = h
	r := open(t, serve(t, srv))
	c := within(t, h.opened)
	w := mustWriter(t, c, codec.Binary)
	mustWrite(t, w, "a file, ")
	for _, p := range []string{"one", "two"} {
		if err := srv.Publish("news", codec.Text, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both wait", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.waiting() != nil && len(c.waiting().queue) == 2
	})
	mustWrite(t, w, "to its end")
	_ = w.Close()
	if m := readMessage(t, r, func() {}); string(m.payload) != "a file, to its end" {
		t.Errorf("got %q", m.payload)
	}
	r.want(codec.Text, "one")
	r.want(codec.Text, "two")

	mustWrite(t, mustWriter(t, c, codec.Binary), "broken off")
	_ = srv.Publish("news", codec.Text, []byte("lost"))
	eventually(t, "it waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.waiting() != nil
	})
	_ = c.Close(4000, "")
	if b0, p, err := r.nextFrame(); b0 != byte(codec.Binary) || p != "broken off" || err != nil {
		t.Errorf("%#x %q, %v", b0, p, err)
	}
	r.want(codec.Close, "\x0f\xa0")
}

// TestMessageWriterBackpressure holds that no more is taken than may wait, whatever the policy, that OnDrain tells
// when to go on, and that all bytes come then.
func TestMessageWriterBackpressure(t *testing.T) {
	for _, policy := range []OverflowPolicy{OverflowReport, OverflowDrop, OverflowClose} {
		const limit, size = 100_000, 3_000_000
		var w *MessageWriter
		rest := prose(size, 7)
		drains := 0
		write := func() {
			n, err := w.Write([]byte(rest))
			if rest = rest[n:]; (err != nil) != (rest != "") || (err != nil && err != ErrBufferFull) {
				t.Fatalf("%d bytes are left, %v", len(rest), err)
			}
			if n := w.conn.BufferedAmount(); n > limit+codec.MaxHeader*4 {
				t.Fatalf("%d bytes wait", n)
			}
		}
		s := newStandOn(t, &Server{MaxOutbound: limit, Overflow: policy, OverflowTimeout: -1, OnDrain: func(*Conn) {
			if drains++; rest != "" {
				write()
			}
		}}, unix.SOCK_STREAM)
		s.arrive(request())
		s.out()
		w = mustWriter(t, s.c, codec.Binary)
		write()
		if rest == "" {
			t.Fatal("all was taken at once")
		}
		if n, err := w.Write([]byte("x")); n != 0 || err != ErrBufferFull {
			t.Errorf("Write took %d bytes more, %v", n, err)
		}
		var wire strings.Builder
		for rest != "" || s.c.BufferedAmount() > 0 {
			wire.WriteString(s.drain())
			s.settle()
			s.pass(2)
		}
		_ = w.Close()
		s.settle()
		wire.WriteString(s.drain())
		d := new(codec.Decoder)
		d.Reset(&codec.DecoderConfig{Role: codec.Client, MaxMessage: size, MaxFragments: 1000, Buffers: buffers{}})
		m, _, err := d.Decode([]byte(wire.String()))
		if err != nil || string(m.Payload) != prose(size, 7) || drains < 10 {
			t.Errorf("policy %d: %d bytes came, %v; OnDrain %d times", policy, len(m.Payload), err, drains)
		}
		d.Release()
	}
}

// What waits behind a message counts as what waits for the client does.
func TestBehindWriterIsBounded(t *testing.T) {
	s := newOpenStand(t, &Server{MaxOutbound: 10_000})
	w := mustWriter(t, s.c, codec.Text)
	accepted := congest(t, s.c)
	if n := s.c.BufferedAmount(); accepted < 8 || n > 10_000 {
		t.Errorf("%d messages wait, %d bytes", accepted, n)
	}
	mustWrite(t, w, "goes on")
	if err := s.c.Ping(nil); err != nil {
		t.Error(err)
	}
	_ = w.Close()
	s.settle()
	if s.out(); s.c.BufferedAmount() != 0 {
		t.Errorf("%d bytes are left", s.c.BufferedAmount())
	}
}

// Empty messages that wait behind a message take memory, too, and so there is room for so many.
func TestEmptyMessagesBehindWriter(t *testing.T) {
	s := newOpenStand(t, &Server{MaxOutbound: 10_000})
	mustWriter(t, s.c, codec.Text)
	n := 0
	for ; n < 1000 && s.c.WriteText("") == nil; n++ {
	}
	if n < 100 || n > 200 {
		t.Errorf("%d messages wait", n)
	}
}

// A limit below any fragment does not hold up a message.
func TestMessageWriterTinyLimit(t *testing.T) {
	s := newOpenStand(t, &Server{MaxOutbound: 1})
	w := mustWriter(t, s.c, codec.Text)
	mustWrite(t, w, strings.Repeat("x", 50_000))
	s.settle()
	if n := len(strings.Join(s.out(), "")); n < 50_000 {
		t.Errorf("%d bytes came", n)
	}
}

// TestMessageWriterEnds holds what a connection that ends does to a message that is being written.
func TestMessageWriterEnds(t *testing.T) {
	for name, end := range map[string]func(*stand){
		"Close":       func(s *stand) { _ = s.c.Close(4000, "") },
		"CloseNow":    func(s *stand) { _ = s.c.CloseNow() },
		"peer closes": func(s *stand) { s.arrive(closeFrame(4000, "")) },
		"gone":        func(s *stand) { _ = s.l.events.Close(s.c.socket) },
	} {
		s := newOpenStand(t, &Server{})
		w := mustWriter(t, s.c, codec.Text)
		mustWrite(t, w, "begun")
		_ = s.c.WriteText("behind")
		end(s)
		s.settle()
		if _, err := w.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Write returned %v", name, err)
		}
		if _, err := s.c.NewWriter(codec.Text); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: NewWriter returned %v", name, err)
		}
		if err := w.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the writer's Close returned %v", name, err)
		}
		wire := strings.Join(s.out(), "")
		if want := fragment(codec.Text, "begun"); name == "Close" && wire != want+unmasked(codec.Close, "\x0f\xa0") {
			t.Errorf("%s: % x was sent", name, wire)
		}
	}
}

// TestWriteFromFails: the reader's error, or panic, costs the connection, since the message cannot be taken back.
func TestWriteFromFails(t *testing.T) {
	broken := errors.New("the file has gone")
	for name, r := range map[string]io.Reader{
		"error": io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(broken)),
		"panic": io.MultiReader(strings.NewReader("begun"), nil),
	} {
		h := newProbe()
		raw := open(t, serve(t, &Server{Handler: h}))
		c := within(t, h.opened)
		func() {
			defer func() { _ = recover() }()
			if n, err := c.WriteFrom(codec.Text, r); n != 5 || err != broken {
				t.Errorf("%s: WriteFrom returned %d, %v", name, n, err)
			}
		}()
		if b0, p, err := raw.nextFrame(); b0 != byte(codec.Text) || p != "begun" || err != nil {
			t.Errorf("%s: %#x %q, %v", name, b0, p, err)
		}
		raw.want(codec.Close, "\x03\xf3the message could not be finished")
		raw.send(closeFrame(codec.CloseInternalError, ""))
		raw.wantEOF()
	}
}

// A message of no type that there is is refused before anything is read.
func TestWriteFromRefused(t *testing.T) {
	h := newProbe()
	raw := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	if n, err := c.WriteFrom(codec.Ping, iotest.ErrReader(errors.New("it was read"))); n != 0 || err != errNotData {
		t.Errorf("WriteFrom returned %d, %v", n, err)
	}
	_ = c.WriteText("still open")
	raw.want(codec.Text, "still open")
}

// WriteFrom returns when the connection ends while it waits for the client.
func TestWriteFromIsCut(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	sent := make(chan error, 1)
	go func() {
		_, err := c.WriteFrom(codec.Binary, flood(1<<30))
		sent <- err
	}()
	eventually(t, "the output is congested", func() bool { return c.BufferedAmount() > writerRoom/2 })
	r.reset()
	if err := within(t, sent); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteFrom returned %v", err)
	}
}

// io.Copy blocks as ReadFrom does, and Write in a loop with OnDrain does not; a deadline of the test's own bounds both.
func TestCopyToMessageWriter(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	done := make(chan error, 1)
	go func() {
		w, err := c.NewWriter(codec.Binary)
		if err == nil {
			_, err = io.Copy(w, flood(3<<20))
		}
		done <- errors.Join(err, w.Close())
	}()
	_ = r.SetDeadline(time.Now().Add(patience))
	if m := readMessage(t, r, func() {}); len(m.payload) != 3<<20 {
		t.Errorf("%d bytes came", len(m.payload))
	}
	if err := within(t, done); err != nil {
		t.Error(err)
	}
}

// A fragment that is written to a fast client allocates nothing.
func TestMessageWriterAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets under the race detector")
	}
	s := newOpenStand(t, &Server{})
	w := mustWriter(t, s.c, codec.Binary)
	p := make([]byte, 10_000)
	b := make([]byte, 16_384)
	n := testing.AllocsPerRun(100, func() {
		s.c.begin()
		if n, err := w.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		s.c.end()
		if n, _ := unix.Read(s.peer, b); n < len(p) {
			t.Fatal("not sent")
		}
	})
	if n != 0 {
		t.Errorf("a fragment allocates %v times", n)
	}
}
