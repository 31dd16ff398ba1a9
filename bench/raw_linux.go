package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// useRaw makes the sessions of a run plain TCP connections without WebSocket, on event loops like
// those of package reactor: one read and one write for all that a turn brings. It is for ceilings:
// what the generator and the kernel can do with a server that does nothing. The sessions do what x
// says. The function that it returns ends the loops.
func (r *run) useRaw(x exchange) (end func(), err error) {
	loops := make([]*rawLoop, len(r.loops))
	end = func() {
		for _, l := range loops {
			if l != nil {
				l.end()
			}
		}
	}
	for i, l := range r.loops {
		if loops[i], err = newRawLoop(l, x); err != nil {
			end()
			return nil, err
		}
	}
	r.dial = func(ctx context.Context, s *session) error {
		return loops[s.number%len(loops)].dial(ctx, s)
	}
	return end, nil
}

// rawLoop is an event loop for plain TCP.
type rawLoop struct {
	gen    *genLoop
	does   exchange
	size   int // of a message
	epoll  int
	wakeup int // an eventfd
	ended  chan struct{}
	buf    []byte // has room for a message
	turn   []byte // what the connection whose turn it is sends; flush empties it

	mu      sync.Mutex
	inbox   []func() // what is to be done on the loop
	stopped bool

	conns map[int32]*rawConn // the loop's, by descriptor
}

// rawConn is a connection. It belongs to its loop.
type rawConn struct {
	loop    *rawLoop
	session *session
	fd      int    // -1 once it is closed
	in      int    // bytes of the message that is arriving
	rest    []byte // what the kernel did not take yet; the loop waits for room while there is some
}

func newRawLoop(g *genLoop, x exchange) (*rawLoop, error) {
	size, _ := g.run.opt.Size.fixed()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wakeup, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &rawLoop{
		gen: g, does: x, size: size, epoll: epoll, wakeup: wakeup,
		ended: make(chan struct{}), buf: make([]byte, max(1<<20, size)), conns: make(map[int32]*rawConn),
	}
	if err := l.watch(unix.EPOLL_CTL_ADD, wakeup, unix.EPOLLIN); err != nil {
		_ = unix.Close(epoll)
		_ = unix.Close(wakeup)
		return nil, err
	}
	go l.loop()
	return l, nil
}

func (l *rawLoop) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// do has the loop call f. It reports false when the loop has ended.
func (l *rawLoop) do(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.inbox = append(l.inbox, f)
	_, _ = unix.Write(l.wakeup, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // when it is full it is awake
	return true
}

// end ends the loop, with its connections.
func (l *rawLoop) end() {
	l.do(func() {
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
	})
	<-l.ended
}

// loop serves the connections until the end.
func (l *rawLoop) loop() {
	defer close(l.ended)
	events := make([]unix.EpollEvent, 256)
	for !l.tasks() {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			break
		}
		for _, e := range events[:max(n, 0)] {
			if c := l.conns[e.Fd]; c != nil {
				c.ready(e.Events)
			}
		}
	}
	for _, c := range l.conns {
		c.close(net.ErrClosed)
	}
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wakeup)
}

// tasks does what is in the inbox, and reports whether the loop is to end.
func (l *rawLoop) tasks() bool {
	var b [8]byte
	_, _ = unix.Read(l.wakeup, b[:])
	l.mu.Lock()
	inbox := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, f := range inbox {
		f()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// dial connects a session.
func (l *rawLoop) dial(ctx context.Context, s *session) error {
	o := l.gen.run.opt
	u, err := url.Parse(o.target(s.number))
	if err != nil {
		return err
	}
	network, addr := "tcp", u.Host
	d := o.dialer(s.number)
	if u.Scheme == "unix" {
		network, addr, d.LocalAddr = "unix", u.Path, nil
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return err
	}
	fd, err := duplicate(conn)
	_ = conn.Close()
	if err != nil {
		return err
	}
	c := &rawConn{loop: l, session: s, fd: fd}
	result := make(chan error, 1)
	open := func() {
		err := l.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
		if err != nil {
			_ = unix.Close(fd)
		} else {
			l.conns[int32(fd)] = c
			c.opened()
		}
		result <- err
	}
	if !l.do(open) {
		_ = unix.Close(fd)
		return net.ErrClosed
	}
	return <-result
}

// duplicate returns a descriptor of the connection that Go's own poller does not know.
func duplicate(conn net.Conn) (fd int, err error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return -1, errors.ErrUnsupported
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	cerr := rc.Control(func(p uintptr) {
		fd, err = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(err, cerr)
}

// opened begins the session.
func (c *rawConn) opened() {
	g := c.loop.gen
	c.session.opened(c)
	g.mu.Lock()
	c.loop.does.begin(c.session)
	g.mu.Unlock()
	c.flush()
}

// WriteMessage queues a message for the end of the turn, which is when flush is called. It is called on
// the loop, in a turn of c.
func (c *rawConn) WriteMessage(_ codec.Opcode, p []byte) error {
	if c.fd < 0 {
		return net.ErrClosed
	}
	c.loop.turn = append(c.loop.turn, p...)
	return nil
}

// Do calls f on the loop, with nil for a connection.
func (c *rawConn) Do(f func(*reactor.Conn)) error {
	task := func() {
		if c.fd >= 0 {
			f(nil)
			c.flush()
		}
	}
	if !c.loop.do(task) {
		return net.ErrClosed
	}
	return nil
}

// CloseNow cuts the connection.
func (c *rawConn) CloseNow() error {
	c.loop.do(func() { c.close(net.ErrClosed) })
	return nil
}

// ready reads, counts what has come back, sends as much anew, all in one turn.
func (c *rawConn) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	if events&^unix.EPOLLOUT == 0 || c.fd < 0 {
		return
	}
	n, err := unix.Read(c.fd, c.loop.buf)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		c.close(err)
		return
	case n == 0:
		c.close(io.EOF)
		return
	}
	c.in += n
	over := c.answers(c.in / c.loop.size)
	c.in %= c.loop.size
	c.flush()
	if over {
		c.close(nil)
	}
}

// answers takes in as many messages as have come back. It reports whether the session is over.
func (c *rawConn) answers(n int) (over bool) {
	at := now()
	g := c.loop.gen
	m := codec.Message{Payload: c.loop.buf[:c.loop.size]}
	g.mu.Lock()
	defer g.mu.Unlock()
	for range n {
		if c.loop.does.answer(c.session, m, at) {
			over = true
		}
	}
	return over
}

// flush sends what is queued, as far as the kernel takes it.
func (c *rawConn) flush() {
	l := c.loop
	b := l.turn
	l.turn = b[:0]
	waited := len(c.rest) > 0
	if waited {
		c.rest = append(c.rest, b...)
		b = c.rest
	}
	if len(b) == 0 || c.fd < 0 {
		return
	}
	n, err := unix.Write(c.fd, b)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		c.close(err)
		return
	}
	c.rest = append(c.rest[:0], b[max(n, 0):]...)
	waits := len(c.rest) > 0
	if !waits {
		c.rest = nil // thousands of connections would hold much
	}
	if waits != waited {
		events := uint32(unix.EPOLLIN)
		if waits {
			events |= unix.EPOLLOUT
		}
		_ = l.watch(unix.EPOLL_CTL_MOD, c.fd, events)
	}
}

// close ends the connection.
func (c *rawConn) close(err error) {
	if c.fd < 0 {
		return
	}
	delete(c.loop.conns, int32(c.fd))
	_ = unix.Close(c.fd)
	c.fd = -1
	g := c.loop.gen
	g.mu.Lock()
	c.loop.does.end(c.session)
	g.mu.Unlock()
	c.session.closed(err)
}
