package reactor

import (
	"context"
	"net"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// stand drives one connection of a server without gnet: the test says what arrives and when time
// passes. Its socket keeps the boundaries of writes, so that they can be counted.
type stand struct {
	t    testing.TB
	e    *engine
	l    *loop
	c    *Conn
	peer int // the other end of the socket
	in   []byte
	ctx  any
	runs chan gnet.Runnable // what waits for the loop
}

// standLoop and standConn are what the reactor uses of gnet's loops and connections.
type standLoop struct {
	gnet.EventLoop
	s *stand
}

type standConn struct {
	gnet.Conn
	s  *stand
	fd int
	el gnet.EventLoop
}

func (el *standLoop) Execute(_ context.Context, r gnet.Runnable) error {
	el.s.runs <- r
	return nil
}

func (el *standLoop) Close(g gnet.Conn) error {
	el.s.e.OnClose(g, nil)
	return unix.Close(g.Fd())
}

func (g *standConn) Fd() int                   { return g.fd }
func (g *standConn) EventLoop() gnet.EventLoop { return g.el }
func (g *standConn) RemoteAddr() net.Addr      { return &net.UnixAddr{Net: "unix"} }
func (g *standConn) Context() any              { return g.s.ctx }
func (g *standConn) SetContext(ctx any)        { g.s.ctx = ctx }
func (g *standConn) Next(int) ([]byte, error)  { return g.s.in, nil }

// newStand returns a connection that has just been accepted.
func newStand(t testing.TB, srv *Server) *stand {
	return newStandOn(t, srv, unix.SOCK_SEQPACKET)
}

func newStandOn(t testing.TB, srv *Server, kind int) *stand {
	t.Helper()
	if srv.Handler == nil {
		srv.Handler = echo
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	set := srv.settings()
	set.log = quiet
	srv.core.cfg = set.config(codec.Server, srv.Handler)
	srv.core.cfg.rate = srv.rateLimits()
	srv.core.cfg.track = srv.TrackConns
	srv.core.pings = newPingClock()
	if srv.TLS != nil {
		if srv.core.cfg.tls, err = serverTLS(srv.TLS); err != nil {
			t.Fatal(err)
		}
		srv.core.tls.init()
	}
	if srv.core.writable, err = newWritableWatcher(); err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, e: newEngine(&srv.core), peer: fds[1], runs: make(chan gnet.Runnable, 8)}
	s.e.srv = srv
	g := &standConn{s: s, fd: fds[0], el: &standLoop{s: s}}
	s.e.OnOpen(g)
	s.c = s.ctx.(*Conn)
	s.l = s.c.loop
	t.Cleanup(func() {
		if !s.c.isClosed() {
			_ = s.l.events.Close(s.c.socket)
		}
		_ = unix.Close(s.peer)
		srv.core.writable.close()
	})
	return s
}

// newOpenStand returns a connection whose opening handshake is done.
func newOpenStand(t testing.TB, srv *Server) *stand {
	t.Helper()
	s := newStand(t, srv)
	s.arrive(request())
	s.wantOut(string(mustUpgrade(t)))
	return s
}

// mustUpgrade is the answer to request.
func mustUpgrade(t testing.TB) []byte {
	b, err := codec.AppendUpgrade(nil, &codec.Upgrade{Key: []byte(sampleKey)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// arrive is a turn in which bytes arrive.
func (s *stand) arrive(p string) {
	s.in = []byte(p)
	if s.e.OnTraffic(s.c.socket) == gnet.Close {
		_ = s.l.events.Close(s.c.socket)
	}
}

// settle runs what waits for the loop, until nothing does.
func (s *stand) settle() {
	for {
		select {
		case r := <-s.runs:
			_ = r.Run(context.Background())
		default:
			return
		}
	}
}

// pass lets ticks pass.
func (s *stand) pass(ticks uint32) {
	s.l.wheel.advance(s.l.wheel.now+ticks, 1<<20, (*Conn).expire)
}

// out returns what each write has sent.
func (s *stand) out() (writes []string) {
	b := make([]byte, 1<<18)
	for {
		n, err := unix.Read(s.peer, b)
		if n <= 0 || err != nil {
			return writes
		}
		writes = append(writes, string(b[:n]))
	}
}

// wantOut compares what each write has sent.
func (s *stand) wantOut(want ...string) {
	s.t.Helper()
	got := s.out()
	if len(got) != len(want) {
		s.t.Fatalf("%d writes %.200q, want %d", len(got), got, len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			s.t.Fatalf("write %d is %.80q, want %.80q", i, got[i], want[i])
		}
	}
}

// wantPing takes one write, a ping for a silent client, and returns its payload.
func (s *stand) wantPing() (payload string) {
	s.t.Helper()
	got := s.out()
	if len(got) != 1 || len(got[0]) != 10 || got[0][:2] != "\x89\x08" {
		s.t.Fatalf("got %.200q, want a ping with the time", got)
	}
	return got[0][2:]
}

// unmasked is a frame as the server sends it.
func unmasked(op codec.Opcode, p string) string { return string(codec.AppendFrame(nil, op, []byte(p))) }
