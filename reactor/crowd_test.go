package reactor

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// crowd drives many connections of a server without gnet, on loops that run when the test says so.
type crowd struct {
	t     testing.TB
	srv   *Server
	e     *engine
	loops []*crowdLoop
}

// crowdLoop is what the reactor uses of gnet's loops.
type crowdLoop struct {
	gnet.EventLoop
	c    *crowd
	l    *loop
	runs chan gnet.Runnable
}

// Execute is never to be called by a run itself: gnet would make it the next thing that it does.
func (el *crowdLoop) Execute(_ context.Context, r gnet.Runnable) error {
	if el.l.running {
		el.c.t.Error("a run has asked for the next")
	}
	el.runs <- r
	return nil
}

// Close leaves the descriptor alone, which is not the connection's own.
func (el *crowdLoop) Close(g gnet.Conn) error {
	el.c.e.OnClose(g, nil)
	return nil
}

// crowdConn is what the reactor uses of gnet's connections.
type crowdConn struct {
	standConn
	c *Conn
}

func (g *crowdConn) Context() any { return g.c }

func newCrowd(t testing.TB, srv *Server, loops int) *crowd {
	t.Helper()
	if srv.Handler == nil {
		srv.Handler = echo
	}
	set := srv.settings()
	set.log = quiet
	srv.core.cfg = set.config(codec.Server, srv.Handler)
	var err error
	if srv.core.writable, err = newWritableWatcher(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.core.writable.close)
	e := newEngine(&srv.core)
	e.srv = srv
	c := &crowd{t: t, srv: srv, e: e}
	for range loops {
		el := &crowdLoop{c: c, runs: make(chan gnet.Runnable, 1)}
		el.l = e.loop(el)
		t.Cleanup(el.l.ended)
		c.loops = append(c.loops, el)
	}
	return c
}

// add adds an open connection that writes to fd, to each loop in turn.
func (c *crowd) add(fd int) *Conn {
	el := c.loops[int(c.srv.core.conns.Add(1))%len(c.loops)]
	conn := &Conn{loop: el.l, fd: int32(fd), phase: phaseFrames}
	conn.socket = &crowdConn{standConn{fd: fd}, conn}
	conn.state.Store(openBit)
	el.l.wheel.add(conn)
	return conn
}

// congested adds a connection whose socket takes nothing. What is published waits for it, where the test
// can see it.
func (c *crowd) congested() *Conn {
	conn := c.add(-2)
	conn.fd = 1 << 30
	conn.flags.set(flagFull)
	return conn
}

// null is a descriptor that takes everything.
func null(t testing.TB) int {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return int(f.Fd())
}

// pair returns a descriptor that keeps the boundaries of writes, and a function that returns what has
// been written to it.
func pair(t testing.TB) (fd int, read func() []string) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	s := &stand{peer: fds[1]}
	return fds[0], s.out
}

// subscribe subscribes c to the patterns.
func (c *crowd) subscribe(conn *Conn, patterns ...string) {
	c.t.Helper()
	for _, p := range patterns {
		if err := conn.Subscribe(p); err != nil {
			c.t.Fatalf("Subscribe(%q): %v", p, err)
		}
	}
}

// publish publishes text messages on the topic.
func (c *crowd) publish(topic string, messages ...any) {
	c.t.Helper()
	for _, m := range messages {
		if err := c.srv.Publish(topic, codec.Text, fmt.Append(nil, m)); err != nil {
			c.t.Fatalf("Publish(%q): %v", topic, err)
		}
	}
}

// step makes a run of the loop, if there is to be one.
func (el *crowdLoop) step() bool {
	el.l.mu.Lock()
	armed := el.l.armed
	el.l.mu.Unlock()
	if armed {
		_ = (<-el.runs).Run(context.Background())
	}
	return armed
}

// settle lets the loops run until there is nothing to do.
func (c *crowd) settle() (runs int) {
	for _, el := range c.loops {
		for el.step() {
			runs++
		}
	}
	return runs
}

// got are the messages that wait for a congested connection.
func got(c *Conn) (messages []string) {
	if w := c.waiting(); w != nil {
		for _, p := range w.queue {
			messages = append(messages, string(p.message.Payload()))
		}
	}
	return messages
}
