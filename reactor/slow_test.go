package reactor

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// newSlow returns a stand whose connection has subscribed to everything and takes no more, and the bytes
// that come before what is published from now on.
func newSlow(t *testing.T, srv *Server) (s *stand, before string) {
	t.Helper()
	srv.MaxOutbound = 100_000
	s = newStandOn(t, srv, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	if err := s.c.Subscribe(">"); err != nil {
		t.Fatal(err)
	}
	n := congest(t, s.c)
	s.settle()
	return s, strings.Repeat(unmasked(codec.Binary, strings.Repeat("x", 1000)), n)
}

// publish publishes messages: "a1" is one on the topic "a".
func (s *stand) publish(messages ...string) {
	s.t.Helper()
	for _, m := range messages {
		if err := s.e.srv.Publish(m[:1], codec.Text, []byte(m)); err != nil {
			s.t.Fatal(err)
		}
		s.settle()
	}
}

// frames are text frames.
func frames(messages string) (all string) {
	for m := range strings.FieldsSeq(messages) {
		all += unmasked(codec.Text, m)
	}
	return all
}

// TestSlowSubscriber holds which messages a subscriber gets in the end that has been slow, byte for byte,
// and how many it has missed.
func TestSlowSubscriber(t *testing.T) {
	large := "a" + strings.Repeat("l", 60_000)
	for _, row := range []struct {
		name    string
		policy  SlowPolicy
		most    int
		publish string
		want    string
		missed  int64
	}{
		{"there is room", SlowDropNewest, 4, "a1 b1 a2 c1", "a1 b1 a2 c1", 0},
		{"drop newest", SlowDropNewest, 4, "a1 b1 a2 c1 a3 c2", "a1 b1 a2 c1", 2},
		{"drop oldest", SlowDropOldest, 4, "a1 b1 a2 c1 a3 c2", "a2 c1 a3 c2", 2},
		{"keep latest", SlowKeepLatest, 4, "a1 b1 a2 c1 a3 c2", "b1 a3 c2", 3},
		{"keep latest of one topic", SlowKeepLatest, 4, "a1 a2 a3", "a3", 2},
		{"keep latest of many topics", SlowKeepLatest, 2, "a1 b1 c1 a2", "c1 a2", 2},
		{"room for one", SlowDropNewest, 1, "a1 b1", "a1", 1},
		{"no limit of messages", SlowDropNewest, -1, strings.Repeat("a1 ", 1000), strings.Repeat("a1 ", 1000), 0},
		{"the default", SlowDropNewest, 0, strings.Repeat("a1 ", 300), strings.Repeat("a1 ", 256), 44},
		{"limit of bytes, drop newest", SlowDropNewest, 4, large + " " + large + " b1", large + " b1", 1},
		{"limit of bytes, drop oldest", SlowDropOldest, 4, "b1 " + large + " " + large + " b2", large + " b2", 2},
		{"one larger than the limit", SlowDropNewest, 4, large + large, large + large, 0},
		{"one larger than the limit at last", SlowDropOldest, 4, "b1 " + large + large, large + large, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			drained := 0
			srv := &Server{SlowSubscriber: row.policy, MaxPublishQueue: row.most, OnDrain: func(*Conn) { drained++ }}
			s, before := newSlow(t, srv)
			s.publish(strings.Fields(row.publish)...)
			if drained != 0 {
				t.Error("drained too early")
			}
			want := before + frames(row.want)
			if got := s.drain(); got != want {
				t.Errorf("got %d bytes, ending in %.100q, want %d, ending in %.100q",
					len(got), got[min(len(got), len(before)):], len(want), frames(row.want))
			}
			delivered := int64(len(strings.Fields(row.want)))
			if n := srv.TopicStats(); n.Missed != row.missed || n.Delivered != delivered {
				t.Errorf("%d were missed, want %d; %d were delivered, want %d", n.Missed, row.missed, n.Delivered, delivered)
			}
			if s.c.waiting() != nil || s.c.BufferedAmount() != 0 || drained != 1 {
				t.Errorf("something still waits; drained %d times", drained)
			}
			s.publish("z1") // it is not slow any more
			s.wantOut(frames("z1"))
		})
	}
}

func TestSlowClose(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, SlowSubscriber: SlowClose, MaxPublishQueue: 2}
	s, before := newSlow(t, srv)
	s.publish("a1", "a2")
	if s.c.closing() != codec.Open {
		t.Fatal("closed though there was room")
	}
	s.publish("a3", "a4")
	if got := s.drain(); got != before+unmasked(codec.Close, "\x03\xF5reading too slowly") {
		t.Errorf("it ends in %.100q", got[min(len(got), len(before)):])
	}
	if n := srv.TopicStats(); n.SlowClosed != 1 || n.Missed != 3 {
		t.Errorf("%+v", n)
	}
	s.arrive(closeFrame(codec.CloseTryAgainLater, ""))
	_ = s.l.events.Close(s.c.socket)
	h.wantClosed(t, codec.CloseTryAgainLater, false)
}

// TestSlowThenClosed closes a connection for which messages wait: they come before the close frame, and
// nothing after it.
func TestSlowThenClosed(t *testing.T) {
	s, before := newSlow(t, &Server{})
	s.publish("a1", "a2")
	if err := s.c.Close(4001, "that is all"); err != nil {
		t.Fatal(err)
	}
	s.publish("a3")
	want := before + frames("a1 a2") + unmasked(codec.Close, "\x0F\xA1that is all")
	if got := s.drain(); got != want {
		t.Errorf("it ends in %q", got[min(len(got), len(before)):])
	}
}

// TestSlowCloseTimeout closes a subscriber for whom messages wait from outside its loop. It is cut when the close
// timeout has passed, though nothing arrives and nothing can be sent.
func TestSlowCloseTimeout(t *testing.T) {
	s, _ := newSlow(t, &Server{CloseTimeout: time.Second, IdleTimeout: -1})
	s.publish("a1")
	s.settle()
	_ = s.c.Close(codec.CloseNormal, "")
	s.settle()
	s.pass(s.l.cfg.close + 2)
	s.settle()
	if !s.c.isClosed() {
		t.Error("the connection is still there")
	}
}

// TestSlowRefills has more wait than is written at once, and a client that reads a bit at a time. What has
// become pending makes room for more.
func TestSlowRefills(t *testing.T) {
	s, before := newSlow(t, &Server{})
	var messages []string
	publish := func(n int) {
		for range n {
			m := fmt.Sprintf("a%d-%s", len(messages), strings.Repeat("m", 1000))
			messages = append(messages, m)
			s.publish(m)
		}
	}
	publish(90)
	var got strings.Builder
	b := make([]byte, 10_000)
	for {
		n, err := unix.Read(s.peer, b)
		if err == unix.EAGAIN && s.c.BufferedAmount() == 0 {
			break
		}
		got.Write(b[:max(n, 0)])
		s.c.run(nowWritable)
		if w := s.c.waiting(); w != nil && len(w.queue) < 90 && len(messages) == 90 {
			publish(60)
		}
	}
	if got.String() != before+frames(strings.Join(messages, " ")) {
		t.Errorf("%d bytes came", got.Len())
	}
}

// TestSlowInOrder publishes to a connection whose socket takes bytes again but has not been given those
// that wait.
func TestSlowInOrder(t *testing.T) {
	s, before := newSlow(t, &Server{})
	s.publish("a1")
	_ = s.out()
	s.c.mu.Lock()
	s.c.flags.clear(flagFull)
	s.c.receive(&publication{message: codec.Prepare(codec.Text, []byte("a2")), topic: "a"})
	s.c.mu.Unlock()
	s.publish("a3")
	if got := s.drain(); !strings.HasSuffix(before+frames("a1 a2 a3"), got) || len(got) < len(frames("a1 a2 a3")) {
		t.Errorf("it ends in %.100q", got[max(0, len(got)-100):])
	}
}

// TestSlowRefillIsBounded holds that what waits becomes pending bit by bit.
func TestSlowRefillIsBounded(t *testing.T) {
	c := newCrowd(t, &Server{}, 1)
	conn := c.congested()
	c.subscribe(conn, "a")
	for range 100 {
		c.publish("a", strings.Repeat("m", 1000))
	}
	c.settle()
	for _, want := range []int{66, 34} { // messages of 1004 bytes
		conn.release()
		conn.refill()
		if n := conn.pending(); n != want*1004 {
			t.Errorf("%d bytes are pending at once, want %d", n, want*1004)
		}
	}
	if conn.waiting() != nil {
		t.Error("something still waits")
	}
}

// TestSlowMemory holds what waits for slow subscribers counts for: each message once, until it waits for
// nobody any more, for whatever reason.
func TestSlowMemory(t *testing.T) {
	srv := &Server{SlowSubscriber: SlowDropOldest, MaxPublishQueue: 2}
	c := newCrowd(t, srv, 2)
	var conns []*Conn
	for range 4 {
		conn := c.congested()
		c.subscribe(conn, "a")
		conns = append(conns, conn)
	}
	want := func(messages int64) {
		t.Helper()
		c.settle()
		if n := srv.Stats().Buffered; n != messages*3 {
			t.Fatalf("%d bytes are counted, want %d messages of 3 bytes", n, messages)
		}
	}
	c.publish("a", "x")
	want(1)
	c.publish("a", "y", "z") // instead of x
	want(2)
	c.subscribe(conns[0], "b")
	c.publish("b", "1", "2")
	want(4)
	_ = conns[0].loop.events.Close(conns[0].socket)
	want(2)
	for _, conn := range conns[1:] {
		want(2)
		conn.release()
		conn.refill()
		conn.release()
	}
	want(0)
}

// TestSlowBudget has what waits for a subscriber exceed what may wait for all. It is cut.
func TestSlowBudget(t *testing.T) {
	h := newProbe()
	s, _ := newSlow(t, &Server{Handler: h, MaxBuffered: 150_000})
	s.publish("a" + strings.Repeat("l", 40_000))
	if s.c.closing() != codec.Open {
		t.Fatal("cut too early")
	}
	s.publish("a" + strings.Repeat("l", 40_000))
	eventually(t, "it is cut", func() bool { return s.c.closing() == codec.Closed })
	eventually(t, "it is gone", func() bool {
		s.settle()
		return s.c.isClosed()
	})
	if n := s.e.srv.Stats(); n.Buffered != 0 || n.Shed != 1 {
		t.Errorf("%d bytes wait, %d were cut", n.Buffered, n.Shed)
	}
	h.wantClosed(t, codec.CloseTryAgainLater, false)
}

// TestSlowWithTLS breaks the protocol while published messages wait: they come, and our close frame behind
// them, and close_notify behind that.
func TestSlowWithTLS(t *testing.T) {
	eachTLS(t, func(t *testing.T, version uint16, mode IOMode) {
		h := newProbe()
		srv := &Server{Handler: h, IO: mode, Loops: 1}
		r := openTLS(t, serveTLS(t, srv), clientConfig(version))
		c := within(t, h.opened)
		if err := c.Subscribe("a"); err != nil {
			t.Fatal(err)
		}
		n := congest(t, c)
		const published = 90
		for i := range published {
			if err := srv.Publish("a", codec.Text, fmt.Appendf(nil, "%10000d", i)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all wait", func() bool { return srv.TopicStats().Delivered == published })
		r.send("\x83\x80....")
		eventually(t, "the server closes", func() bool { return c.closing() != codec.Open })
		for range n {
			r.want(codec.Binary, strings.Repeat("x", 1000))
		}
		for i := range published {
			r.want(codec.Text, fmt.Sprintf("%10000d", i))
		}
		r.wantCloseFrame(codec.CloseProtocolError)
		r.wantNotified()
	})
}

// TestSlowWithTLSAtTheEdge is that where what is sealed at once ends exactly where waiting messages begin.
func TestSlowWithTLSAtTheEdge(t *testing.T) {
	for _, v := range tlsVersions {
		s := newTLSStand(t, &Server{}, v)
		if err := s.c.Subscribe("a"); err != nil {
			t.Fatal(err)
		}
		filler := strings.Repeat("x", sealAtOnce)
		c := s.c
		c.mu.Lock()
		c.rare.subs.waiting = &waiting{core: s.l.engine.core}
		c.rare.subs.waiting.add(&publication{message: codec.Prepare(codec.Text, []byte("waits"))})
		c.buffer().B = append(c.buffer().B, filler...)
		c.sendClose(nil)
		c.flags.set(flagFinished)
		c.write()
		c.mu.Unlock()
		got, err := io.ReadAll(s.tls)
		if string(got) != filler+frames("waits")+unmasked(codec.Close, "") || err != nil {
			t.Errorf("%d bytes came, and %v; they end in %q", len(got), err, got[max(0, len(got)-20):])
		}
	}
}

// TestSlowBehindWriter holds that what waits behind a message in fragments is given up with it when the
// connection closes.
func TestSlowBehindWriter(t *testing.T) {
	s := newOpenStand(t, &Server{})
	if err := s.c.Subscribe("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.c.NewWriter(codec.Text); err != nil {
		t.Fatal(err)
	}
	s.publish("a1")
	if n := s.e.srv.Stats().Buffered; n != 4 {
		t.Errorf("%d bytes wait behind the writer", n)
	}
	_ = s.c.Close(codec.CloseNormal, "")
	s.settle()
	s.wantOut(unmasked(codec.Close, "\x03\xe8"))
	if n := s.e.srv.Stats().Buffered; n != 0 {
		t.Errorf("%d bytes still count", n)
	}
}
