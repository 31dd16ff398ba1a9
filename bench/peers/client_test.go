package peers

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// patience is how long a peer may take for an answer on a busy machine.
const patience = 30 * time.Second

// client writes and reads frames.
type client struct {
	t    *testing.T
	conn net.Conn
	r    io.Reader
}

// connect opens a connection to a path of a server. It ends with the test.
func connect(t *testing.T, s *Server, path string) *client {
	t.Helper()
	c, _ := dial(t, ws.Dialer{}, "ws://"+s.Addr+path)
	return c
}

// dial opens a connection by d. It ends with the test.
func dial(t *testing.T, d ws.Dialer, url string) (*client, ws.Handshake) {
	t.Helper()
	d.Timeout = patience
	conn, r, hs, err := d.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if r == nil {
		r = bufio.NewReader(conn)
	}
	return &client{t, conn, r}, hs
}

// send sends one frame.
func (c *client) send(op ws.OpCode, fin bool, payload []byte) {
	c.t.Helper()
	f := ws.MaskFrame(ws.NewFrame(op, fin, payload)) // masks a copy
	if err := ws.WriteFrame(c.conn, f); err != nil {
		c.t.Fatal(err)
	}
}

// frame reads one frame.
func (c *client) frame() (ws.Frame, error) { return ws.ReadFrame(c.r) }

// message reads one message, whole. Control frames are not expected.
func (c *client) message() (op ws.OpCode, payload []byte) {
	c.t.Helper()
	for first := true; ; first = false {
		f, err := c.frame()
		if err != nil {
			c.t.Fatal(err)
		}
		switch {
		case first && (f.Header.OpCode == ws.OpText || f.Header.OpCode == ws.OpBinary):
			op = f.Header.OpCode
		case first || f.Header.OpCode != ws.OpContinuation:
			c.t.Fatalf("frame with opcode %v, want a message", f.Header.OpCode)
		}
		payload = append(payload, f.Payload...)
		if f.Header.Fin {
			return op, payload
		}
	}
}

// control reads a control frame of the kind that is expected.
func (c *client) control(want ws.OpCode) []byte {
	c.t.Helper()
	f, err := c.frame()
	if err != nil {
		c.t.Fatal(err)
	}
	if f.Header.OpCode != want {
		c.t.Fatalf("opcode %v, want %v", f.Header.OpCode, want)
	}
	return f.Payload
}
