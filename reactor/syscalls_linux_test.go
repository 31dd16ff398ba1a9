package reactor

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// calls counts a process's system calls that read and write, whatever they are called; those of io_uring are
// not among them.
type calls struct{ read, write int }

func countCalls(t *testing.T, pid int) (n calls) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Skip(err) // a kernel without task I/O accounting
	}
	for line := range strings.Lines(string(b)) {
		_, _ = fmt.Sscanf(line, "syscr: %d", &n.read)
		_, _ = fmt.Sscanf(line, "syscw: %d", &n.write)
	}
	if n.read == 0 || n.write == 0 {
		t.Fatalf("/proc/%d/io is %q", pid, b)
	}
	return n
}

// A turn of a connection costs a read and a write, however many messages have arrived. Nothing else is read or
// written for a message: with one connection the ring is not used, and the turns that are counted, to see whether
// it would pay, are few.
func TestCallsPerTurn(t *testing.T) {
	const turns = 1500
	for _, row := range []struct {
		mode      IOMode
		pipelined int
		extra     int // reads and writes beyond one a turn: a count wakes the loop, which is one of each
	}{
		{IODirect, 1, 0},
		{IODirect, 16, 0},
		{IOAuto, 1, turns / probeEvery},
		{IOAuto, 16, turns / probeEvery},
	} {
		t.Run(fmt.Sprintf("%v/%d messages", row.mode, row.pipelined), func(t *testing.T) {
			child := startChild(t, fmt.Sprint(childVariable, "=1000 ", uint8(row.mode)))
			c := open(t, child.line())
			from := time.Now()
			before := countCalls(t, child.pid)
			for i := range turns {
				c.send(strings.Repeat(text(fmt.Sprint(i)), row.pipelined))
				for range row.pipelined {
					c.want(codec.Text, fmt.Sprint(i))
				}
			}
			after := countCalls(t, child.pid)
			// The clock wakes both loops ten times a second, and the runtime's own calls are few.
			spare := 100 + int(time.Since(from)/(10*time.Millisecond))
			for what, n := range map[string]int{"reads": after.read - before.read, "writes": after.write - before.write} {
				if n < turns || n > turns+row.extra+spare {
					t.Errorf("%d %s for %d turns, %d may be for something else", n, what, turns, row.extra+spare)
				}
			}
		})
	}
}

// A batch is one call of io_uring_enter.
func TestCallsPerBatch(t *testing.T) {
	testRing(t) // or skip
	const publishes = 20
	var all []*Conn // there is one loop
	var batches []uint32
	h := newProbe()
	h.onOpen = func(c *Conn) { all = append(all, c) }
	h.onMessage = func(c *Conn, m codec.Message) {
		c.loop.batch.ring.enter = func(fd int, submit, wait, flags uint32) (uint32, unix.Errno) {
			batches = append(batches, submit)
			return ringEnter(fd, submit, wait, flags)
		}
		for _, c := range all {
			_ = c.WriteMessage(m.Opcode, m.Payload)
		}
	}
	srv := &Server{IO: IOUring, Loops: 1, Handler: h}
	addr := serve(t, srv)
	clients := make([]*rawClient, maxBatch)
	for i := range clients {
		clients[i] = open(t, addr)
		within(t, h.opened)
	}
	for i := range publishes {
		clients[i].send(text(fmt.Sprint("publish ", i)))
		for _, c := range clients {
			c.want(codec.Text, fmt.Sprint("publish ", i))
		}
	}
	if err := srv.Close(); err != nil { // after which batches belongs to this goroutine
		t.Fatal(err)
	}
	if len(batches) < publishes {
		t.Fatalf("%d calls for %d publishes", len(batches), publishes)
	}
	for i, n := range batches[:publishes] { // those behind are close frames
		if n != maxBatch {
			t.Errorf("call %d does %d sends, want %d", i, n, maxBatch)
		}
	}
}
