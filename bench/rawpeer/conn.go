package rawpeer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Conn is a connection to a server. Write, Read, deadlines and the rest of net.Conn act on the socket;
// Read must not be mixed with ReadResponse and ReadFrame, which read ahead. Writes leave at once
// (TCP_NODELAY), so that each is a segment of its own where the network permits; with TLS, a record.
type Conn struct {
	net.Conn
	Target Target
	r      *bufio.Reader
	stop   func() bool
}

// Dial connects to a target through d, and sends nothing beyond the handshake of TLS. The connection is
// closed when ctx is done, so that everything that waits on it returns.
func (t Target) Dial(ctx context.Context, d *net.Dialer) (*Conn, error) {
	nc, err := d.DialContext(ctx, t.Network, t.Addr)
	if err != nil {
		return nil, err
	}
	if t.TLS != nil {
		if nc, err = newSecure(ctx, nc, t.TLS); err != nil {
			return nil, err
		}
	}
	return New(ctx, nc, t), nil
}

// New makes a Conn of a connection that exists. It is closed when ctx is done.
func New(ctx context.Context, nc net.Conn, t Target) *Conn {
	return &Conn{
		Conn:   nc,
		Target: t,
		r:      bufio.NewReaderSize(nc, 4096),
		stop:   context.AfterFunc(ctx, func() { nc.Close() }),
	}
}

// Within sets the deadline of everything from now on to d from now; 0 means none.
func (c *Conn) Within(d time.Duration) {
	if d == 0 {
		c.SetDeadline(time.Time{})
		return
	}
	c.SetDeadline(time.Now().Add(d))
}

// Close closes the connection. What was received and not read makes the kernel send RST instead of FIN.
func (c *Conn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// CloseWrite ends what is sent (FIN); reading goes on.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Reset closes the connection with RST. A Unix socket has none: there it is Close.
func (c *Conn) Reset() error {
	if l, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		l.SetLinger(0)
	}
	return c.Close()
}

// WriteChops writes p in pieces of n bytes, each with a write of its own; n <= 0 is one piece.
func (c *Conn) WriteChops(p []byte, n int) error {
	if n <= 0 {
		n = max(len(p), 1)
	}
	for len(p) > 0 {
		k := min(n, len(p))
		if _, err := c.Write(p[:k]); err != nil {
			return err
		}
		p = p[k:]
	}
	return nil
}

// End is how the server ended the connection.
type End int

const (
	EndFIN     End = iota // an orderly end
	EndReset              // RST: what was under way may be lost
	EndTimeout            // none within the deadline
)

func (e End) String() string {
	return [...]string{"FIN", "RST", "still open"}[e]
}

// AwaitEnd reads and drops at most limit bytes until the server ends the connection or the deadline
// passes. It returns how it ended; err is set when it cannot tell, which includes more bytes than limit.
func (c *Conn) AwaitEnd(limit int64) (End, error) {
	n, err := io.Copy(io.Discard, io.LimitReader(c.r, limit+1))
	if n > limit {
		return 0, errors.New("the server goes on sending")
	}
	if err == nil {
		return EndFIN, nil
	}
	return EndOf(err)
}

// EndOf says which end of the connection a failed read stands for, or returns the error if none.
func EndOf(err error) (End, error) {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return EndFIN, nil
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return EndReset, nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return EndTimeout, nil
	}
	return 0, err
}
