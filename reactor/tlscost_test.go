package reactor

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// standWire is the client's end of a stand, for a tls.Conn: what that writes arrives in a turn, and what
// it reads are whole writes of the server, which are counted.
type standWire struct {
	net.Conn
	s      *stand
	buf    []byte
	at     []byte // what has been read and not been asked for
	writes int
	held   *strings.Builder // what is written goes here, unless nil
	via    net.Conn         // replaces the stand, unless nil
}

func (w *standWire) Write(p []byte) (int, error) {
	if w.held != nil {
		return w.held.Write(p)
	}
	if w.via != nil {
		return w.via.Write(p)
	}
	w.s.arrive(string(p))
	return len(p), nil
}

func (w *standWire) SetWriteDeadline(time.Time) error { return nil }

func (w *standWire) Read(p []byte) (int, error) {
	if w.via != nil {
		return w.via.Read(p)
	}
	for len(w.at) == 0 {
		w.s.settle()
		n, err := unix.Read(w.s.peer, w.buf)
		switch {
		case n > 0:
			w.at = w.buf[:n]
			w.writes++
		case err == unix.EAGAIN: // the handshake is being computed
			runtime.Gosched()
		default:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, w.at)
	w.at = w.at[n:]
	return n, nil
}

// tlsStand is a stand whose client speaks TLS.
type tlsStand struct {
	*stand
	wire *standWire
	tls  *tls.Conn
}

// newTLSStand returns an open connection.
func newTLSStand(t testing.TB, srv *Server, version uint16) *tlsStand {
	t.Helper()
	srv.TLS = serverConfig()
	srv.TLS.SessionTicketsDisabled = true
	s := newStand(t, srv)
	w := &standWire{s: s, buf: make([]byte, 1<<18)}
	c := &tlsStand{s, w, tls.Client(w, clientConfig(version))}
	if err := c.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.send(request())
	want := string(mustUpgrade(t))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.tls, got); err != nil || string(got) != want {
		t.Fatalf("the server answered %q, %v", got, err)
	}
	return c
}

// records seals p for the server.
func (c *tlsStand) records(p string) string {
	var held strings.Builder
	c.wire.held = &held
	c.send(p)
	c.wire.held = nil
	return held.String()
}

func (c *tlsStand) send(p string) {
	c.t.Helper()
	if _, err := c.tls.Write([]byte(p)); err != nil {
		c.t.Fatal(err)
	}
}

// TestTLSTurnIsOneWrite has turns with many messages, and one that ends with the closing handshake, whose
// close_notify is in the same write.
func TestTLSTurnIsOneWrite(t *testing.T) {
	message := strings.Repeat("x", 3000)
	for _, v := range tlsVersions {
		c := newTLSStand(t, &Server{}, v)
		in, want := strings.Repeat(text(message), 15), strings.Repeat(unmasked(codec.Text, message), 15)
		for _, end := range []bool{false, true} {
			if end {
				in += closeFrame(1000, "")
				want += unmasked(codec.Close, "\x03\xe8")
			}
			c.wire.writes = 0
			c.arrive(c.records(in))
			got, err := "", error(nil)
			for buf := make([]byte, 1<<14); err == nil && (len(got) < len(want) || end); {
				var n int
				n, err = c.tls.Read(buf)
				got += string(buf[:n])
			}
			if got != want || c.wire.writes != 1 || (err == io.EOF) != end {
				t.Errorf("%s: %d bytes came in %d writes, and %v; want %d bytes in one", tls.VersionName(v), len(got), c.wire.writes, err, len(want))
			}
		}
	}
}

// TestTLSDetach takes the tls.Conn of a connection out of its loop, with what was not sent yet and what had
// arrived behind the message that asks for it, which fills what the loop reads at once.
func TestTLSDetach(t *testing.T) {
	for _, v := range tlsVersions {
		ours, theirs := net.Pipe()
		h := newProbe()
		var conn *tls.Conn
		h.onMessage = func(c *Conn, _ codec.Message) {
			_ = c.WriteText("before")
			c.mu.Lock()
			c.out = bytebufferpool.Get() // what the socket did not take before
			_, _ = c.out.WriteString("sent" + c.Data.(string))
			c.rarely().sent = uint32(len("sent"))
			var err error
			conn, err = c.rare.tls.detach(theirs)
			c.mu.Unlock()
			if err != nil {
				t.Error(err)
			}
		}
		c := newTLSStand(t, &Server{Handler: h}, v)
		// A record that the server has sealed before, and that is to come before all others.
		c.c.mu.Lock()
		_, _ = c.c.rare.tls.conn.Write([]byte("first"))
		out := c.c.rare.tls.take()
		c.c.mu.Unlock()
		c.c.Data = string(out.B)
		early, late := patterned(100_000), patterned(300_000)
		c.arrive(c.records(text(strings.Repeat("x", plaintextSize-8)) + early))
		_ = c.c.CloseNow()
		c.settle()
		c.wire.via = ours
		go func() {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}()
		go func() {
			_, _ = io.WriteString(c.tls, late)
			_ = c.tls.CloseWrite()
		}()
		want := "first" + unmasked(codec.Text, "before") + early + late
		if got, err := io.ReadAll(c.tls); string(got) != want || err != nil {
			t.Errorf("%s: got %.80q (%d bytes), %v, want %d bytes", tls.VersionName(v), got, len(got), err, len(want))
		}
		if left := c.out(); len(left) > 0 {
			t.Errorf("%s: the loop has still sent %.80q", tls.VersionName(v), left)
		}
	}
}

// TestTLSTurnAllocations: crypto/tls makes itself a small reader each time that it asks for more, and it
// asks twice a turn.
func TestTLSTurnAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("not with the race detector")
	}
	const runs = 200
	for _, v := range tlsVersions {
		c := newTLSStand(t, &Server{}, v)
		var turns [][]byte // no record can arrive twice
		for range runs + 2 {
			turns = append(turns, []byte(c.records(strings.Repeat(text(payload), 4))))
		}
		out := make([]byte, 1<<16)
		turn := func() {
			if c.c.turn(turns[0]) {
				t.Fatal("the connection is to be closed")
			}
			turns = turns[1:]
			if n, _ := unix.Read(c.peer, out); n < 4*len(payload) {
				t.Fatalf("an answer of %d bytes", n)
			}
		}
		turn() // the pools are empty at first
		if n := testing.AllocsPerRun(runs, turn); n > 2 {
			t.Errorf("%s: %v allocations", tls.VersionName(v), n)
		}
	}
}

// TestTLSIdleMemory prints what an idle connection keeps in the heap, with the sockets of both ends and
// without the client's half of TLS, and holds that no buffer is among it but one for the largest record,
// which crypto/tls keeps.
func TestTLSIdleMemory(t *testing.T) {
	n := 200
	if raceDetector {
		n = 20 // it makes everything larger: only what is printed is wrong then
	}
	plain := make(map[int]int)
	for _, row := range []struct {
		version uint16
		message int
		most    int
	}{
		{0, 100, 0},
		{tls.VersionTLS12, 100, 12_000},
		{tls.VersionTLS13, 100, 12_000},
		{0, 16_000, 0},
		{tls.VersionTLS12, 16_000, 30_000},
		{tls.VersionTLS13, 16_000, 30_000},
	} {
		v := row.version
		srv := &Server{}
		open, name := open, "without TLS"
		addr := ""
		if v == 0 {
			addr = serve(t, srv)
		} else {
			addr = serveTLS(t, srv)
			name = tls.VersionName(v)
			cfg := clientConfig(v)
			cfg.DynamicRecordSizingDisabled = true // a message is one record
			open = func(t testing.TB, addr string) *rawClient { return openTLS(t, addr, cfg).rawClient }
		}
		message := strings.Repeat("x", row.message)
		dial := func() net.Conn {
			r := open(t, addr)
			r.send(text(message))
			r.want(codec.Text, message)
			return r.TCPConn
		}
		dial() // now the loops have all that they need
		before := heap()
		sockets := make([]net.Conn, n)
		for i := range sockets {
			sockets[i] = dial()
		}
		each := (heap() - before) / n
		runtime.KeepAlive(sockets)
		t.Logf("%s, after a message of %d bytes: %d bytes per connection", name, row.message, each)
		if v == 0 {
			plain[row.message] = each
		} else if more := each - plain[row.message]; !raceDetector && more > row.most {
			t.Errorf("%s: TLS keeps %d bytes per connection", name, more)
		}
		_ = srv.Close()
	}
}
