package reactor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// starts are times at which wheels begin in these tests, some just before the counter wraps around.
var starts = []uint32{0, 1, 1000, 1 << 31, math.MaxInt32, math.MaxUint32 - 1500, math.MaxUint32 - 1, math.MaxUint32}

// newConn returns a connection of w's loop.
func (w *wheel) newConn() *Conn {
	c := new(Conn)
	w.add(c)
	return c
}

func TestWheelTimes(t *testing.T) {
	for _, start := range starts {
		for _, tt := range []struct{ in, after uint32 }{ // ticks from now: what is asked for, what comes
			{1, 1},
			{2, 2},
			{wheelSlots - 1, wheelSlots - 1},
			{wheelSlots, wheelSlots - 1}, // early
			{1 << 30, wheelSlots - 1},    // early
			{0, 1},                       // late is next
			{math.MaxUint32, 1},          // one tick ago
			{math.MaxUint32 - 100_000, 1},
		} {
			w := wheel{now: start}
			c := w.newConn()
			w.schedule(c, start+tt.in)
			var came []uint32
			for range 3 * wheelSlots {
				w.advance(w.now+1, math.MaxInt, func(*Conn) { came = append(came, w.now-start) })
			}
			if len(came) != 1 || came[0] != tt.after || c.timer != (timer{}) {
				t.Errorf("from %d, in %d: expired after %v, want %d", start, tt.in, came, tt.after)
			}
		}
	}
}

func TestWheelKeepsTheSooner(t *testing.T) {
	for _, start := range starts {
		for _, later := range []uint32{10, 11, 500, 5000} {
			for _, order := range [][2]uint32{{10, later}, {later, 10}} {
				w := wheel{now: start}
				c := w.newConn()
				w.schedule(c, start+order[0])
				w.schedule(c, start+order[1])
				expired := 0
				w.advance(start+9, math.MaxInt, func(*Conn) { t.Errorf("from %d, %v: too early", start, order) })
				w.advance(start+10, math.MaxInt, func(*Conn) { expired++ })
				w.advance(start+3*wheelSlots, math.MaxInt, func(*Conn) { t.Errorf("from %d, %v: twice", start, order) })
				if expired != 1 {
					t.Errorf("from %d, %v: not expired", start, order)
				}
			}
		}
	}
}

func TestWheelRemove(t *testing.T) {
	for drop := range 3 { // from the end, the middle and the beginning of a slot's list
		var w wheel
		conns := []*Conn{w.newConn(), w.newConn(), w.newConn()}
		for _, c := range conns {
			w.schedule(c, 7)
		}
		w.remove(conns[drop])
		w.remove(conns[drop]) // which does nothing
		w.remove(w.newConn())
		got := make(map[*Conn]int)
		w.advance(100, math.MaxInt, func(c *Conn) { got[c]++ })
		for i, c := range conns {
			if want := 1; i == drop && got[c] != 0 || i != drop && got[c] != want {
				t.Errorf("without %d: %d expired %d times", drop, i, got[c])
			}
		}
	}
}

// TestWheelRandom compares many timers, scheduled, moved and removed at random, of connections that come
// and go, with a plain map.
func TestWheelRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, start := range []uint32{0, math.MaxInt32 - 500, math.MaxUint32 - 500} {
		w := wheel{now: start}
		due := make(map[*Conn]uint32)
		conns := make([]*Conn, 2000)
		for i := range conns {
			conns[i] = w.newConn()
		}
		expire := func(c *Conn) {
			at, ok := due[c]
			if !ok || at != w.now {
				t.Fatalf("expired at %d, due at %d, %v", w.now, at, ok)
			}
			delete(due, c)
			if rng.IntN(2) == 0 { // as a lazy timer does
				due[c] = w.now + 1 + rng.Uint32N(wheelSlots-1)
				w.schedule(c, due[c])
			}
		}
		for range 2 * wheelSlots {
			for range 20 {
				i := rng.IntN(len(conns))
				c := conns[i]
				if rng.IntN(4) == 0 {
					w.drop(c)
					delete(due, c)
					conns[i] = w.newConn()
					continue
				}
				if rng.IntN(4) == 0 {
					w.remove(c)
					delete(due, c)
					continue
				}
				at := w.now + 1 + rng.Uint32N(wheelSlots-1)
				if old, ok := due[c]; !ok || int32(at-old) < 0 {
					due[c] = at
				}
				w.schedule(c, at)
			}
			w.advance(w.now+1, math.MaxInt, expire)
			for _, at := range due {
				if int32(at-w.now) <= 0 {
					t.Fatalf("at %d a timer due at %d has not expired", w.now, at)
				}
			}
		}
	}
}

// A run has a budget; the next one goes on where it was used up.
func TestWheelBudget(t *testing.T) {
	var w wheel
	for range 100 {
		w.schedule(w.newConn(), 5)
	}
	for range 50 {
		w.schedule(w.newConn(), 6)
	}
	expired := 0
	count := func(*Conn) { expired++ }
	for i, want := range []struct {
		through bool
		expired int
		now     uint32
	}{{false, 60, 5}, {false, 120, 6}, {true, 150, 10}} {
		if through := w.advance(10, 60, count); through != want.through || expired != want.expired || w.now != want.now {
			t.Errorf("run %d: through %v, %d expired, at %d; want %v", i, through, expired, w.now, want)
		}
	}
}
