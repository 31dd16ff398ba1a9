package reactor

import (
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// Times in these tests are ticks of 100 ms, and pass when the test says so.

func TestMessageRate(t *testing.T) {
	for op, p := range map[codec.Opcode]string{codec.Text: "x", codec.Ping: "x"} {
		h := newProbe()
		h.onMessage = func(*Conn, codec.Message) {}
		s := newOpenStand(t, &Server{Handler: h, MessageRate: 20, IdleTimeout: -1, CloseTimeout: 10 * time.Second})
		for range 3 {
			s.arrive(strings.Repeat(frame(op, p), 20)) // the burst, and a second's worth
			s.out()
			if s.c.closing() != codec.Open {
				t.Fatalf("%v: closed within the rate", op)
			}
			s.tick(10)
		}
		s.tick(100)
		s.arrive(strings.Repeat(frame(op, p), 21)) // a burst is never more than a second's worth
		if out := strings.Join(s.out(), ""); !strings.HasSuffix(out, unmasked(codec.Close, "\x03\xF0more messages per second than permitted")) {
			t.Errorf("%v: got %q", op, out)
		}
	}
}

func TestByteRate(t *testing.T) {
	s := newOpenStand(t, &Server{Handler: HandlerFunc(func(*Conn, codec.Message) {}), MaxMessage: 1000, ByteRate: 500, IdleTimeout: -1})
	largest := frame(codec.Binary, strings.Repeat("x", 1000))
	s.arrive(largest) // always passes
	if s.c.closing() != codec.Open {
		t.Fatal("the largest message that is permitted is more than is permitted")
	}
	s.tick(10)
	s.arrive(frame(codec.Binary, strings.Repeat("x", 400)))
	if s.c.closing() != codec.Open {
		t.Fatal("closed within the rate")
	}
	s.arrive(largest[:500])
	s.wantOut(unmasked(codec.Close, "\x03\xF0more bytes per second than permitted"))
}

// Without MaxMessage a burst is a second's worth, and not without end.
func TestByteRateOfLongMessages(t *testing.T) {
	s := newOpenStand(t, &Server{Handler: HandlerFunc(func(*Conn, codec.Message) {}), MaxMessage: -1, ByteRate: 500, IdleTimeout: -1})
	s.arrive(frame(codec.Binary, strings.Repeat("x", 400)))
	if s.c.closing() != codec.Open {
		t.Fatal("closed within the rate")
	}
	s.arrive(frame(codec.Binary, strings.Repeat("x", 400)))
	s.wantOut(unmasked(codec.Close, "\x03\xF0more bytes per second than permitted"))
}

// A connection without limits has no rate.
func TestNoRate(t *testing.T) {
	s := newOpenStand(t, &Server{})
	s.arrive(text("x"))
	if s.c.rare != nil {
		t.Error("it has a rate, or something else that is rare")
	}
}

// tick lets ticks pass at which nothing is due.
func (s *stand) tick(n uint32) { s.l.wheel.now += n }
