package reactor

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/panjf2000/gnet/v2"
)

// enroller runs event loops without a listener, for sockets that others have opened. The loops begin
// with the first start.
type enroller struct {
	engine  *engine
	options []gnet.Option

	mu      sync.Mutex
	gnet    *gnet.Client // nil until the loops run
	closed  bool
	waiting sync.WaitGroup // calls of enroll that wait for an event loop to take their socket
}

// errEnrollClosed is returned by start and enroll after stop.
var errEnrollClosed = errors.New("reactor: the event loops have ended")

// start starts the event loops if they do not run yet.
func (n *enroller) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return errEnrollClosed
	case n.gnet != nil:
		return nil
	}
	cl, err := gnet.NewClient(n.engine, n.options...)
	if err == nil {
		err = cl.Start()
	}
	if err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	n.gnet = cl
	return nil
}

// enroll gives a socket, which must be a *net.TCPConn or *net.UnixConn, to an event loop, which opens c
// for it before enroll returns. gnet waits for the loop to do so, so the loops must not end meanwhile. The
// socket is closed in any case: the loop has a duplicate of its descriptor.
func (n *enroller) enroll(socket net.Conn, c *Conn) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		_ = socket.Close()
		return errEnrollClosed
	}
	n.waiting.Add(1)
	n.mu.Unlock()
	defer n.waiting.Done()
	before := c.loop
	socket, err := unshared(socket)
	if err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	if _, err := n.gnet.EnrollContext(socket, c); err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	if c.loop == before { // gnet opens a connection before it returns, unless that fails
		return errNotTaken
	}
	return nil
}

var errNotTaken = errors.New("reactor: the event loop did not take the connection")

// unshared returns the socket with addresses that nobody else has. When a connection closes, gnet uses the
// memory of the zones of its IPv6 addresses again, which in the standard library all addresses share.
func unshared(socket net.Conn) (net.Conn, error) {
	tcp, ok := socket.(*net.TCPConn)
	if !ok || zoneOf(tcp.LocalAddr()) == "" && zoneOf(tcp.RemoteAddr()) == "" {
		return socket, nil
	}
	defer tcp.Close()
	f, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	own, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	local, _ := own.LocalAddr().(*net.TCPAddr)
	remote, _ := own.RemoteAddr().(*net.TCPAddr)
	if local == nil || remote == nil { // the peer has gone meanwhile
		_ = own.Close()
		return nil, net.ErrClosed
	}
	local.Zone, remote.Zone = strings.Clone(local.Zone), strings.Clone(remote.Zone)
	return own, nil
}

// zoneOf returns the zone of an IPv6 address, "" if it has none.
func zoneOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.Zone
	}
	return ""
}

// stop ends the event loops, waits until they have, and takes no more sockets.
func (n *enroller) stop() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.waiting.Wait()
	if n.gnet != nil {
		_ = n.gnet.Stop()
		n.engine.eachLoop((*loop).ended)
	}
}
