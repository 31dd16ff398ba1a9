package reactor

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// webConn is a connection that an event loop has handed over to net/http.
type webConn struct {
	net.Conn          // the socket, or a *tls.Conn over it
	socket   net.Conn // TCP or Unix
	remote   net.Addr
	believed bool   // the client is who the requests say it is
	counted  bool   // by Server.admission
	first    []byte // what arrived before

	tls   *secure // nil without TLS
	state *tls.ConnectionState
}

type webConnKey struct{}

// withWebConn makes webConnOf find a connection by its requests.
func withWebConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, webConnKey{}, c)
}

// webConnOf returns the connection of a request, nil where another server has it.
func webConnOf(r *http.Request) *webConn {
	c, _ := r.Context().Value(webConnKey{}).(*webConn)
	return c
}

// lendCount has c, which is what becomes of a connection, count as the client's in its stead. It returns nil
// where there is nothing to take back.
func (c *webConn) lendCount(to *Conn) *webConn {
	if c == nil || !c.counted {
		return nil
	}
	key, _ := clientKey(c.remote)
	if other, _ := clientKey(to.RemoteAddr()); other != key { // a handler says so
		return nil
	}
	c.counted = false
	to.flags.set(flagCounted)
	return c
}

// takeCount undoes lendCount, of which c is the result.
func (c *webConn) takeCount(from *Conn) {
	if c != nil {
		c.counted = from.uncount()
	}
}

// RemoteAddr returns the address that the loop knew the connection by.
func (c *webConn) RemoteAddr() net.Addr { return c.remote }

// Read begins with what arrived before.
func (c *webConn) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	if c.first = c.first[n:]; len(c.first) == 0 {
		c.first = nil
	}
	return n, nil
}

// ReadFrom makes net/http send files without copying them (sendfile).
func (c *webConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite makes net/http end a connection so that the client gets the response to what it is still
// sending.
func (c *webConn) CloseWrite() error { return c.Conn.(halfCloser).CloseWrite() }

// halfCloser is a connection of which one direction can be closed: TCP, Unix sockets, TLS.
type halfCloser interface{ CloseWrite() error }

// arrivals is a net.Listener of the connections that event loops hand over.
type arrivals struct {
	mu     sync.Mutex
	closed bool
	conns  chan *webConn
	drop   func(*webConn) // for those that nobody will accept
}

// add leaves a connection for Accept. It does not block.
func (a *arrivals) add(c *webConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		select {
		case a.conns <- c:
			return
		default: // net/http is far behind
		}
	}
	a.drop(c)
}

// Accept returns the next connection. After Close it returns those that have come before, and then
// net.ErrClosed.
func (a *arrivals) Accept() (net.Conn, error) {
	if c, ok := <-a.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// Close makes add drop connections.
func (a *arrivals) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		close(a.conns)
	}
	return nil
}

// Addr returns an address that says nothing: the connections know theirs.
func (a *arrivals) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// descriptorOf returns the number of the descriptor of a socket, -1 if it has none.
func descriptorOf(c net.Conn) int {
	n := -1
	if sc, ok := c.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			_ = rc.Control(func(fd uintptr) { n = int(fd) })
		}
	}
	return n
}
