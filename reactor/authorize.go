package reactor

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// A connection whose request Server.Authorize decides about waits in phaseAuthorizing:
//
//	handshake ─▶ authorizing ─▶ frames
//	                 └────────▶ finished, when the request is refused, late, or the server shuts down
//
// The hook has a goroutine of its own and a copy of the request; its answer comes back as a task of the
// connection's loop. Whatever happens meanwhile happens to the connection, and what the hook says then
// counts no more.

// defaultMaxAuthorizing is how many calls of Server.Authorize run at a time.
const defaultMaxAuthorizing = 256

// authorizeAhead is how much a client may send behind its request before that is accepted, in bytes. A client
// waits for the answer (RFC 6455 4.1), so nearly all send nothing.
const authorizeAhead = 64 << 10

var (
	errAuthorizeTimeout = &codec.HandshakeError{
		Status: 503, Text: "It took too long to find out whether you may connect. Try again later.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "5"}},
	}
	errAuthorizeAhead = &codec.HandshakeError{Status: 413, Text: "There is too much behind the request. Wait for the answer first."}
	errLeft           = &codec.HandshakeError{Status: 408, Text: "The client has left."}
)

// authorizer makes the calls of Server.Authorize, of which a bounded number run at a time. The others wait
// their turn in order, and cost no goroutine before it.
type authorizer struct {
	hook func(context.Context, *Conn, *Upgrade) error
	most int
	ctx  context.Context // of all calls; done when the server shuts down
	end  context.CancelCauseFunc

	calls sync.WaitGroup // goroutines

	mu      sync.Mutex
	stopped bool
	running int
	waiting list.List // of *authorization
}

// authorization is a call of Server.Authorize.
type authorization struct {
	conn    *Conn
	upgrade Upgrade // the hook's until decided is called
	ctx     context.Context
	cancel  context.CancelCauseFunc
	decided func(error) // is given the hook's answer, from any goroutine; it does not block

	parser codec.RequestParser        // that the request lives in
	ahead  *bytebufferpool.ByteBuffer // what has arrived behind it; the loop's, nil as long as nothing has
	place  *list.Element              // in authorizer.waiting, whose mu guards it; nil when it does not wait
}

func (q *authorizer) init(s *Server) {
	q.hook = s.Authorize
	q.most = limit(s.MaxAuthorizing, defaultMaxAuthorizing)
	q.ctx, q.end = context.WithCancelCause(context.Background())
}

// start has a decision made as soon as there is room.
func (q *authorizer) start(a *authorization) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.stopped:
		a.decided(errShuttingDown)
	case q.running == q.most:
		a.place = q.waiting.PushBack(a)
	default:
		q.running++
		q.calls.Go(func() { q.run(a) })
	}
}

// run makes a call and those that wait then, until none does.
func (q *authorizer) run(a *authorization) {
	for ; a != nil; a = q.next() {
		a.decided(q.decide(a))
	}
}

func (q *authorizer) next() *authorization {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting.Front()
	if first == nil {
		q.running--
		return nil
	}
	a := q.waiting.Remove(first).(*authorization)
	a.place = nil
	return a
}

// giveUp gives up a call whose answer matters no more: it is not begun if it has not been, and its context ends.
func (q *authorizer) giveUp(a *authorization, cause error) {
	a.cancel(cause)
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.place != nil {
		q.waiting.Remove(a.place)
		a.place = nil
	}
}

// decide calls the hook. Where its context has ended that is the reason for its error.
func (q *authorizer) decide(a *authorization) (err error) {
	defer func() {
		if r := recover(); r != nil {
			core := a.conn.loop.engine.core
			core.tally.count(&core.tally.panics)
			core.cfg.log.Error("Server.Authorize panicked; the request is refused with 500",
				"panic", r, "remote", a.conn.RemoteAddr(), "stack", string(debug.Stack()))
			err = errUpgrade
		}
	}()
	if err = q.hook(a.ctx, a.conn, &a.upgrade); err != nil && a.ctx.Err() != nil {
		return a.cause()
	}
	if err != nil {
		return hookError{err}
	}
	return nil
}

// cause is how to refuse the request after its context has ended.
func (a *authorization) cause() error {
	var he *codec.HandshakeError
	switch cause := context.Cause(a.ctx); {
	case errors.As(cause, &he):
		return he
	case errors.Is(cause, context.DeadlineExceeded): // a middleware's of net/http
		return errAuthorizeTimeout
	}
	return errLeft
}

// stop ends the contexts of all calls, refuses those that wait for their turn, and lets none begin.
func (q *authorizer) stop() {
	if q.hook == nil {
		return
	}
	q.mu.Lock()
	q.stopped = true
	for first := q.waiting.Front(); first != nil; first = q.waiting.Front() {
		a := q.waiting.Remove(first).(*authorization)
		a.place = nil
		a.decided(errShuttingDown)
	}
	q.mu.Unlock()
	q.end(errShuttingDown)
}

// wait waits, after stop, until the calls have returned or ctx is done.
func (q *authorizer) wait(ctx context.Context) {
	if q.hook == nil {
		return
	}
	returned := make(chan struct{})
	go func() {
		q.calls.Wait()
		close(returned)
	}()
	select {
	case <-returned:
	case <-ctx.Done():
	}
}

// authorize asks Server.Authorize about the request with which arrived begins, and which everything else
// would accept. It is the loop's.
func (c *Conn) authorize(subprotocol string, arrived []byte) {
	q := &c.loop.engine.srv.authorizer
	a := &authorization{conn: c}
	a.parser.Reset(c.loop.cfg.head)
	n, _ := a.parser.Parse(arrived) // which has been found good
	a.upgrade = Upgrade{Request: a.parser.Request(bytes.Clone(arrived[:n])), Subprotocol: subprotocol}
	a.ctx, a.cancel = context.WithCancelCause(q.ctx)
	a.decided = func(err error) {
		c.loop.post(task{c, func(c *Conn) { c.authorized(a, err) }})
	}
	c.phase = phaseAuthorizing
	c.mu.Lock()
	c.rarely().asking = a
	c.mu.Unlock()
	q.start(a)
}

// keepAhead keeps what arrives behind a request that is being decided about.
func (c *Conn) keepAhead(p []byte) {
	if len(p) == 0 {
		return
	}
	a := c.rare.asking // the loop alone changes it
	if a.ahead == nil {
		a.ahead = getBuffer()
	}
	if len(a.ahead.B)+len(p) > authorizeAhead {
		c.refuse(errAuthorizeAhead)
		return
	}
	a.ahead.B = append(a.ahead.B, p...)
}

// authorized goes on with what the hook has said. It is the loop's.
func (c *Conn) authorized(a *authorization, err error) {
	if c.phase != phaseAuthorizing {
		return // it has been refused meanwhile
	}
	c.phase = phaseHandshake
	ahead := a.ahead
	a.ahead = nil
	c.endAuthorization(nil)
	srv := c.loop.engine.srv
	if err == nil && srv.core.draining.Load() {
		err = errShuttingDown
	}
	if err == nil {
		err = srv.accept(c, &a.upgrade)
	}
	if err != nil {
		c.refuseRequest(a.upgrade.Request, err)
	} else {
		c.opened()
	}
	if ahead != nil {
		c.read(ahead.B)
		putBuffer(ahead)
	}
}

// endAuthorization forgets what is being decided about the connection, if anything is.
func (c *Conn) endAuthorization(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil || c.rare.asking == nil {
		return
	}
	a := c.rare.asking
	c.rare.asking = nil
	c.loop.engine.srv.authorizer.giveUp(a, cause)
	if a.ahead != nil {
		putBuffer(a.ahead)
		a.ahead = nil
	}
}

// authorizeHTTP asks Server.Authorize, if it is set, about a request that net/http has read, and waits for its
// answer.
func (s *Server) authorizeHTTP(r *http.Request, c *Conn, u *Upgrade) error {
	q := &s.authorizer
	if q.hook == nil {
		return nil
	}
	ctx := r.Context()
	if d := timeout(s.HandshakeTimeout, defaultHandshakeTimeout); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, errAuthorizeTimeout)
		defer cancel()
	}
	answer := make(chan error, 1)
	a := &authorization{conn: c, upgrade: *u, decided: func(err error) { answer <- err }}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	defer q.giveUp(a, net.ErrClosed)
	defer context.AfterFunc(q.ctx, func() { a.cancel(errShuttingDown) })()
	q.start(a)
	select {
	case err := <-answer:
		*u = a.upgrade
		return err
	case <-a.ctx.Done():
		return a.cause()
	}
}
