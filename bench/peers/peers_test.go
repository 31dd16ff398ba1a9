package peers

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	messages := map[string]struct {
		op      ws.OpCode
		payload []byte
	}{
		"text":         {ws.OpText, []byte("Grüße, 世界")},
		"binary":       {ws.OpBinary, []byte{0, 0xff, 0x80, 1}},
		"16 KiB text":  {ws.OpText, []byte(strings.Repeat("weir", 4<<10))},
		"1 MiB binary": {ws.OpBinary, randomBytes(1 << 20)},
	}
	each(t, false, func(t *testing.T, p Peer) {
		c := connect(t, start(t, p, EchoPath), EchoPath)
		for name, m := range messages {
			c.send(m.op, true, m.payload)
			if op, payload := c.message(); op != m.op || !bytes.Equal(payload, m.payload) {
				t.Errorf("%s came back as %d bytes with opcode %v", name, len(payload), op)
			}
		}
	})
}

// TestFragments sends a message in fragments, with a ping between them, and in the middle of a
// character.
func TestFragments(t *testing.T) {
	t.Parallel()
	each(t, false, func(t *testing.T, p Peer) {
		c := connect(t, start(t, p, EchoPath), EchoPath)
		c.send(ws.OpText, false, []byte("Gr\xc3"))
		c.send(ws.OpPing, true, []byte("between"))
		c.send(ws.OpContinuation, false, nil)
		c.send(ws.OpContinuation, true, []byte("\xbc\xc3\x9fe"))
		if got := c.control(ws.OpPong); string(got) != "between" {
			t.Errorf("pong %q, want the payload of the ping", got)
		}
		if op, payload := c.message(); op != ws.OpText || string(payload) != "Grüße" {
			t.Errorf("%q with opcode %v came back", payload, op)
		}
	})
}

func TestPing(t *testing.T) {
	t.Parallel()
	each(t, false, func(t *testing.T, p Peer) {
		c := connect(t, start(t, p, EchoPath), EchoPath)
		for _, payload := range []string{"", "are you there?"} {
			c.send(ws.OpPing, true, []byte(payload))
			if got := c.control(ws.OpPong); string(got) != payload {
				t.Errorf("pong %q, want %q", got, payload)
			}
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	each(t, false, func(t *testing.T, p Peer) {
		s := start(t, p, EchoPath)
		for _, code := range []ws.StatusCode{ws.StatusNormalClosure, 3001} {
			c := connect(t, s, EchoPath)
			c.send(ws.OpClose, true, ws.NewCloseFrameBody(code, ""))
			if got, _ := ws.ParseCloseFrameData(c.control(ws.OpClose)); got != code {
				t.Errorf("closed with %d, want %d as the client said", got, code)
			}
			if f, err := c.frame(); !isGone(err) {
				t.Errorf("%v, %v after the close frame, want the end", f.Header, err)
			}
		}
	})
}

// TestInvalidUTF8 holds what ChecksUTF8 says.
func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	each(t, false, func(t *testing.T, p Peer) {
		c := connect(t, start(t, p, EchoPath), EchoPath)
		c.send(ws.OpText, true, []byte("\xff\xff"))
		f, err := c.frame()
		echoed := err == nil && f.Header.OpCode == ws.OpText
		if echoed == p.ChecksUTF8 {
			t.Errorf("invalid text: opcode %v, %v; ChecksUTF8 is %v", f.Header.OpCode, err, p.ChecksUTF8)
		}
	})
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	const members = 10
	each(t, false, func(t *testing.T, p Peer) {
		s := start(t, p, TopicPath)
		var all []*client
		for range members {
			all = append(all, connect(t, s, TopicPath))
		}
		other := connect(t, s, TopicPath+"-other")
		joined(t, all)
		joined(t, []*client{other})

		for i, m := range []struct {
			op      ws.OpCode
			payload []byte
		}{{ws.OpText, []byte("hello, all")}, {ws.OpBinary, randomBytes(1 << 16)}} {
			all[i].send(m.op, true, m.payload)
			for j, c := range all {
				if op, payload := published(c); op != m.op || !bytes.Equal(payload, m.payload) {
					t.Errorf("member %d: %d bytes with opcode %v, want what was published", j, len(payload), op)
				}
			}
		}
		other.send(ws.OpText, true, []byte("only here"))
		if _, payload := published(other); string(payload) != "only here" {
			t.Errorf("the other topic heard %q", payload)
		}
	})
}

// joining begins what a member publishes to find out whether it has joined.
const joining = "joining: "

// joined waits until all have joined their topic: a server may answer the opening request before. A
// member has when it hears itself.
func joined(t *testing.T, all []*client) {
	t.Helper()
	for i, c := range all {
		me := joining + strconv.Itoa(i)
		c.send(ws.OpText, true, []byte(me))
		for {
			if _, payload := c.message(); string(payload) == me {
				break
			}
		}
	}
}

// published reads the next message that is not about joining.
func published(c *client) (op ws.OpCode, payload []byte) {
	c.t.Helper()
	for {
		if op, payload = c.message(); !bytes.HasPrefix(payload, []byte(joining)) {
			return op, payload
		}
	}
}

// TestRawEcho sends more than the sockets hold to a client that takes in little at a time, so that the
// server has to keep what the kernel refuses.
func TestRawEcho(t *testing.T) {
	t.Parallel()
	each(t, true, func(t *testing.T, p Peer) {
		s := start(t, p, EchoPath)
		conn, err := net.DialTimeout("tcp", s.Addr, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
			t.Fatal(err)
		}
		sent := randomBytes(20 << 20)
		written := make(chan error, 1)
		go func() {
			_, err := conn.Write(sent)
			written <- err
		}()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil {
			t.Fatal(err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, sent) {
			t.Error("other bytes came back")
		}
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, p := range All {
		if _, ok := missing[p.Name]; ok {
			continue
		}
		if v, err := p.Version(bin); err != nil || !strings.Contains(v, ".") && p.binary != "weir" {
			t.Errorf("%s: version %q, %v", p.Name, v, err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	got, err := Find([]string{"gws", "weir"})
	if err != nil || len(got) != 2 || got[0].Name != "weir" || got[1].Name != "gws" {
		t.Errorf("Find: %v, %v; want weir and gws, in the order of All", got, err)
	}
	if _, err := Find([]string{"weir", "nobody"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("Find of an unknown name: %v", err)
	}
}

// TestStartFails holds that a server which ends at once is not waited for, and that its words are kept.
func TestStartFails(t *testing.T) {
	t.Parallel()
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), []string{"sh", "-c", "echo no such luck; exit 3"}, addr)
	if err == nil || !strings.Contains(err.Error(), "ended: no such luck") {
		t.Errorf("error %v, want that it ended, and what it printed", err)
	}
}

// isGone reports whether the other side has closed the connection.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}
