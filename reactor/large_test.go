package reactor

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// A large message leaves from the memory of the caller. What the socket does not take at once is copied, and
// then stays where it is until it has been sent.
func TestLargeMessageIsCopiedOnceOnItsWayOut(t *testing.T) {
	s := newStandOn(t, &Server{}, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	large := strings.Repeat("x", 1<<20-1) + "!"
	want := unmasked(codec.Text, large)
	if err := s.c.WriteText(large); err != nil {
		t.Fatal(err)
	}
	got := s.out()
	taken := len(strings.Join(got, ""))
	if n := len(s.c.out.B); taken == 0 || n > len(want)-taken+codec.MaxHeader {
		t.Fatalf("%d bytes were copied though the socket took %d of %d", n, taken, len(want))
	}
	last := &s.c.out.B[len(s.c.out.B)-1]
	for pieces := 0; ; pieces++ {
		s.c.run(nowWritable)
		got = append(got, s.out()...)
		if s.c.out == nil {
			if pieces < 2 {
				t.Fatalf("sent in %d pieces, which shows nothing", pieces)
			}
			break
		}
		if &s.c.out.B[len(s.c.out.B)-1] != last {
			t.Fatalf("moved when %d bytes had been sent", len(strings.Join(got, "")))
		}
	}
	if strings.Join(got, "") != want {
		t.Error("it did not come as it was sent")
	}
}

// A large message that arrives in pieces is unmasked into a buffer of its size, which is allocated once.
func TestLargeMessageIsCopiedOnceOnItsWayIn(t *testing.T) {
	const n = 1 << 20
	var got []byte
	s := newOpenStand(t, &Server{Handler: HandlerFunc(func(_ *Conn, m codec.Message) { got = append(got[:0], m.Payload...) })})
	pool := new(sizes)
	s.l.cfg.decoder.Buffers = pool
	s.c.decoder.Reset(&s.l.cfg.decoder)
	wire := text(strings.Repeat("ä", n/2))
	for len(wire) > 0 {
		k := min(len(wire), defaultReadBuffer)
		s.arrive(wire[:k])
		wire = wire[k:]
		if pool.lent != nil && cap(pool.lent.B) != n {
			t.Fatalf("the buffer has room for %d bytes when %d are still to come", cap(pool.lent.B), len(wire))
		}
	}
	if string(got) != strings.Repeat("ä", n/2) || pool.gets != 1 || pool.lent != nil {
		t.Errorf("%d bytes came; %d buffers were borrowed", len(got), pool.gets)
	}
}

// sizes is a pool that has nothing.
type sizes struct {
	gets int
	lent *codec.Buffer
}

func (p *sizes) Get() *codec.Buffer {
	p.gets++
	p.lent = new(codec.Buffer)
	return p.lent
}

func (p *sizes) Put(*codec.Buffer) { p.lent = nil }
