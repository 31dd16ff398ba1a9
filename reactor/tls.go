package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/valyala/bytebufferpool"

	"example.org/weir/codec"
)

// secure is TLS on a connection:
//
//	In:  socket ─▶ Conn.arrived ─▶ wire ─▶ tls.Conn ─▶ the loop's buffer ─▶ Conn.read
//	Out: Conn.buffer, which is plain ─▶ seal ─▶ tls.Conn ─▶ wire ─▶ Conn.out ─▶ socket
//
// What waits to be sent is plain until the socket takes it, so that the replies of a turn share
// records. Between turns an idle connection has nothing here but what crypto/tls keeps.
//
// The order of locks is Conn.mu, those of tls.Conn, wire.mu. tls.Conn.Read is therefore called without
// Conn.mu: it may write, and somebody else may be sealing.
type secure struct {
	wire
	conn *tls.Conn // in a server nil until the first record has arrived

	// Conn.mu guards these; the loop alone changes established and failed.
	plain       *bytebufferpool.ByteBuffer // what is to be sealed; nil when nothing is
	sealed      uint32                     // bytes of plain that have been
	established bool                       // the handshake is done
	failed      bool                       // nothing can be sealed or unsealed any more
	notified    bool                       // close_notify has been sealed
}

// sealAtOnce is how much is sealed before it is written, in bytes.
const sealAtOnce = flushAt

// maxAnswers is how many bytes of answers to KeyUpdate may wait for a peer that does not read.
const maxAnswers = 4 << 10

var errKeyUpdates = errors.New("reactor: the peer asks for new keys and does not read the answers")

// TLS returns what was agreed on in the TLS handshake: the version, the client's certificates, the
// server name (SNI) and so on. ok is false for a connection without TLS.
func (c *Conn) TLS() (state tls.ConnectionState, ok bool) {
	c.mu.Lock()
	s := c.tls()
	established := s != nil && s.established
	c.mu.Unlock()
	if !established {
		return state, false
	}
	return s.conn.ConnectionState(), true
}

// tls returns the connection's TLS, nil if it has none.
func (c *Conn) tls() *secure {
	if cfg := c.loop.cfg; cfg.tls == nil && !cfg.mayTLS {
		return nil
	}
	return c.rare.tls
}

// secure gives a connection that has just been opened its TLS, unless it has dialed and has one.
func (c *Conn) secure() {
	r := c.rarely()
	if r.tls == nil {
		r.tls = new(secure)
	}
	r.tls.c = c
}

// arrived takes in bytes as they came from the socket.
func (s *secure) arrived(p []byte) {
	switch {
	case s.failed:
	case !s.established:
		s.begin(p)
	default:
		s.unseal(p)
	}
}

// unseal reads what is in the records of p, and in what has arrived before.
func (s *secure) unseal(p []byte) {
	c := s.c
	if len(p) > 0 {
		s.lend(p)
	}
	buf := c.loop.plaintext()
	for {
		n, err := s.fill(buf)
		if n > 0 {
			c.protect(func() { c.read(buf[:n]) })
		}
		if c.rare.tls != s { // it has been detached
			return
		}
		if err != nil {
			s.lend(nil)
			c.unsealed(err)
			return
		}
	}
}

// fill reads until buf is full or there is an error.
func (s *secure) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = s.conn.Read(buf[n:])
		n += k
	}
	return n, err
}

// unsealed does what the end of what has arrived asks for.
func (c *Conn) unsealed(err error) {
	switch {
	case err == errNoMore:
		if c.rare.tls.answers() > maxAnswers {
			c.mu.Lock()
			if c.flags.has(flagFull) {
				c.broken(errKeyUpdates)
			}
			c.mu.Unlock()
		}
	case err == io.EOF: // close_notify (RFC 8446 6.1), to us the same as the end of the TCP connection
		c.mu.Lock()
		c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: io.EOF})
		c.flags.set(flagFinished)
		c.cutOff()
		c.mu.Unlock()
	default:
		c.insecure(err)
	}
}

// plaintext is what the connections of the loop read into.
func (l *loop) plaintext() []byte {
	if l.plain == nil {
		l.plain = make([]byte, plaintextSize)
	}
	return l.plain
}

// plaintextSize is a few records, so that most messages lie whole in it.
const plaintextSize = 64 << 10

// end gives back what the connection has. It is called with c.mu held, when the connection has gone.
func (s *secure) end() {
	s.mu.Lock()
	if s.hs != nil {
		s.hs.cancel(net.ErrClosed)
	}
	s.mu.Unlock()
	if out := s.take(); out != nil {
		putBuffer(out)
	}
}

// The methods from here on are called with c.mu held.

// seal makes Conn.out of what is pending, when the socket takes it: whatever tls.Conn has written by
// itself, and then what is plain.
func (c *Conn) seal() {
	if c.out != nil || c.flags.has(flagFull) || c.fd < 0 {
		return
	}
	s := c.rare.tls
	if s.established && !s.failed {
		if err := s.sealSome(); err != nil {
			c.broken(err)
		}
	}
	c.out = s.take()
}

// sealSome seals as much as is written at once, and close_notify behind the last: "Each party MUST send
// a close_notify alert before closing its write side of the connection" (RFC 8446 6.1).
func (s *secure) sealSome() error {
	if s.plain != nil {
		p := s.plain.B[s.sealed:]
		p = p[:min(len(p), sealAtOnce)]
		if _, err := s.conn.Write(p); err != nil {
			return err
		}
		s.sealed += uint32(len(p))
		if s.sealed < uint32(len(s.plain.B)) {
			s.sealed = dropSent(s.plain, s.sealed)
			return nil
		}
		s.drop()
	}
	if s.c.flags.has(flagFinished) && s.c.waiting() == nil && !s.notified {
		s.notified = true
		return s.conn.CloseWrite()
	}
	return nil
}

// unsent is the number of plain bytes that wait.
func (s *secure) unsent() int {
	if s.plain == nil {
		return 0
	}
	return len(s.plain.B) - int(s.sealed)
}

// answers is the number of bytes that tls.Conn has written by itself.
func (s *secure) answers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		return 0
	}
	return len(s.out.B)
}

// drop gives back what is plain.
func (s *secure) drop() {
	if s.plain != nil {
		putBuffer(s.plain)
		s.plain = nil
	}
	s.sealed = 0
}

// detach takes TLS out of the loop: the tls.Conn that it returns continues over conn, beginning with what
// has arrived and what has not been sent. conn must be the same TCP connection. It is called on the
// loop, in a turn of c, after which c must neither read nor write any more.
func (s *secure) detach(conn net.Conn) (*tls.Conn, error) {
	c := s.c
	for s.unsent() > 0 {
		if err := s.sealSome(); err != nil {
			return nil, err
		}
	}
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.in = slices.Clone(s.in)
	if first := c.out; first != nil {
		first.B = first.B[:copy(first.B, c.unsent())]
		if s.out != nil {
			first.B = append(first.B, s.out.B...)
			putBuffer(s.out)
		}
		s.out = first
		c.out, c.rare.sent = nil, 0
	}
	s.via = conn
	c.rare.tls = nil
	return s.conn, nil
}

// serverTLS is the configuration that all connections of a server share, and with it the keys of its
// session tickets, which crypto/tls makes and changes by itself.
func serverTLS(cfg *tls.Config) (*tls.Config, error) {
	if len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil {
		return nil, errors.New("reactor: Server.TLS has no certificate: neither Certificates nor GetCertificate nor GetConfigForClient")
	}
	cfg = cfg.Clone()
	speakHTTP1(cfg)
	return cfg, nil
}

// clientTLS is the configuration for a connection to host; cfg may be nil.
func clientTLS(cfg *tls.Config, host string) *tls.Config {
	cfg = cfg.Clone() // nil of nil
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.Renegotiation = tls.RenegotiateNever // which would block the loop
	speakHTTP1(cfg)
	return cfg
}

// speakHTTP1 makes http/1.1 one of the protocols that are agreed on by ALPN (RFC 7301), and h2 none.
func speakHTTP1(cfg *tls.Config) {
	const http1 = "http/1.1"
	cfg.NextProtos = slices.DeleteFunc(slices.Clone(cfg.NextProtos), func(p string) bool { return p == "h2" })
	if !slices.Contains(cfg.NextProtos, http1) {
		cfg.NextProtos = append(cfg.NextProtos, http1)
	}
}

// secureDial does a client's handshake on socket, which blocks. What has arrived behind it is in the
// tls.Conn and is read on the loop.
func secureDial(ctx context.Context, socket net.Conn, cfg *tls.Config) (*secure, error) {
	s := &secure{established: true}
	s.conn = tls.Client(s, cfg)
	s.connect(socket)
	if err := s.conn.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, err
	}
	s.connect(nil)
	return s, nil
}
