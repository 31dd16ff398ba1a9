package reactor

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// web is net/http beside WebSocket: it serves Server.HTTP on connections that have come in through the
// event loops and whose first request was not for WebSocket.
type web struct {
	srv      *Server
	http     *http.Server
	arrivals *arrivals
	conns    atomic.Int64 // that http serves, or is about to; core.conns has them too
	limit    int64        // of conns
	maxBody  int64
}

// The defaults of the fields of Server that are about HTTP.
const (
	defaultHTTPConns   = 1024
	defaultHTTPMaxBody = 1 << 20
	defaultHTTPTimeout = 60 * time.Second
)

var (
	errTooManyHTTP = &codec.HandshakeError{
		Status: 503, Text: "The server has as many HTTP connections as it accepts. Try again later.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "1"}},
	}
	errDescriptors = &codec.HandshakeError{
		Status: 503, Text: "The server has as many files open as it may. Try again later.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "10"}},
	}
)

func newWeb(s *Server) *web {
	w := &web{
		srv:     s,
		limit:   int64(limit(s.HTTPConns, defaultHTTPConns)),
		maxBody: int64(limit(s.HTTPMaxBody, defaultHTTPMaxBody)),
	}
	w.arrivals = &arrivals{conns: make(chan *webConn, min(w.limit, 1<<16)), drop: w.drop}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	perRequest := cmp.Or(s.HTTPTimeout, defaultHTTPTimeout)
	w.http = &http.Server{
		Handler:           w,
		ReadHeaderTimeout: cmp.Or(s.HandshakeTimeout, defaultHandshakeTimeout),
		ReadTimeout:       perRequest,
		WriteTimeout:      perRequest,
		IdleTimeout:       cmp.Or(s.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    min(limit(s.Head.Bytes, 16<<10), 65535), // as codec.HeadLimits has it
		Protocols:         protocols,
		ConnState:         w.connState,
		ConnContext:       withWebConn,
		ErrorLog:          slog.NewLogLogger(s.core.cfg.log.Handler(), slog.LevelWarn),
	}
	return w
}

// serve serves the connections that arrive, until shutdown.
func (w *web) serve() {
	_ = w.http.Serve(w.arrivals) // http.ErrServerClosed
	for c := range w.arrivals.conns {
		w.drop(c) // it came when nobody accepted any more
	}
}

// drop closes a connection that net/http does not serve.
func (w *web) drop(c *webConn) {
	_ = c.socket.Close()
	w.connState(c, http.StateClosed)
}

// shutdown waits for the requests that are being served, until ctx is done, and cuts what is left.
func (w *web) shutdown(ctx context.Context) {
	if w.http.Shutdown(ctx) != nil {
		_ = w.http.Close()
	}
}

// connState counts connections that end or that a handler takes away from net/http.
func (w *web) connState(c net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		if own := c.(*webConn); own.counted {
			w.srv.admission.forget(own.remote)
		}
		w.srv.core.lost()
		w.conns.Add(-1)
	}
}

// count returns the number of connections, 0 for a nil w.
func (w *web) count() int64 {
	if w == nil {
		return 0
	}
	return w.conns.Load()
}

// ServeHTTP is what net/http calls for each request.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	conn := webConnOf(r)
	r.TLS = conn.state
	if conn.believed {
		client, err := w.srv.forwardedFor(func(name string) iter.Seq[[]byte] { return fieldValues(r.Header, name) })
		if err != nil {
			w.srv.refuseHTTP(rw, r, err)
			return
		}
		if client.IsValid() {
			r.RemoteAddr = client.String()
		}
	}
	if _, ok := r.Header["Upgrade"]; ok {
		if t, err := newTakeover(r, w.srv.Head); err != nil || t.request.IsUpgrade() {
			_ = w.srv.upgrade(rw, r, t, err) // which the client has been told
			return
		}
	}
	if r.ContentLength > w.maxBody {
		text := "The request has a body of more than " + strconv.FormatInt(w.maxBody, 10) + " bytes. Send less."
		writeRefusal(rw, &codec.HandshakeError{Status: http.StatusRequestEntityTooLarge, Text: text})
		return
	}
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(rw, r.Body, w.maxBody)
	}
	w.srv.HTTP.ServeHTTP(rw, r)
}

// fieldValues iterates over the values of a field as codec.Request.Values does.
func fieldValues(h http.Header, name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, v := range h.Values(name) {
			if !yield([]byte(v)) {
				return
			}
		}
	}
}

// admit makes room for a connection, if there is any.
func (w *web) admit() error {
	if w.conns.Add(1) > w.limit {
		w.conns.Add(-1)
		return errTooManyHTTP
	}
	return nil
}

// handOver has net/http serve the connection, with all that has arrived, and takes it off the loop.
func (c *Conn) handOver(r *codec.Request, arrived []byte) {
	w := c.loop.engine.srv.web
	err := w.admit()
	if err != nil {
		c.refuseRequest(r, err)
		return
	}
	conn, err := c.depart(arrived)
	if err != nil {
		w.conns.Add(-1)
		c.refuseRequest(r, err)
		return
	}
	conn.counted = c.uncount()
	c.phase = phaseFinished
	c.mu.Lock()
	c.rarely().leftOut = true
	c.cutOff() // closes the loop's descriptor; the socket itself lives on
	c.mu.Unlock()
	w.arrivals.add(conn)
}

// depart returns the connection as net/http is to have it. The loop must not touch it any more then.
func (c *Conn) depart(arrived []byte) (*webConn, error) {
	socket, err := c.duplicate()
	if err != nil {
		return nil, err
	}
	conn := &webConn{
		Conn:     socket,
		socket:   socket,
		remote:   c.RemoteAddr(),
		believed: c.loop.engine.srv.believes(c),
		first:    bytes.Clone(arrived),
	}
	if state, ok := c.TLS(); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		conn.tls, conn.state = c.rare.tls, &state
		if conn.Conn, err = conn.tls.detach(socket); err != nil {
			_ = socket.Close()
			return nil, err
		}
	}
	return conn, nil
}

// duplicate returns the socket of a connection with a descriptor of its own.
func (c *Conn) duplicate() (net.Conn, error) {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errDescriptors
	}
	socket, err := socketConn(fd)
	if err != nil {
		return nil, errDescriptors
	}
	if e := c.loop.engine; descriptorOf(socket) >= e.fds.full { // see engine.OnOpen
		e.warnDescriptors()
		_ = socket.Close()
		return nil, errDescriptors
	}
	return socket, nil
}
