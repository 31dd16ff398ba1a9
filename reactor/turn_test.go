package reactor

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// However many messages a turn has, their replies are sent with one write, in order.
func TestOneWritePerTurn(t *testing.T) {
	s := newOpenStand(t, &Server{})
	var in, out strings.Builder
	for i := range 500 {
		p := fmt.Sprintf("message %d", i)
		in.WriteString(text(p))
		in.WriteString(frame(codec.Ping, p))
		out.WriteString(unmasked(codec.Text, p))
		out.WriteString(unmasked(codec.Pong, p))
	}
	s.arrive(in.String())
	s.wantOut(out.String())
}

// The answer to the request and what OnOpen and the first frames cause are one write too.
func TestOneWriteWithHandshake(t *testing.T) {
	h := newProbe()
	h.onOpen = func(c *Conn) { _ = c.WriteText("welcome") }
	s := newStand(t, &Server{Handler: h})
	s.arrive(request() + text("a") + closeFrame(1000, ""))
	s.wantOut(string(mustUpgrade(t)) + unmasked(codec.Text, "welcome") + unmasked(codec.Text, "a") + unmasked(codec.Close, "\x03\xE8"))
}

// What is written outside of a turn is sent by one task, however much it is.
func TestOneTaskForManyWrites(t *testing.T) {
	s := newOpenStand(t, &Server{})
	for range 3 {
		_ = s.c.WriteText("x")
	}
	if len(s.runs) != 1 || len(s.l.inbox) != 1 {
		t.Errorf("%d runs and %d tasks are due, want one", len(s.runs), len(s.l.inbox))
	}
	s.wantOut()
	s.settle()
	s.wantOut(strings.Repeat(unmasked(codec.Text, "x"), 3))
}

// A large output is written in between, so that a turn does not gather it all.
func TestLargeOutputIsWrittenInBetween(t *testing.T) {
	s := newOpenStand(t, &Server{})
	p := strings.Repeat("x", flushAt/4)
	s.arrive(strings.Repeat(text(p), 6))
	f := unmasked(codec.Text, p)
	s.wantOut(strings.Repeat(f, 4), strings.Repeat(f, 2))
}

// An idle connection owns no buffer, and neither does one that has ended.
func TestNoBufferWhenIdle(t *testing.T) {
	s := newOpenStand(t, &Server{})
	idle := func() bool { return s.c.out == nil && s.c.rare == nil && s.c.decoder.Idle() }
	if !idle() {
		t.Error("after the handshake")
	}
	long := text(strings.Repeat("x", 1000))
	s.arrive(long[:500])
	s.arrive(long[500:] + first(0x01, text("a")) + frame(codec.Continuation, "b"))
	s.wantOut(unmasked(codec.Text, strings.Repeat("x", 1000)) + unmasked(codec.Text, "ab"))
	if !idle() {
		t.Error("after messages in pieces")
	}
}

// The turns of an echo and of a ping allocate nothing.
func TestTurnAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("not with the race detector")
	}
	s := newOpenStand(t, &Server{OnPong: func(*Conn, []byte) {}})
	out := make([]byte, 1<<16)
	for name, in := range map[string]string{
		"echo":                   text(strings.Repeat("x", 128)),
		"16 echoes":              strings.Repeat(text(strings.Repeat("x", 128)), 16),
		"echo of two characters": text("äö"),
		"ping":                   frame(codec.Ping, "ping"),
		"pong":                   frame(codec.Pong, "pong"),
		"fragments":              first(0x01, text("a")) + frame(codec.Ping, "") + frame(codec.Continuation, "b"),
	} {
		p := make([]byte, len(in))
		turn := func() {
			copy(p, in) // which the turn before has unmasked
			if s.c.turn(p) {
				t.Fatal("the connection is to be closed")
			}
			if n, _ := unix.Read(s.peer, out); n <= 0 && name != "pong" {
				t.Fatal("no answer")
			}
		}
		turn() // the pools are empty at first
		if n := testing.AllocsPerRun(200, turn); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A message that lies whole in the loop's buffer is handed out where it lies.
func TestWholeMessageIsNotCopied(t *testing.T) {
	h := newProbe()
	var at *byte
	h.onMessage = func(_ *Conn, m codec.Message) { at = &m.Payload[0] }
	s := newOpenStand(t, &Server{Handler: h})
	p := []byte(text("hello"))
	s.c.turn(p)
	if at != &p[len(p)-5] {
		t.Error("the payload was copied")
	}
}

// Tests run with payloads that are overwritten after the callback.
func TestPayloadIsPoisoned(t *testing.T) {
	if !poison {
		t.Skip("not while benchmarks run")
	}
	h := newProbe()
	var kept []byte
	h.onMessage = func(_ *Conn, m codec.Message) { kept = m.Payload }
	s := newOpenStand(t, &Server{Handler: h})
	s.arrive(text("hello"))
	if string(kept) != strings.Repeat("\xDB", 5) {
		t.Errorf("kept %q", kept)
	}
}

// Panics are kept from gnet at every place where the application's code is called.
func TestTaskPanics(t *testing.T) {
	h := newProbe()
	s := newOpenStand(t, &Server{Handler: h})
	if err := s.c.Do(func(*Conn) { panic("task") }); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.wantOut(unmasked(codec.Close, "\x03\xF3internal error"))
}

// Do keeps the order of its calls, also among those that come while tasks run, beyond what one run does.
func TestDoOrder(t *testing.T) {
	s := newOpenStand(t, &Server{})
	const n = 3*tasksPerRun + 7
	var got []int
	for i := range n {
		_ = s.c.Do(func(c *Conn) {
			got = append(got, i)
			if i%100 == 0 {
				_ = c.Do(func(*Conn) { got = append(got, n+i) })
			}
		})
	}
	eventually(t, "all tasks are done", func() bool {
		s.settle()
		return len(got) == n+(n+99)/100
	})
	for i := range n {
		if got[i] != i {
			t.Fatalf("task %d came as %d", got[i], i)
		}
	}
}
