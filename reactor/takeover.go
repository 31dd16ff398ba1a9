package reactor

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"example.org/weir/codec"
)

// takeover is a request that net/http has read, as the event loops read theirs.
type takeover struct {
	parser  codec.RequestParser
	request *codec.Request // lives in parser
}

var errHTTP2 = &codec.HandshakeError{Status: 505, Text: "WebSocket over HTTP/2 is not supported here. Use HTTP/1.1."}

// errLineBreak is about a request that was changed since net/http has read it.
var errLineBreak = errors.New("reactor: a field of the http.Request has a line break")

// UpgradeHTTP takes a connection over from a net/http server: a handler of http.ServeMux, chi, gin, echo …
// calls it for a request that asks for WebSocket. From then on the connection is one of the server's, on
// event loops, with the same Handler, hooks and limits as those that the server accepts itself; the Upgrade
// hook is called in the goroutine of the caller, which waits for Authorize. If Start has not been called, and so the server listens
// nowhere, the first UpgradeHTTP starts the event loops. The end of the net/http server does not end it:
// that is Shutdown, as always.
//
// It returns once OnOpen has been called; the HTTP handler must then return and leave w and r alone. A
// request that is refused has been answered, with the status and text that an event loop refuses it with,
// and the error is a *codec.HandshakeError or what the Authorize or Upgrade hook returned. Any other error is one of the
// connection, which is closed.
//
// TCP and Unix sockets change hands as they are. Where something lies above the socket, such as TLS, two
// goroutines and two more descriptors carry the bytes to the event loop and back. RemoteAddr is what
// r.RemoteAddr says. HTTP/2 gets 505; a TLS server that speaks it has WebSocket clients all the same, for
// they ask for HTTP/1.1.
func (s *Server) UpgradeHTTP(w http.ResponseWriter, r *http.Request) error {
	t, err := newTakeover(r, s.Head)
	return s.upgrade(w, r, t, err)
}

// ServeHTTP is UpgradeHTTP without the error, so that a Server is an http.Handler: mux.Handle("/ws", srv).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { _ = s.UpgradeHTTP(w, r) }

// upgrade is UpgradeHTTP after newTakeover, which returned err.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, t *takeover, err error) error {
	switch startErr := s.startTakeovers(); {
	case startErr == ErrServerClosed:
		writeRefusal(w, errShuttingDown)
		return startErr
	case startErr != nil:
		writeRefusal(w, errUpgrade)
		return startErr
	case err != nil:
		s.refuseHTTP(w, r, err)
		return err
	}
	c := s.newTaken(r)
	s.core.conns.Add(1)
	own := webConnOf(r).lendCount(c)
	defer func() {
		if c.loop == s.limbo { // nobody else will take leave of it
			own.takeCount(c)
			s.abandon(c)
		}
	}()
	u := new(Upgrade)
	err = s.examine(c, u, t.request)
	if err == nil && webConnOf(r) == nil { // else it has been admitted when it came
		err = s.admitNow()
	}
	if err == nil {
		err = s.authorizeHTTP(r, c, u)
	}
	if err == nil {
		err = s.accept(c, u)
	}
	if err != nil {
		s.refuseHTTP(w, r, err)
		return unhooked(err)
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		err = fmt.Errorf("reactor: the http.ResponseWriter cannot be hijacked: %w", err)
		s.refuseHTTP(w, r, err)
		return err
	}
	own = nil // net/http has taken leave of it
	buffered, _ := buf.Reader.Peek(buf.Reader.Buffered())
	if err = s.enroll(c, conn, bytes.Clone(buffered)); err != nil {
		_ = conn.Close()
	}
	return err
}

// startTakeovers starts the event loops that UpgradeHTTP needs, unless they run.
func (s *Server) startTakeovers() error {
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	switch {
	case s.life.started:
	case s.life.closed:
		return ErrServerClosed
	default:
		if err := s.start(nil, nil); err != nil {
			return err
		}
	}
	if err := s.takeovers.start(); err != errEnrollClosed {
		return err
	}
	return ErrServerClosed
}

// newTaken returns the connection of a request. It is in limbo: it belongs to a loop that does nothing.
func (s *Server) newTaken(r *http.Request) *Conn {
	c := &Conn{loop: s.limbo, fd: -1, rare: &rare{remote: remoteOf(r)}}
	c.rare.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if own := webConnOf(r); own != nil {
		c.rare.tls = own.tls
	}
	return c
}

// remoteOf returns the address of the client as net/http, or a middleware, has it.
func remoteOf(r *http.Request) net.Addr {
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	if a, err := netip.ParseAddr(r.RemoteAddr); err == nil { // a middleware has left the port out
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	return &net.UnixAddr{Name: r.RemoteAddr, Net: "unix"}
}

// enroll gives the connection to an event loop.
func (s *Server) enroll(c *Conn, conn net.Conn, buffered []byte) (err error) {
	own, _ := conn.(*webConn)
	if own != nil {
		conn, buffered = own.socket, append(buffered, own.first...)
	}
	if conn.RemoteAddr() == nil { // the client has gone, and gnet would not survive that
		return net.ErrClosed
	}
	var local net.Addr
	if !isSocket(conn) {
		local = conn.LocalAddr()
		_ = conn.SetDeadline(time.Time{})
		if conn, err = bridge(conn); err != nil {
			return err
		}
	}
	if own != nil && own.tls != nil {
		own.tls.connect(nil) // back to a loop
	}
	c.mu.Lock()
	c.rare.buffered = buffered
	c.rare.local = local // nil: the socket knows it
	c.mu.Unlock()
	return s.takeovers.enroll(conn, c)
}

// isSocket reports whether an event loop can serve the connection as it is.
func isSocket(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// abandon gives up a connection that is still in limbo.
func (s *Server) abandon(c *Conn) {
	c.mu.Lock()
	c.discard()
	c.endDeflate()
	c.mu.Unlock()
	s.admission.leave(c)
	s.core.lost()
}

// takeOver begins with frames: the request has been accepted, and the reply to it is pending. It is the
// first that the loop does for the connection.
func (c *Conn) takeOver() {
	c.mu.Lock()
	buffered := c.rare.buffered
	c.rare.buffered = nil
	c.mu.Unlock()
	c.opened()
	c.read(buffered)
}

// newTakeover reads the request of net/http as a loop would have read it, so that there is one set of rules.
func newTakeover(r *http.Request, limits codec.HeadLimits) (*takeover, error) {
	if r.ProtoMajor != 1 {
		return nil, errHTTP2
	}
	head := appendHead(nil, r)
	t := new(takeover)
	t.parser.Reset(limits)
	n, err := t.parser.Parse(head)
	if err == nil && n != len(head) {
		err = errLineBreak
	}
	if err != nil {
		return nil, err
	}
	t.request = t.parser.Request(head[:n])
	return t, nil
}

// appendHead appends the head of a request.
func appendHead(b []byte, r *http.Request) []byte {
	line := func(parts ...string) {
		for _, p := range parts {
			b = append(b, p...)
		}
		b = append(b, "\r\n"...)
	}
	line(r.Method, " ", cmp.Or(r.RequestURI, r.URL.RequestURI()), " ", r.Proto)
	if r.Host != "" { // which HTTP/1.0 permits
		line("Host: ", r.Host)
	}
	for _, coding := range r.TransferEncoding {
		line("Transfer-Encoding: ", coding)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			line(name, ": ", value)
		}
	}
	line()
	return b
}

// refuseHTTP answers a request with an error, as a loop does.
func (s *Server) refuseHTTP(w http.ResponseWriter, r *http.Request, err error) {
	writeRefusal(w, s.core.refusal(err, remoteOf(r)))
}

// writeRefusal is codec.AppendRefusal for net/http. The connection ends, as what comes behind a request for
// WebSocket may be no request.
func writeRefusal(w http.ResponseWriter, e *codec.HandshakeError) {
	for _, f := range e.Fields {
		w.Header().Add(f.Name, f.Value)
	}
	if e != errHTTP2 { // which has many requests on a connection
		w.Header().Set("Connection", "close")
	}
	status := e.Status
	switch {
	case status == http.StatusUpgradeRequired:
		w.Header().Add("Connection", "Upgrade") // RFC 9110 7.8
	case status < 400 || status > 599:
		status = http.StatusInternalServerError
	}
	http.Error(w, e.Text, status)
}
