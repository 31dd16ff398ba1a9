package reactor

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
)

// span is where a value, or the array of a slice, lies.
type span struct {
	what     string
	from, to uintptr // to is the address of the last byte
}

func spanOf[T any](what string, s []T) span {
	return spanTo(what, &s[:1][0], &s[:cap(s)][cap(s)-1])
}

// spanTo is from one variable to another, which is included.
func spanTo[A, B any](what string, from *A, to *B) span {
	return span{what, uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(to)) + unsafe.Sizeof(*to) - 1}
}

// spans are those of all that a loop writes to for a message, but its connections.
func (l *loop) spans() []span {
	s := []span{
		spanTo("loop", l, l),
		spanTo("counts", &l.counts.received, &l.counts.fanout),
		spanOf("inbox", l.inbox),
		spanOf("taken", l.taken),
	}
	if b := &l.batch; b.ring != nil {
		s = append(s,
			spanTo("ring", &b.ring.fd, &b.ring.cqes),
			spanOf("batch.conns", b.conns),
			spanOf("batch.sending", b.sending))
	}
	return s
}

// Loops that are made one after the other have no cache line in common.
func TestLoopsShareNoCacheLine(t *testing.T) {
	s := newStand(t, &Server{})
	owners := make(map[uintptr]int)
	for i := range 8 {
		l := s.e.loop(gnet.EventLoop(&standLoop{s: s}))
		defer l.ended()
		for _, sp := range l.spans() {
			for line := sp.from / cacheLine; line <= sp.to/cacheLine; line++ {
				if owner, taken := owners[line]; taken && owner != i {
					t.Errorf("the %s of loop %d shares a cache line with loop %d", sp.what, i, owner)
				}
				owners[line] = i
			}
		}
	}
}

// BenchmarkSharing is what loops count for a message, on as many loops as there are CPUs (-cpu 2): nothing, in
// counts of their own, in some that lie side by side, and in the same.
func BenchmarkSharing(b *testing.B) {
	const most = 64
	var beside [most]traffic
	for name, of := range map[string]func(loop int) *traffic{
		"none":   func(int) *traffic { return nil },
		"own":    func(int) *traffic { return &new(counts).received },
		"beside": func(i int) *traffic { return &beside[i%most] },
		"same":   func(int) *traffic { return &beside[0] },
	} {
		b.Run(name, func(b *testing.B) {
			var loops atomic.Int32
			b.RunParallel(func(pb *testing.PB) {
				t := of(int(loops.Add(1)) - 1)
				for pb.Next() {
					if t == nil {
						continue
					}
					t.add(typeBinary, 1, 128)
					t.bytes.Add(128)
				}
			})
		})
	}
}
