package reactor

import (
	"fmt"
	"strings"
	"sync"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// Upgrade is a request to open a WebSocket connection, as Server.Authorize and Server.Upgrade see it, and
// the reply to it. It is valid until the hook returns.
type Upgrade struct {
	// Request is the client's request. Its bytes are valid until the hook returns.
	Request *codec.Request
	// Subprotocol is what was chosen from Server.Subprotocols, or "". The hook may choose another
	// one that the client offers.
	Subprotocol string
	// Fields are added to the response. Those that the handshake itself sets are refused.
	Fields []codec.Field
}

// Refuse makes an error with which Server.Authorize or Server.Upgrade refuses a request: an HTTP status from 400 to 599
// and a text that tells the client why.
func Refuse(status int, text string) error {
	return &codec.HandshakeError{Status: status, Text: text}
}

// Page is a reply to a plain HTTP request. Content-Length and Connection: close are added.
type Page struct {
	Status int           // 0 is 200
	Fields []codec.Field // for instance Content-Type
	Body   []byte        // must not be changed while the page is in use; not sent for HEAD
}

var (
	errHandshakeTimeout = &codec.HandshakeError{Status: 408, Text: "The request did not arrive in time."}
	errShuttingDown     = &codec.HandshakeError{
		Status: 503, Text: "The server is shutting down. Connect again, to another one.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "1"}},
	}
	errTooManyConns = &codec.HandshakeError{
		Status: 503, Text: "The server has as many connections as it accepts. Try again later.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "10"}},
	}
	errOrigin   = &codec.HandshakeError{Status: 403, Text: "Pages of this origin may not connect here."}
	errUpgrade  = &codec.HandshakeError{Status: 500, Text: "The server failed to handle the request."}
	errNotFound = &codec.HandshakeError{Status: 404, Text: "There is no page here, only WebSocket."}
)

// handshake is a request head that is being read. A loop has one for the requests that arrive whole;
// the others borrow one until they have.
type handshake struct {
	parser codec.RequestParser
	head   *bytebufferpool.ByteBuffer // what has arrived, nil as long as that is still in the loop's buffer
}

var handshakes = sync.Pool{New: func() any { return new(handshake) }}

// readHandshake takes the request head from p and answers it once it is whole. It returns what
// follows it.
func (c *Conn) readHandshake(p []byte) (rest []byte) {
	l := c.loop
	h := &l.handshake
	head := p
	if kept := c.keptHead(); kept != nil {
		h = kept
		h.head.B = append(h.head.B, p...)
		head = h.head.B
	} else {
		h.parser.Reset(c.loop.cfg.head)
	}
	n, err := h.parser.Parse(head)
	if err != nil {
		c.refuse(err)
		return nil
	}
	if n == 0 {
		c.waitForHead(h, p)
		return nil
	}
	rest = p[len(p)-(len(head)-n):]
	accepted := c.answer(h.parser.Request(head[:n]), head)
	c.endHandshake()
	if accepted {
		c.opened()
	}
	return rest
}

// waitForHead keeps what has arrived of a head until the rest has.
func (c *Conn) waitForHead(h *handshake, p []byte) {
	if h.head != nil {
		return // it is kept already
	}
	kept := handshakes.Get().(*handshake)
	kept.head = getBuffer()
	kept.head.B = append(kept.head.B, p...)
	// Parsed anew: a copy of the loop's parser would share its memory with the requests to come.
	kept.parser.Reset(c.loop.cfg.head)
	_, _ = kept.parser.Parse(kept.head.B) // it is the piece that has just been found good
	c.mu.Lock()
	c.rarely().handshake = kept
	c.mu.Unlock()
}

// keptHead returns what has arrived of a head, nil if nothing is kept.
func (c *Conn) keptHead() *handshake {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return nil
	}
	return c.rare.handshake
}

// endHandshake gives back what a head was kept in.
func (c *Conn) endHandshake() {
	h := c.keptHead()
	if h == nil {
		return
	}
	c.mu.Lock()
	c.rare.handshake = nil
	c.mu.Unlock()
	putBuffer(h.head)
	h.head = nil
	handshakes.Put(h)
}

// answer replies to a request, the head of what has arrived. It reports whether the connection speaks
// WebSocket from here on.
func (c *Conn) answer(r *codec.Request, arrived []byte) bool {
	srv := c.loop.engine.srv
	if !r.IsUpgrade() && (srv.Page != nil || srv.web != nil) {
		c.answerPlain(r, arrived)
		return false
	}
	u := &c.loop.upgrade
	err := srv.examine(c, u, r)
	if err == nil && srv.Authorize != nil {
		c.authorize(u.Subprotocol, arrived)
		*u = Upgrade{}
		return false
	}
	if err == nil {
		err = srv.accept(c, u)
	}
	*u = Upgrade{}
	if err != nil {
		c.refuseRequest(r, err)
		return false
	}
	return true
}

// accept has the last hook decide whether a request is accepted that examine has found good, and queues the
// reply if so. It may also be called before the connection belongs to a loop.
func (s *Server) accept(c *Conn, u *Upgrade) error {
	err := s.ask(c, u)
	if err != nil {
		return err
	}
	reply := codec.Upgrade{Key: u.Request.Key(), Protocol: u.Subprotocol, Fields: u.Fields}
	deflate := s.core.acceptDeflate(u.Request.Extensions())
	if deflate != nil {
		reply.Extensions = deflate.params.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if deflate != nil {
		c.rarely().deflate = deflate // to be given back in any case
	}
	if u.Subprotocol != "" {
		c.rarely().subprotocol = u.Subprotocol
	}
	if s.TrackConns {
		c.rarely().track = s.core.newTrack(u.Request)
	}
	b := c.buffer()
	if b.B, err = codec.AppendUpgrade(b.B, &reply); err != nil { // a field that Server.Upgrade added
		return fmt.Errorf("the response that it asked for is malformed: %v", err) // no refusal of its own
	}
	return nil
}

// opened begins the exchange of frames.
func (c *Conn) opened() {
	t := &c.loop.engine.core.tally
	t.count(&t.opened)
	c.mu.Lock()
	c.state.Or(openBit)
	decoder := &c.loop.cfg.decoder
	if d := c.deflating(); d != nil {
		decoder = &d.decoder
	}
	c.mu.Unlock()
	c.decoder.Reset(c.decoding(decoder))
	c.phase = phaseFrames
	c.limited = false
	c.tick = c.loop.wheel.now
	if idle := c.loop.cfg.idle; idle > 0 { // the timer is set for the handshake, which may be later
		c.loop.wheel.schedule(c, c.tick+idle/2+1)
	}
	c.handler().OnOpen(c)
}

// examine finds out who asks, and whether the request is one that the hooks are to decide about.
func (s *Server) examine(c *Conn, u *Upgrade, r *codec.Request) error {
	if err := c.takeForwarded(r); err != nil {
		return err
	}
	if s.core.draining.Load() {
		return errShuttingDown
	}
	if s.MaxConns > 0 && s.core.conns.Load()-s.web.count() > int64(s.MaxConns) {
		return errTooManyConns
	}
	if err := s.admitClient(c); err != nil {
		return err
	}
	if err := r.CheckUpgrade(); err != nil {
		return err
	}
	if !s.originAllowed(r) {
		return errOrigin
	}
	*u = Upgrade{Request: r, Subprotocol: chooseSubprotocol(s.Subprotocols, r)}
	return nil
}

// ask asks Server.Upgrade, and looks at what the hooks have chosen.
func (s *Server) ask(c *Conn, u *Upgrade) error {
	if s.Upgrade != nil {
		if err := s.Upgrade(c, u); err != nil {
			return hookError{err}
		}
	}
	if s.Upgrade == nil && s.Authorize == nil {
		return nil
	}
	if u.Subprotocol != "" && chooseSubprotocol([]string{u.Subprotocol}, u.Request) == "" { // RFC 6455 4.2.2, item 5
		return fmt.Errorf("it chose the subprotocol %q, which the client did not offer", u.Subprotocol)
	}
	return nil
}

// originAllowed keeps pages of other sites from using a visitor's browser (RFC 6455 10.2).
func (s *Server) originAllowed(r *codec.Request) bool {
	origin := r.Field("Origin")
	if origin == nil {
		return true
	}
	if s.CheckOrigin != nil {
		return s.CheckOrigin(r)
	}
	for _, o := range s.Origins {
		if o == "*" || strings.EqualFold(o, string(origin)) {
			return true
		}
	}
	return codec.SameOrigin(origin, r.Host())
}

// chooseSubprotocol returns the first of ours that the client offers, or "".
func chooseSubprotocol(ours []string, r *codec.Request) string {
	for _, p := range ours {
		for offer := range r.Protocols() {
			if string(offer) == p {
				return p
			}
		}
	}
	return ""
}

// answerPlain replies to a request that does not ask for WebSocket, or has net/http do so.
func (c *Conn) answerPlain(r *codec.Request, arrived []byte) {
	srv := c.loop.engine.srv
	err := r.CheckPlain()
	var page *Page
	if err == nil && srv.Page != nil {
		page = srv.Page(r)
	}
	switch {
	case page == nil && srv.web != nil:
		c.handOver(r, arrived)
		return
	case err != nil:
		c.refuseRequest(r, err)
		return
	case page == nil:
		c.refuseRequest(r, errNotFound)
		return
	}
	status := page.Status
	if status == 0 {
		status = 200
	}
	c.mu.Lock()
	b := c.buffer()
	b.B, err = codec.AppendResponse(b.B, status, page.Fields, page.Body, isHead(r))
	c.mu.Unlock()
	if err != nil {
		c.loop.cfg.log.Error("the page that Server.Page returned is malformed", "err", err)
		c.refuseRequest(r, errUpgrade)
		return
	}
	c.finished()
}

// isHead reports whether the reply must have no content (RFC 9110 9.3.2).
func isHead(r *codec.Request) bool { return string(r.Method()) == "HEAD" }

// refuse replies with an error, which the client gets to read, to a request that is not known.
func (c *Conn) refuse(err error) { c.replyError(err, false) }

// refuseRequest replies to a request with an error.
func (c *Conn) refuseRequest(r *codec.Request, err error) { c.replyError(err, isHead(r)) }

func (c *Conn) replyError(err error, head bool) {
	he := c.loop.engine.core.refusal(err, c.RemoteAddr())
	c.mu.Lock()
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: he})
	if s := c.tls(); s != nil && !s.established { // there is no way yet to say so
		c.cutOff()
		c.mu.Unlock()
		return
	}
	b := c.buffer()
	b.B = codec.AppendRefusal(b.B, he, head)
	c.mu.Unlock()
	c.endHandshake()
	c.endAuthorization(he)
	c.finished()
}
