package reactor

import (
	"testing"

	"example.org/weir/codec"
)

// lender counts the buffers that it has lent and not got back.
type lender struct {
	buffers
	lent int
}

func (l *lender) Get() *codec.Buffer  { l.lent++; return l.buffers.Get() }
func (l *lender) Put(b *codec.Buffer) { l.lent--; l.buffers.Put(b) }

// TestBuffersAreGivenBack ends connections in the middle of a message. Its buffer goes back as soon as
// the message can no longer be completed.
func TestBuffersAreGivenBack(t *testing.T) {
	begun := first(0x01, text("the first fragment"))
	for name, end := range map[string]func(*stand){
		"violation":           func(s *stand) { s.arrive("\xFF\xFF") },
		"violation in pieces": func(s *stand) { s.arrive(text("x")[:2]); s.arrive("\xFF\xFF") },
		"close frame":         func(s *stand) { s.arrive(closeFrame(1000, "")) },
		"panic":               func(s *stand) { _ = s.c.Do(func(*Conn) { panic("task") }); s.settle(); s.arrive("") },
		"CloseNow":            func(s *stand) { _ = s.c.CloseNow(); s.settle() },
		"idle timeout":        func(s *stand) { s.pass(10_000) },
		"end of TCP":          func(s *stand) { _ = s.l.events.Close(s.c.socket) },
	} {
		l := new(lender)
		s := newStand(t, &Server{})
		s.l.cfg.decoder.Buffers = l
		s.arrive(request() + begun)
		if l.lent != 1 {
			t.Fatalf("%d buffers are lent to a message that has begun", l.lent)
		}
		if end(s); l.lent != 0 {
			t.Errorf("%s: %d buffers are not given back", name, l.lent)
		}
		if s.c.isClosed() && (s.c.out != nil || s.c.timer.scheduled()) {
			t.Errorf("%s: the output or the timer is left", name)
		}
	}
}

// codec.BufferPool wants buffers of length 0, and gives them back at the length that was used.
func TestBuffersAreEmpty(t *testing.T) {
	var pool buffers
	for range 100 {
		b := pool.Get()
		if len(b.B) != 0 {
			t.Fatalf("Get gave a buffer of length %d", len(b.B))
		}
		b.B = append(b.B, make([]byte, 1000)...)
		pool.Put(b)
	}
}

// TestMixedSizesAllocateNothing: a reply of some size costs no allocation though nearly all are tiny, which is
// when bytebufferpool by itself drops it.
func TestMixedSizesAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("not with the race detector")
	}
	p := make([]byte, 10_000)
	use := func(n int) {
		b := getBuffer()
		b.B = append(b.B, p[:n]...)
		putBuffer(b)
	}
	for range 100_000 {
		use(10)
	}
	if n := testing.AllocsPerRun(100, func() { use(len(p)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
