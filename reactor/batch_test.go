package reactor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"example.org/weir/codec"
)

// ioModes are the ways to write that are to be had here.
func ioModes() map[string]IOMode {
	modes := map[string]IOMode{"auto": IOAuto, "direct": IODirect}
	if r, err := newRing(maxBatch); err == nil {
		r.close()
		modes["uring"] = IOUring
	}
	return modes
}

// TestBatchByteForByte has many clients pipeline messages of all sizes to one loop, next to clients
// that never read and clients that reset their connections. Everyone gets what is theirs, in order.
func TestBatchByteForByte(t *testing.T) {
	const clients, messages = 100, 40
	for name, mode := range ioModes() {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, &Server{IO: mode, Loops: 1, MaxOutbound: 64 << 10})
			for range 10 {
				stuck := open(t, addr)
				flood := strings.Repeat(frame(codec.Binary, strings.Repeat("x", 8<<10)), 30)
				go func() { _, _ = stuck.Write([]byte(flood)) }()
			}
			var wg sync.WaitGroup
			for i := range clients {
				c := open(t, addr)
				sent := make([]string, messages)
				for j := range sent {
					sent[j] = fmt.Sprintf("%d/%d ", i, j) + strings.Repeat("ab", (i*j)%700)
				}
				wg.Go(func() {
					for _, s := range sent {
						c.send(text(s))
					}
					for _, s := range sent {
						if op, got, err := c.next(); op != codec.Text || got != s || err != nil {
							t.Errorf("got %v %.40q, %v; want %.40q", op, got, err, s)
							return
						}
					}
				})
				if i%5 == 0 {
					cut := open(t, addr)
					cut.send(text("hello"))
					cut.reset()
				}
			}
			wg.Wait()
		})
	}
}

// TestBatchFanOut publishes from one connection to all, itself included.
func TestBatchFanOut(t *testing.T) {
	for name, mode := range ioModes() {
		t.Run(name, func(t *testing.T) {
			const members, publishes = 200, 20
			h := newProbe()
			var all []*Conn
			h.onOpen = func(c *Conn) { all = append(all, c) } // there is one loop
			h.onMessage = func(_ *Conn, m codec.Message) {
				p := codec.Prepare(m.Opcode, m.Payload)
				for _, c := range all {
					_ = c.WritePrepared(p)
				}
			}
			addr := serve(t, &Server{IO: mode, Loops: 1, Handler: h})
			clients := make([]*rawClient, members)
			for i := range clients {
				clients[i] = open(t, addr)
			}
			for range members {
				within(t, h.opened)
			}
			for i := range publishes {
				clients[i%7].send(text(fmt.Sprint("publish ", i)))
				for _, c := range clients {
					c.want(codec.Text, fmt.Sprint("publish ", i))
				}
			}
		})
	}
}

// countingLoop counts how often a run was asked for.
type countingLoop struct {
	gnet.EventLoop
	runs int
}

func (l *countingLoop) Execute(context.Context, gnet.Runnable) error {
	l.runs++
	return nil
}

// TestBatchAdapts holds when turns are left to the batch.
func TestBatchAdapts(t *testing.T) {
	events := &countingLoop{}
	l := &loop{cfg: new(config), events: events}
	l.batch.ring = new(ring) // which is not used
	ready := func() *Conn {
		c := &Conn{loop: l}
		c.buffer().B = []byte("x")
		return c
	}
	b := &l.batch
	turns := func(n int) (taken int) {
		for range n {
			if b.takes(ready()) {
				taken++
			}
		}
		return taken
	}
	// run is what gnet and Run make of a run that was asked for.
	run := func() {
		if b.armed {
			l.armed = false
			b.conns = nil // as if they had been written
			b.end()
		}
	}
	if n := turns(probeEvery - 1); n != 0 || events.runs != 0 {
		t.Fatalf("%d turns were taken and %d runs asked for at first", n, events.runs)
	}
	turns(1)
	if events.runs != 1 {
		t.Fatalf("after %d direct turns %d counts were begun", probeEvery, events.runs)
	}
	turns(batchFrom - 1)
	run()
	if b.on {
		t.Errorf("batches are made for %d turns at a time", batchFrom-1)
	}
	turns(probeEvery)
	turns(batchFrom)
	run()
	if !b.on {
		t.Fatalf("no batches are made for %d turns at a time", batchFrom)
	}
	if n := turns(batchUpTo); n != batchUpTo || !b.armed {
		t.Errorf("%d of %d turns were taken, armed %t", n, batchUpTo, b.armed)
	}
	run()
	if !b.on {
		t.Errorf("no batches are made any more for %d turns at a time", batchUpTo)
	}
	turns(batchUpTo - 1)
	run()
	if b.on {
		t.Errorf("batches are still made for %d turns at a time", batchUpTo-1)
	}
	l.running = true
	if n := turns(1); n != 1 {
		t.Error("a run of tasks, whose end is known, does not use the batch")
	}
	l.running, b.on = false, true
	b.armed = false
	l.stopped = true
	if b.takes(ready()) {
		t.Error("a turn was taken by a loop that will not run again")
	}
}

// TestBatchLeavesOut holds which turns are not for the batch.
func TestBatchLeavesOut(t *testing.T) {
	l := &loop{cfg: new(config), events: &countingLoop{}}
	l.batch.ring, l.batch.always = new(ring), true
	for name, spoil := range map[string]func(*Conn){
		"nothing to write": func(c *Conn) { c.release() },
		"much to write":    func(c *Conn) { c.out.B = make([]byte, batchBytes+1) },
		"congested":        func(c *Conn) { c.flags.set(flagFull) },
		"to be cut":        func(c *Conn) { c.flags.set(flagCut) },
		"finishing":        func(c *Conn) { c.flags.set(flagFinished) },
		"closed":           func(c *Conn) { c.fd = -1 },
		"no ring":          func(*Conn) { l.batch.ring = nil },
	} {
		l.batch.ring = new(ring)
		c := &Conn{loop: l}
		c.buffer().B = []byte("x")
		spoil(c)
		if l.batch.takes(c) {
			t.Errorf("%s: it is taken", name)
		}
		c.flags.set(flagBatched)
		if !l.batch.takes(c) {
			t.Errorf("%s: it is settled though it is in the batch", name)
		}
	}
}

// TestBatchRingFails sends through a ring that has become useless. Nothing is lost.
func TestBatchRingFails(t *testing.T) {
	if _, ok := ioModes()["uring"]; !ok {
		t.Skip("no io_uring here")
	}
	var log logBuffer
	h := newProbe()
	h.onMessage = func(c *Conn, m codec.Message) {
		if string(m.Payload) == "break" {
			breakRing(c.loop.batch.ring)
		}
		_ = c.WriteMessage(m.Opcode, m.Payload)
	}
	c := open(t, serve(t, &Server{IO: IOUring, Loops: 1, Handler: h, Logger: log.logger()}))
	for _, s := range []string{"before", "break", "after"} {
		c.send(text(s))
		c.want(codec.Text, s)
	}
	if !strings.Contains(log.String(), "io_uring fails") {
		t.Errorf("logged %q", log.String())
	}
}
