package reactor

import (
	"math"
	"testing"
	"time"

	"example.org/weir/codec"
)

// Times in most of these tests are ticks of 100 ms, and pass when the test says so.

func TestIdle(t *testing.T) {
	h := newProbe()
	s := newOpenStand(t, &Server{Handler: h, IdleTimeout: 10 * time.Second})
	s.pass(50)
	s.wantOut()
	s.pass(1)
	s.wantPing() // at half of it
	s.pass(48)
	s.wantOut()
	s.arrive(frame(codec.Pong, ""))
	s.pass(50) // from the pong on
	s.wantOut()
	s.pass(1)
	s.wantPing()
	s.pass(48)
	s.wantOut()
	if s.c.isClosed() {
		t.Fatal("closed too early")
	}
	s.pass(1)
	s.wantOut(unmasked(codec.Close, "\x03\xF0idle timeout"))
	if !s.c.isClosed() {
		t.Fatal("not closed after the idle timeout")
	}
	h.wantClosed(t, codec.ClosePolicyViolation, false)
}

// The same with the clock and a client that does not answer.
func TestIdleOverSocket(t *testing.T) {
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h, IdleTimeout: 100 * time.Millisecond}))
	if op, p, err := r.next(); op != codec.Ping || len(p) != 8 {
		t.Fatalf("got %v %q, %v, want a ping with the time", op, p, err)
	}
	if reason := r.wantClose(codec.ClosePolicyViolation); reason != "idle timeout" {
		t.Errorf("the reason is %q", reason)
	}
	h.wantClosed(t, codec.ClosePolicyViolation, false)
}

// An idle timeout of several turns of the wheel.
func TestIdleLong(t *testing.T) {
	s := newOpenStand(t, &Server{IdleTimeout: 10 * time.Minute})
	s.pass(3000)
	s.wantOut()
	s.pass(1)
	s.wantPing()
	s.pass(2998)
	if s.c.isClosed() {
		t.Fatal("closed too early")
	}
	s.pass(1)
	if !s.c.isClosed() {
		t.Error("not closed")
	}
}

// Whatever arrives is a sign of life, a part of a frame too.
func TestIdleSignsOfLife(t *testing.T) {
	s := newOpenStand(t, &Server{IdleTimeout: 10 * time.Second})
	whole := text("a rather long message")
	for i := range len(whole) {
		s.pass(50)
		s.arrive(whole[i : i+1])
	}
	s.wantOut(unmasked(codec.Text, "a rather long message"))
}

func TestIdleOff(t *testing.T) {
	s := newOpenStand(t, &Server{IdleTimeout: -1})
	s.pass(100_000)
	s.wantOut()
	if s.c.isClosed() {
		t.Error("closed")
	}
}

// A timer that the handshake left behind must not delay the first ping.
func TestIdleShorterThanHandshake(t *testing.T) {
	s := newOpenStand(t, &Server{IdleTimeout: 10 * time.Second, HandshakeTimeout: time.Hour})
	s.pass(51)
	s.wantPing()
}

// A loop that was held up for long must not take that for the silence of its clients.
func TestIdleAfterSuspension(t *testing.T) {
	s := newOpenStand(t, &Server{IdleTimeout: 10 * time.Second})
	for range 3 {
		s.e.epoch = s.e.epoch.Add(-time.Hour)
		for range 1000 { // it does not make up for it later either
			s.l.expireTimers()
			s.settle()
		}
	}
	s.wantOut()
	if s.c.isClosed() {
		t.Fatal("closed")
	}
	before := s.l.wheel.now
	s.e.epoch = s.e.epoch.Add(-2 * s.l.cfg.tick) // the clock goes on from here
	s.l.expireTimers()
	if passed := s.l.wheel.now - before; passed != 2 && passed != 3 {
		t.Errorf("%d ticks have passed, want 2", passed)
	}
}

func TestHandshakeDeadline(t *testing.T) {
	s := newStand(t, &Server{HandshakeTimeout: 5 * time.Second})
	s.pass(25)
	s.arrive("GET / HTTP/1.1\r\n") // which does not prolong it
	s.pass(25)
	s.wantOut()
	s.pass(1)
	if out := s.out(); len(out) != 1 || out[0][:13] != "HTTP/1.1 408 " {
		t.Errorf("got %q", out)
	}
	s.pass(50)
	if s.c.isClosed() {
		t.Error("closed before the close timeout")
	}
	s.pass(1)
	if !s.c.isClosed() {
		t.Error("not closed after the close timeout")
	}
}

func TestHandshakeDeadlineOff(t *testing.T) {
	s := newStand(t, &Server{HandshakeTimeout: -1, IdleTimeout: time.Second})
	s.pass(10_000)
	s.wantOut()
	s.arrive(request())
	s.wantOut(string(mustUpgrade(t)))
}

func TestCloseDeadline(t *testing.T) {
	h := newProbe()
	s := newOpenStand(t, &Server{Handler: h, CloseTimeout: 3 * time.Second})
	s.pass(7)
	_ = s.c.Close(1000, "")
	s.settle()
	s.pass(30)
	s.arrive(text("not an answer"))
	if s.c.isClosed() {
		t.Fatal("closed too early")
	}
	s.pass(1)
	if !s.c.isClosed() {
		t.Error("not closed after the close timeout")
	}
	h.wantClosed(t, 1000, false)
}

// The second half of closing, the end of the TCP connection, has the time for itself.
func TestCloseDeadlineOfTCP(t *testing.T) {
	h := newProbe()
	s := newOpenStand(t, &Server{Handler: h, CloseTimeout: 3 * time.Second})
	_ = s.c.Close(1000, "")
	s.settle()
	s.pass(29)
	s.arrive(closeFrame(1000, ""))
	s.pass(30)
	if s.c.isClosed() {
		t.Fatal("closed too early")
	}
	s.pass(1)
	if !s.c.isClosed() {
		t.Error("not closed after the close timeout")
	}
}

// No deadline is lost where the tick counter wraps around: 0 means none.
func TestDeadlinesWrapAround(t *testing.T) {
	for start := uint32(math.MaxUint32 - 110); start != 10; start++ {
		srv := &Server{HandshakeTimeout: 5 * time.Second, CloseTimeout: 5 * time.Second}
		s := newStand(t, srv)
		s.l.wheel.remove(s.c)
		s.l.wheel.now = start
		s.l.wheel.drop(s.c)
		s.e.OnOpen(s.c.socket.(*standConn).fresh())
		s.c = s.ctx.(*Conn)
		s.pass(55)
		if out := s.out(); len(out) != 1 {
			t.Fatalf("opened at tick %d: no timeout of the handshake", start)
		}
		s.pass(55)
		if !s.c.isClosed() {
			t.Fatalf("opened at tick %d: not cut after the close timeout", start)
		}
	}
}

// fresh forgets the connection, so that the socket can be opened anew.
func (g *standConn) fresh() *standConn {
	g.s.ctx = nil
	return g
}

func TestTicks(t *testing.T) {
	c := config{tick: 100 * time.Millisecond}
	for d, want := range map[time.Duration]uint32{
		0:                      0,
		1:                      1,
		100 * time.Millisecond: 1,
		101 * time.Millisecond: 2,
		time.Minute:            600,
		math.MaxInt64:          math.MaxUint32 / 4,
	} {
		if got := c.ticks(d); got != want {
			t.Errorf("%v is %d ticks, want %d", d, got, want)
		}
	}
	for d, want := range map[time.Duration]time.Duration{
		0: maxTick, time.Hour: maxTick, time.Second: maxTick, 500 * time.Millisecond: 50 * time.Millisecond, 1: minTick,
	} {
		if got := tickFor(time.Hour, d); got != want {
			t.Errorf("the tick for %v is %v, want %v", d, got, want)
		}
	}
}
