package reactor

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"example.org/weir/codec"
)

func TestEchoInOrder(t *testing.T) {
	r := open(t, serve(t, &Server{}))
	const n = 5000
	go func() {
		var b strings.Builder
		for i := range n {
			b.WriteString(text(fmt.Sprint(i)))
			if i%37 == 0 { // frames are split anywhere
				_, _ = r.Write([]byte(b.String()[:b.Len()/2]))
				_, _ = r.Write([]byte(b.String()[b.Len()/2:]))
				b.Reset()
			}
		}
		_, _ = r.Write([]byte(b.String()))
	}()
	for i := range n {
		r.want(codec.Text, fmt.Sprint(i))
	}
}

func TestEchoOfManyConnections(t *testing.T) {
	addr := serve(t, &Server{Loops: 2})
	var wg sync.WaitGroup
	for i := range 50 {
		r := open(t, addr)
		wg.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf("%d/%d", i, j)
				_, _ = r.Write([]byte(text(want)))
				if _, got, err := r.next(); got != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestEchoOfLargeMessages(t *testing.T) {
	size := 16 << 20
	if raceDetector {
		size = 2 << 20 // it looks at each byte
	}
	r := open(t, serve(t, &Server{MaxMessage: size, MaxOutbound: -1}))
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i % 251)
	}
	large := string(p)
	whole := frame(codec.Binary, large)
	half := first(0x02, frame(codec.Binary, large[:size/2])) + frame(codec.Ping, "between") + frame(codec.Continuation, large[size/2:])
	go func() {
		_, _ = r.Write([]byte(whole))
		_, _ = r.Write([]byte(half))
	}()
	got := make(map[codec.Opcode]int)
	for range 3 { // the pong waits while the output is congested
		op, p, err := r.next()
		if got[op]++; err != nil || op == codec.Binary && p != large || op == codec.Pong && p != "between" {
			t.Fatalf("got %v of %d bytes, %v", op, len(p), err)
		}
	}
	if got[codec.Binary] != 2 || got[codec.Pong] != 1 {
		t.Errorf("got %v", got)
	}
}

// TestWriters writes from eight goroutines, by every method that there is: frames never mix, and each
// writer's come in the order it wrote them.
func TestWriters(t *testing.T) {
	const writers, each = 8, 400
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h, MaxOutbound: -1}))
	c := within(t, h.opened)
	for w := range writers {
		go func() {
			for i := range each {
				size := 12 + i*w*13%5000
				if i%97 == 0 {
					size = flushAt + 1 // written at once, by this goroutine
				}
				p := make([]byte, size)
				binary.BigEndian.PutUint32(p, uint32(w))
				binary.BigEndian.PutUint32(p[4:], uint32(i))
				for j := 8; j < size; j++ {
					p[j] = byte(w)
				}
				var err error
				switch i % 3 {
				case 0:
					err = c.WriteMessage(codec.Binary, p)
				case 1:
					err = c.WritePrepared(codec.Prepare(codec.Binary, p))
				case 2:
					done := make(chan error)
					if err = c.Do(func(c *Conn) { done <- c.WriteMessage(codec.Binary, p) }); err == nil {
						err = <-done
					}
				}
				if err != nil {
					t.Errorf("writer %d, message %d: %v", w, i, err)
				}
			}
		}()
	}
	var next [writers]uint32
	for range writers * each {
		op, p, err := r.next()
		if err != nil || op != codec.Binary || len(p) < 12 {
			t.Fatalf("got %v of %d bytes, %v", op, len(p), err)
		}
		w, i := binary.BigEndian.Uint32([]byte(p)), binary.BigEndian.Uint32([]byte(p)[4:])
		if w >= writers || i != next[w] {
			t.Fatalf("writer %d: message %d came, want %d", w, i, next[min(w, writers-1)])
		}
		next[w]++
		if strings.Trim(p[8:], string([]byte{byte(w)})) != "" {
			t.Fatalf("writer %d: message %d has another's bytes", w, i)
		}
	}
}

// A flood of empty fragments does not hold up other connections of the same loop: all their echoes come.
func TestFragmentFlood(t *testing.T) {
	const fragments = 2_000_000
	addr := serve(t, &Server{Loops: 1, MaxFragments: -1})
	flooder, other := open(t, addr), open(t, addr)
	echoes := make(chan int)
	stop := make(chan struct{})
	go func() {
		n := 0
		defer func() { echoes <- n }()
		for {
			select {
			case <-stop:
				if n >= 100 {
					return
				}
			default:
			}
			_, _ = other.Write([]byte(text("beside it")))
			if _, p, err := other.next(); err != nil || p != "beside it" {
				t.Errorf("after %d echoes: %q, %v", n, p, err)
				return
			}
			n++
		}
	}()
	batch := strings.Repeat(first(0x00, text("")), 10_000)
	flooder.send(first(0x01, text("begin")))
	for range fragments / 10_000 {
		flooder.send(batch)
	}
	flooder.send(frame(codec.Continuation, "end"))
	flooder.want(codec.Text, "beginend")
	close(stop)
	if n := within(t, echoes); n < 100 {
		t.Errorf("%d echoes beside it", n)
	}
}
