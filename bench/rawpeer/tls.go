package rawpeer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// Trust says how wss servers are verified: the zero value, by the system's certificates.
type Trust struct {
	Insecure bool   // not at all
	CA       []byte // by these certificates, in PEM
}

// Config returns the configuration of a client with this trust.
func (t Trust) Config() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: t.Insecure}
	if t.CA == nil {
		return c, nil
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(t.CA) {
		return nil, errors.New("there is no certificate in PEM to verify servers by")
	}
	return c, nil
}

// tlsTime bounds the handshake of TLS.
const tlsTime = 30 * time.Second

// secure is a connection with TLS, whose socket ends as that of a plain connection does.
type secure struct {
	*tls.Conn
	socket net.Conn
}

// newSecure does the handshake of TLS. It closes the socket if that fails.
func newSecure(ctx context.Context, socket net.Conn, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tlsTime)
	defer cancel()
	c := tls.Client(socket, config)
	if err := c.HandshakeContext(ctx); err != nil {
		socket.Close()
		return nil, err
	}
	return &secure{c, socket}, nil
}

// Close ends the connection without close_notify, for which a socket that takes nothing more would wait.
func (s *secure) Close() error { return s.socket.Close() }

// CloseWrite sends close_notify (RFC 8446 6.1), and FIN.
func (s *secure) CloseWrite() error {
	err := s.Conn.CloseWrite()
	if h, ok := s.socket.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, h.CloseWrite())
	}
	return err
}

func (s *secure) SetLinger(seconds int) error {
	if l, ok := s.socket.(interface{ SetLinger(int) error }); ok {
		return l.SetLinger(seconds)
	}
	return errors.ErrUnsupported
}
