package reactor

import (
	"bytes"
	"cmp"
	"context"
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
	w.arrivals = newArrivals(int(min(w.limit, defaultHTTPConns)))
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
		ErrorLog:          slog.NewLogLogger(s.core.cfg.log.Handler(), slog.LevelWarn),
	}
	return w
}

// serve serves the connections that arrive, until shutdown.
func (w *web) serve() {
	_ = w.http.Serve(w.arrivals) // http.ErrServerClosed
	for c, err := w.arrivals.Accept(); err == nil; c, err = w.arrivals.Accept() {
		w.connState(c, http.StateClosed) // it came when nobody accepted any more
		_ = c.Close()
	}
}

// shutdown waits for the requests that are being served, until ctx is done, and cuts what is left.
func (w *web) shutdown(ctx context.Context) {
	if w.http.Shutdown(ctx) != nil {
		_ = w.http.Close()
	}
}

// connState counts connections that end or that a handler takes away from net/http.
func (w *web) connState(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
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
	if _, ok := r.Header["Upgrade"]; ok {
		if u, err := newTakeover(r, w.srv.Head); err != nil || u.request.IsUpgrade() {
			_ = w.srv.upgrade(rw, r, u, err) // which the client has been told
			return
		}
	}
	if r.ContentLength > w.maxBody {
		rw.Header().Set("Connection", "close") // do not wait for the body
		text := "The request has a body of more than " + strconv.FormatInt(w.maxBody, 10) + " bytes. Send less."
		writeRefusal(rw, &codec.HandshakeError{Status: http.StatusRequestEntityTooLarge, Text: text})
		return
	}
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(rw, r.Body, w.maxBody)
	}
	w.srv.HTTP.ServeHTTP(rw, r)
}

// take has net/http serve a connection of the loop, which must then leave it.
func (w *web) take(c *Conn, arrived []byte) error {
	if w.conns.Add(1) > w.limit {
		w.conns.Add(-1)
		return errTooManyHTTP
	}
	socket, err := c.duplicate()
	if err == nil {
		err = w.arrivals.add(&webConn{Conn: socket, remote: c.RemoteAddr(), first: bytes.Clone(arrived)})
		if err != nil {
			_ = socket.Close()
		}
	}
	if err != nil {
		w.conns.Add(-1)
	}
	return err
}

// handOver has net/http serve the connection, with all that has arrived, and takes it off the loop.
func (c *Conn) handOver(r *codec.Request, arrived []byte) {
	if err := c.loop.engine.srv.web.take(c, arrived); err != nil {
		c.refuseRequest(r, err)
		return
	}
	c.phase = phaseFinished
	c.mu.Lock()
	c.rarely().handedOver = true
	c.cutOff() // closes the loop's descriptor; the socket itself lives on
	c.mu.Unlock()
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
	if e := c.loop.engine; descriptorOf(socket) >= e.fds { // see engine.OnOpen
		e.warnDescriptors()
		_ = socket.Close()
		return nil, errDescriptors
	}
	return socket, nil
}
