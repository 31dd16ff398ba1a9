package reactor

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestDescriptorReuse opens and resets thousands of connections, whose descriptors are used again at
// once, while writes to them are under way. Nothing of theirs reaches the connection beside them.
func TestDescriptorReuse(t *testing.T) {
	const n = 5000
	h := newProbe()
	h.onOpen = func(c *Conn) {
		if c.Data == nil {
			go func() { // a write that may come too late
				_ = c.WriteText("stray")
				_ = c.CloseNow()
				_ = c.WriteText("stray")
			}()
			_ = c.WriteText("stray")
		}
	}
	srv := &Server{Handler: h, Loops: 2, Upgrade: func(c *Conn, u *Upgrade) error {
		if string(u.Request.Target()) != "/" {
			c.Data = "beside"
		}
		return nil
	}}
	addr := serve(t, srv)
	open(t, addr).reset() // now the loops have all that they need
	eventually(t, "the first connection is gone", func() bool { return len(h.closed) == 1 && srv.Conns() == 0 })
	before := descriptors(t)
	beside := dialRaw(t, addr)
	beside.send(strings.Replace(request(), "GET /", "GET /beside", 1))
	beside.head()
	echoed := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				echoed <- nil
				return
			default:
			}
			want := fmt.Sprint("beside ", i)
			_ = beside.SetDeadline(time.Now().Add(patience))
			_, _ = beside.Write([]byte(text(want)))
			if _, got, err := beside.next(); got != want {
				echoed <- fmt.Errorf("got %q, %v, want %q", got, err, want)
				return
			}
		}
	}()
	hello := []byte(request() + text("x"))
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn := c.(*net.TCPConn)
		_, _ = conn.Write(hello[:len(hello)-i%2*3])
		if i%3 > 0 {
			_, _ = conn.Read(make([]byte, 10)) // opened
		}
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
	close(stop)
	if err := within(t, echoed); err != nil {
		t.Error(err)
	}
	_ = beside.Close()
	eventually(t, "all connections are gone", func() bool { return srv.Conns() == 0 })
	if opened, closed := len(h.opened), len(h.closed); opened != closed {
		t.Errorf("%d connections were opened, OnClose was called for %d", opened, closed)
	}
	before += srv.Loops // each has made itself a ring
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
}
