package reactor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// congest writes until the connection takes no more, and returns how many messages of 1000 bytes it
// took.
func congest(t *testing.T, c *Conn) (accepted int) {
	t.Helper()
	p := []byte(strings.Repeat("x", 1000))
	for {
		switch err := c.WriteMessage(codec.Binary, p); err {
		case nil:
			accepted++
		case ErrBufferFull:
			return accepted
		default:
			t.Fatal(err)
		}
	}
}

// drain reads what the peer of a stand has been sent, and lets the connection write again.
func (s *stand) drain() (received string) {
	for {
		out := strings.Join(s.out(), "")
		if out == "" {
			return received
		}
		received += out
		s.c.run(nowWritable) // as the watcher has it done
	}
}

func TestOverflowReport(t *testing.T) {
	drained := 0
	s := newStandOn(t, &Server{MaxOutbound: 100_000, OnDrain: func(c *Conn) {
		if drained++; c.BufferedAmount() != 0 {
			t.Errorf("OnDrain with %d bytes buffered", c.BufferedAmount())
		}
	}}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	accepted := congest(t, s.c)
	if n := s.c.BufferedAmount(); n > 100_000 || n < 98_000 {
		t.Errorf("%d bytes are buffered", n)
	}
	s.settle()
	if drained != 0 {
		t.Error("OnDrain too early")
	}
	want := strings.Repeat(unmasked(codec.Binary, strings.Repeat("x", 1000)), accepted)
	if got := s.drain(); got != want {
		t.Errorf("%d bytes came, want %d", len(got), len(want))
	}
	if drained != 1 {
		t.Errorf("OnDrain was called %d times", drained)
	}
	_ = s.c.WriteText("again")
	s.settle()
	if got := s.drain(); got != unmasked(codec.Text, "again") || drained != 1 {
		t.Errorf("got %q, OnDrain %d times", got, drained)
	}
}

func TestOverflowDrop(t *testing.T) {
	srv := &Server{MaxOutbound: 100_000, Overflow: OverflowDrop}
	s := newStandOn(t, srv, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	const n = 2000
	for i := range n {
		if err := s.c.WriteText(fmt.Sprintf("%-1000d", i)); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.c.WritePrepared(codec.Prepare(codec.Text, make([]byte, 1000)))
	s.settle()
	dropped := srv.Dropped()
	if dropped < 100 {
		t.Errorf("%d were dropped", dropped)
	}
	if got := len(s.drain()); got != (n+1-int(dropped))*1004 {
		t.Errorf("%d bytes came and %d messages were dropped", got, dropped)
	}
}

func TestOverflowClose(t *testing.T) {
	for _, timeout := range []time.Duration{10 * time.Second, -1} {
		h := newProbe()
		s := newStandOn(t, &Server{Handler: h, MaxOutbound: 100_000, Overflow: OverflowClose, OverflowTimeout: timeout, CloseTimeout: 5 * time.Second, IdleTimeout: -1}, unix.SOCK_STREAM)
		s.arrive(request())
		s.out()
		congest(t, s.c)
		s.settle()
		if timeout > 0 {
			s.pass(60)
			s.drain() // in time: it counts anew from the next write that is refused
			s.pass(200)
			if s.c.closing() != codec.Open {
				t.Fatal("closed though all was sent in time")
			}
			congest(t, s.c)
			s.settle()
			s.pass(99)
			if s.c.closing() != codec.Open {
				t.Fatal("closed too early")
			}
		}
		s.pass(1)
		if s.c.closing() != codec.CloseSent {
			t.Fatal("not closed")
		}
		if got := s.drain(); !strings.HasSuffix(got, unmasked(codec.Close, "\x03\xF5reading too slowly")) {
			t.Errorf("the last bytes are %q", got[len(got)-40:])
		}
		s.pass(51)
		h.wantClosed(t, codec.CloseTryAgainLater, false)
		if n := s.e.srv.Stats().Slow; n != 1 {
			t.Errorf("%d are counted", n)
		}
	}
}

// The watcher forgets a connection that ends while it is congested.
func TestWatcherForgets(t *testing.T) {
	srv := &Server{}
	s := newStandOn(t, srv, unix.SOCK_STREAM)
	s.arrive(request())
	congest(t, s.c)
	if n := len(srv.core.writable.conns); n != 1 {
		t.Fatalf("the watcher knows %d connections", n)
	}
	_ = s.l.events.Close(s.c.socket)
	if n := len(srv.core.writable.conns); n != 0 {
		t.Errorf("the watcher still knows %d connections", n)
	}
}

// One message is accepted whatever its size while nothing waits.
func TestOneLargeMessageIsAccepted(t *testing.T) {
	s := newStandOn(t, &Server{MaxOutbound: 1000}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	large := strings.Repeat("x", 1<<20)
	for range 3 {
		if err := s.c.WriteText(large); err != nil {
			t.Fatal(err)
		}
		if err := s.c.WriteText("x"); err != ErrBufferFull {
			t.Errorf("a message behind it: %v", err)
		}
		s.settle()
		if got := s.drain(); got != unmasked(codec.Text, large) {
			t.Fatalf("%d bytes came", len(got))
		}
	}
}

// The output of a client that never catches up stays bounded, and comes in order: what has been sent is
// not kept in front of what has not.
func TestOutputOfSlowClientIsBounded(t *testing.T) {
	const limit = 100_000
	s := newStandOn(t, &Server{MaxOutbound: limit}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	var sent, received int
	b := make([]byte, 8000)
	check := func(p []byte) {
		for _, x := range p {
			if at := received % 1004; at >= 4 && x != byte(received/1004) {
				t.Fatalf("byte %d is %d", received, x)
			}
			received++
		}
	}
	for range 2000 {
		for {
			p := []byte(strings.Repeat(string([]byte{byte(sent)}), 1000))
			if s.c.WriteMessage(codec.Binary, p) != nil {
				break
			}
			sent++
		}
		n, err := unix.Read(s.peer, b)
		if err != nil {
			t.Fatal(err)
		}
		check(b[:n])
		s.c.run(nowWritable)
		if n := len(s.c.out.B); n > 2*limit { // its capacity is the pool's affair
			t.Fatalf("the buffer holds %d bytes", n)
		}
	}
	check([]byte(s.drain()))
	if received != sent*1004 {
		t.Errorf("%d bytes came of %d messages", received, sent)
	}
}

// The same with a real client that never reads, and a count of the whole memory.
func TestClientThatNeverReads(t *testing.T) {
	h := newProbe()
	full := make(chan struct{}, 1)
	h.onMessage = func(c *Conn, m codec.Message) {
		for c.WriteMessage(m.Opcode, m.Payload) == nil {
		}
		select {
		case full <- struct{}{}:
		default:
		}
	}
	addr := serve(t, &Server{Handler: h, MaxOutbound: 1 << 20})
	r := open(t, addr)
	c := within(t, h.opened)
	before := heap()
	for range 200 {
		r.send(text(strings.Repeat("x", 10_000)))
		within(t, full)
	}
	if n := c.BufferedAmount(); n > 1<<20 {
		t.Errorf("%d bytes are buffered", n)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	// Control frames have room when data has none, and the close frame always has.
	if err := c.Ping([]byte("room")); err != nil {
		t.Errorf("Ping: %v", err)
	}
	if err := c.Close(4000, "enough"); err != nil {
		t.Errorf("Close: %v", err)
	}
	var last []codec.Opcode
	for len(last) == 0 || last[len(last)-1] != codec.Close {
		op, _, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		last = append(last, op)
	}
	if last[len(last)-2] != codec.Ping {
		t.Error("the ping did not come")
	}
	r.send(closeFrame(4000, ""))
	r.wantEOF()
}

func heap() int {
	m := liveHeap()
	return int(m.HeapAlloc)
}

// Control frames have room of their own, which has an end too.
func TestControlRoom(t *testing.T) {
	s := newStandOn(t, &Server{MaxOutbound: 10_000}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	congest(t, s.c)
	pings := 0
	for s.c.Ping([]byte("12345678")) == nil {
		if pings++; pings > 10_000 {
			t.Fatal("pings without end")
		}
	}
	if pings < controlRoom/10-1 {
		t.Errorf("room for %d pings only", pings)
	}
	if err := s.c.Ping(nil); !errors.Is(err, ErrBufferFull) {
		t.Errorf("Ping: %v", err)
	}
	if n := s.c.BufferedAmount(); n > 10_000+controlRoom+10 {
		t.Errorf("%d bytes are buffered", n)
	}
	if err := s.c.Close(1000, "room"); err != nil {
		t.Errorf("Close: %v", err)
	}
	s.settle()
	if got := s.drain(); !strings.HasSuffix(got, unmasked(codec.Ping, "12345678")+unmasked(codec.Close, "\x03\xE8room")) {
		t.Errorf("the last bytes are %q", got[len(got)-40:])
	}
}

// Each ping has its pong, in order, though there are more in a turn than have room (RFC 6455 5.5.2).
func TestEachPingHasItsPong(t *testing.T) {
	s := newStandOn(t, &Server{MaxOutbound: 1}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	var in, out strings.Builder
	for i := range 400 {
		p := fmt.Sprintf("%0125d", i)
		in.WriteString(frame(codec.Ping, p))
		out.WriteString(unmasked(codec.Pong, p))
	}
	s.arrive(in.String())
	if got := s.drain(); got != out.String() {
		t.Errorf("%d bytes of pongs, want %d", len(got), out.Len())
	}
}

// A flood of pings from a client that does not read keeps one pong, the latest.
func TestPingFlood(t *testing.T) {
	s := newStandOn(t, &Server{MaxOutbound: 10_000}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	congest(t, s.c)
	buffered := s.c.BufferedAmount()
	for i := range 1000 {
		s.arrive(strings.Repeat(frame(codec.Ping, "earlier"), 100) + frame(codec.Ping, fmt.Sprint(i)))
	}
	if n := s.c.BufferedAmount(); n != buffered {
		t.Errorf("%d bytes are buffered, %d before the flood", n, buffered)
	}
	got := s.drain()
	if !strings.HasSuffix(got, unmasked(codec.Binary, strings.Repeat("x", 1000))+unmasked(codec.Pong, "999")) {
		t.Errorf("the last bytes are %q", got[len(got)-40:])
	}
	s.arrive(frame(codec.Ping, "after"))
	if got := s.drain(); got != unmasked(codec.Pong, "after") {
		t.Errorf("got %q", got)
	}
}

// After our close frame not even the pong that waited may follow (RFC 6455 5.5.1).
func TestNoPongBehindClose(t *testing.T) {
	s := newStandOn(t, &Server{}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	congest(t, s.c)
	s.arrive(frame(codec.Ping, "waits"))
	_ = s.c.Close(1000, "")
	s.settle()
	if got := s.drain(); !strings.HasSuffix(got, unmasked(codec.Binary, strings.Repeat("x", 1000))+unmasked(codec.Close, "\x03\xE8")) {
		t.Errorf("the last bytes are %q", got[len(got)-40:])
	}
}

func TestWriteArguments(t *testing.T) {
	s := newOpenStand(t, &Server{})
	for _, op := range []codec.Opcode{codec.Continuation, codec.Close, codec.Ping, codec.Pong, 3, 0x83} {
		if err := s.c.WriteMessage(op, nil); err == nil {
			t.Errorf("WriteMessage sends %v", op)
		}
	}
	for _, op := range []codec.Opcode{codec.Close, codec.Ping, codec.Pong} {
		if err := s.c.WritePrepared(codec.Prepare(op, nil)); err == nil {
			t.Errorf("WritePrepared sends %v", op)
		}
	}
	if err := s.c.Ping(make([]byte, 126)); err == nil {
		t.Error("Ping sends 126 bytes")
	}
	s.settle()
	s.wantOut()
	if err := s.c.WritePrepared(codec.Prepare(codec.Text, []byte("prepared"))); err != nil {
		t.Error(err)
	}
	if n := s.c.BufferedAmount(); n != 10 {
		t.Errorf("%d bytes are buffered", n)
	}
	_ = s.c.Ping([]byte(strings.Repeat("p", 125)))
	s.settle()
	s.wantOut(unmasked(codec.Text, "prepared") + unmasked(codec.Ping, strings.Repeat("p", 125)))
	if s.c.BufferedAmount() != 0 {
		t.Error("bytes are buffered")
	}
}
