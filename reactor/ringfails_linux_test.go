package reactor

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// A ring that fails when it has done a part of a batch is given up: the rest is written directly. Nobody
// misses a byte or gets one twice, then or later.
func TestBatchRingFailsMidway(t *testing.T) {
	testRing(t) // or skip
	const members, done = 50, 20
	for name, errno := range map[string]unix.Errno{"it is gone": unix.EBADF, "no memory": unix.ENOMEM, "it is busy": unix.EBUSY} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			var all []*Conn // there is one loop
			h := newProbe()
			h.onOpen = func(c *Conn) { all = append(all, c) }
			submitted := 0
			h.onMessage = func(c *Conn, m codec.Message) {
				if string(m.Payload) == "publish 3" {
					c.loop.batch.ring.enter = func(fd int, submit, wait, flags uint32) (uint32, unix.Errno) {
						if submitted > 0 {
							return 0, errno
						}
						n, errno := ringEnter(fd, min(submit, done), wait, flags)
						submitted = int(n)
						return n, errno
					}
				}
				for _, c := range all {
					_ = c.WriteMessage(m.Opcode, m.Payload)
				}
			}
			addr := serve(t, &Server{IO: IOUring, Loops: 1, Handler: h, Logger: log.logger()})
			clients := make([]*rawClient, members)
			for i := range clients {
				clients[i] = open(t, addr)
				within(t, h.opened)
			}
			for i := range 6 {
				clients[i].send(text(fmt.Sprint("publish ", i)))
				for _, c := range clients {
					c.want(codec.Text, fmt.Sprint("publish ", i))
				}
			}
			for _, c := range clients { // and nothing more
				c.send(closeFrame(codec.CloseNormal, ""))
				c.wantClose(codec.CloseNormal)
			}
			if submitted != done || !strings.Contains(log.String(), "io_uring fails") {
				t.Errorf("the ring did %d sends; logged %q", submitted, log.String())
			}
		})
	}
}
