package reactor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"example.org/weir/codec"
)

// tlsHandshakes runs the handshakes of a server, on goroutines that end with them. They are bounded in
// number, and those that compute at a time, rather than wait for the client, more tightly still: so many
// clients that come at once take from the event loops no more than a share of the CPU. The others wait
// their turn, and cost no goroutine before it.
type tlsHandshakes struct {
	cpus chan struct{} // holds a value for each that computes

	mu      sync.Mutex
	running int
	leaving int // of those that run, to make room
	most    int
	waiting []*secure
}

const (
	// tlsPerCPU is how many handshakes there are at a time, for each CPU. Waiting for their clients they
	// cost about 16 KiB each.
	tlsPerCPU = 512
	// tlsComputingPerCPU is how many of them compute at a time. Callbacks that wait are among them.
	tlsComputingPerCPU = 8
	// tlsHello is how much a client may have sent that its handshake has not used yet, in bytes, before the
	// server has answered. Until then a ClientHello is all that it can say; crypto/tls takes none above 64 KiB,
	// in four records or a few more.
	tlsHello = 64<<10 + 64
	// tlsAhead is how much after that. More than the handshake needs is the first that it wants to say: its part
	// may be done before the server knows.
	tlsAhead = 1 << 20
	// tlsPatience is how long a client may keep its handshake waiting, all in all, when others have no
	// place: those that say nothing would keep them out for HandshakeTimeout otherwise. It is enough for
	// a packet to be lost.
	tlsPatience = 2 * time.Second
)

var errTLSSlow = errors.New("reactor: the client kept its TLS handshake waiting while others had to wait for a place")

func (q *tlsHandshakes) init() {
	n := runtime.GOMAXPROCS(0)
	q.cpus = make(chan struct{}, tlsComputingPerCPU*n)
	q.most = tlsPerCPU * n
}

// start has a handshake done as soon as there is room.
func (q *tlsHandshakes) start(s *secure) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running == q.most {
		q.waiting = append(q.waiting, s)
		return
	}
	q.running++
	go q.run(s)
}

// run does a handshake and those that wait then, until none does.
func (q *tlsHandshakes) run(s *secure) {
	for left := false; s != nil; s = q.next(left) {
		q.cpus <- struct{}{}
		err := s.handshake()
		<-q.cpus
		if left = s.hs.leaves; left {
			err = errTLSSlow
		}
		if err != nil {
			s.noteFailure(err)
		}
		s.c.loop.post(task{s.c, func(c *Conn) { c.secured(err) }})
	}
}

// next returns the handshake that takes the place of one that is done, or has left.
func (q *tlsHandshakes) next(left bool) (s *secure) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if left {
		q.leaving--
	}
	if len(q.waiting) == 0 {
		q.waiting = nil
		q.running--
		return nil
	}
	s = q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return s
}

// leave reports whether a handshake is to make room for one that has no place. Then it must do so.
func (q *tlsHandshakes) leave() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) <= q.leaving {
		return false
	}
	q.leaving++
	return true
}

// handshake does the handshake, with the callbacks of the application's tls.Config.
func (s *secure) handshake() (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.c.loop.cfg.log.Error("a callback of the TLS configuration panicked; its connection is closed",
				"panic", r, "remote", s.c.RemoteAddr(), "stack", string(debug.Stack()))
			err = fmt.Errorf("reactor: a callback of the TLS configuration panicked: %v", r)
		}
	}()
	ctx := s.hs.ctx
	if err = ctx.Err(); err != nil { // it has gone while it waited
		return err
	}
	return s.conn.HandshakeContext(ctx)
}

// noteFailure counts and logs a handshake that has failed, also where its connection has gone meanwhile.
func (s *secure) noteFailure(err error) {
	if s.hs != nil {
		err = cmp.Or(context.Cause(s.hs.ctx), err) // the first is why err is what it is
	}
	s.c.loop.engine.core.tlsFailed.Add(1)
	s.c.loop.cfg.log.Debug("TLS handshake failed", "err", err, "remote", s.c.RemoteAddr())
}

// begin takes in what has arrived before the handshake is done, and starts it with the first record: a
// client that sends nothing costs no goroutine.
func (s *secure) begin(p []byte) {
	c := s.c
	got := s.keep(p)
	switch {
	case s.conn == nil && len(got) >= 5 && looksLikeHTTP([5]byte(got)): // however much of it there is
		s.refuse(tls.RecordHeaderError{Msg: "the client speaks HTTP, and not TLS", RecordHeader: [5]byte(got)})
	case len(got) > s.ahead():
		s.refuse(errTLSAhead)
	case s.conn == nil && wholeRecord(got):
		ctx, cancel := context.WithCancelCause(context.Background())
		q := &c.loop.engine.core.tls
		s.conn = tls.Server(s, c.loop.cfg.tls)
		s.shaking(&tlsHandshake{ctx: ctx, cancel: cancel, more: make(chan struct{}, 1), all: q})
		q.start(s)
	}
}

// refuse ends a connection before its handshake is done. It is the loop's.
func (s *secure) refuse(err error) {
	if s.conn == nil { // else the handshake takes note of it
		s.noteFailure(err)
	}
	s.c.insecure(err)
}

var errTLSAhead = errors.New("reactor: the client sent too much before the TLS handshake was done")

// wholeRecord reports whether p begins with a whole record, or with what is none (RFC 8446 5.1).
func wholeRecord(p []byte) bool {
	const header, handshake, most = 5, 22, 1 << 14
	if len(p) < header {
		return false
	}
	n := int(p[3])<<8 | int(p[4])
	return p[0] != handshake || n > most || len(p) >= header+n
}

// secured goes on once the handshake is done, or has failed with err. It is the loop's.
func (c *Conn) secured(err error) {
	s := c.rare.tls
	s.hs.cancel(nil)
	s.shaking(nil)
	switch {
	case s.failed:
		return
	case err != nil:
		c.insecure(err)
		return
	}
	c.mu.Lock()
	s.established = true
	c.mu.Unlock()
	s.unseal(nil)
}

// insecure ends a connection whose TLS has failed. What crypto/tls has left for the peer, an alert, is
// sent; it is the last. It is the loop's.
func (c *Conn) insecure(err error) {
	s := c.rare.tls
	if s.hs != nil {
		s.hs.cancel(err)
	}
	c.mu.Lock()
	var bad tls.RecordHeaderError
	if !s.established && errors.As(err, &bad) && looksLikeHTTP(bad.RecordHeader) {
		_, _ = s.Write([]byte(httpToTLS)) // as it is: there is no TLS around it
	}
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: err})
	s.failed = true
	s.drop()
	c.account()
	c.setClosing(codec.Closed)
	if c.loop.cfg.decoder.Role == codec.Client { // it would wait for the server to end it
		c.cutOff()
	}
	c.mu.Unlock()
	c.finished()
}

// httpToTLS answers a client that speaks HTTP, so that it understands. It is what net/http answers too.
const httpToTLS = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

// looksLikeHTTP reports whether a request begins so.
func looksLikeHTTP(p [5]byte) bool {
	switch string(p[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
