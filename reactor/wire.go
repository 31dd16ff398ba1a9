package reactor

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/valyala/bytebufferpool"
)

// wire is the net.Conn beneath a tls.Conn: what it reads has arrived on the socket, what it writes the
// loop sends. It is used in one of three ways:
//
//	in a handshake   Read waits, on the handshake's own goroutine, for more to arrive
//	on the loop      Read returns errNoMore where it would have to wait
//	through via      both go on to a net.Conn that blocks: see connect and detach
type wire struct {
	c *Conn

	mu  sync.Mutex // the innermost lock: c.mu and those of tls.Conn may be held
	in  []byte     // what has arrived and has not been read
	out *bytebufferpool.ByteBuffer
	hs  *tlsHandshake // while there is one
	via net.Conn
}

// errNoMore is what Read returns on the loop when everything has been read. It says that it is
// temporary: for such an error alone tls.Conn can be read again, even in the middle of a record.
var errNoMore net.Error = noMore{}

type noMore struct{}

func (noMore) Error() string   { return "reactor: no more has arrived" }
func (noMore) Timeout() bool   { return true }
func (noMore) Temporary() bool { return true }
func (noMore) Unwrap() error   { return os.ErrDeadlineExceeded }

// Read is called by tls.Conn.
func (w *wire) Read(p []byte) (int, error) {
	for {
		w.mu.Lock()
		n := copy(p, w.in)
		w.in = w.in[n:]
		via, hs := w.via, w.hs
		w.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case via != nil:
			return via.Read(p)
		case hs == nil:
			return 0, errNoMore
		}
		if err := hs.wait(); err != nil {
			return 0, err
		}
	}
}

// Write is called by tls.Conn, with whole records.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	via := w.via
	if via == nil {
		if w.out == nil {
			w.out = getBuffer()
		}
		w.out.B = append(w.out.B, p...)
	}
	shaking := w.hs != nil
	if shaking {
		w.hs.answered = true
	}
	w.mu.Unlock()
	if via != nil {
		return w.writeVia(via, p)
	}
	if shaking {
		w.c.loop.post(task{conn: w.c}) // which sends it; where there is no loop any more nobody waits for it
	}
	return len(p), nil
}

// writeVia writes p behind what has not been sent yet.
func (w *wire) writeVia(via net.Conn, p []byte) (int, error) {
	if out := w.take(); out != nil {
		defer putBuffer(out)
		if _, err := via.Write(out.B); err != nil {
			return 0, err
		}
	}
	return via.Write(p)
}

// take returns what tls.Conn has written since it was called last, nil if nothing.
func (w *wire) take() *bytebufferpool.ByteBuffer {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.out
	w.out = nil
	return out
}

// keep leaves bytes for a handshake to read. It returns all that has not been read.
func (w *wire) keep(p []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in = append(w.in, p...)
	if w.hs != nil {
		select {
		case w.hs.more <- struct{}{}:
		default:
		}
	}
	return w.in
}

// ahead returns how much may have arrived and not been read before the handshake is done.
func (w *wire) ahead() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hs != nil && w.hs.answered {
		return tlsAhead
	}
	return tlsHello
}

// lend leaves bytes to be read on the loop. They are the loop's, so they must be taken back by the end
// of the turn, with lend(nil).
func (w *wire) lend(p []byte) {
	w.mu.Lock()
	w.in = p
	w.mu.Unlock()
}

// shaking begins a handshake, or ends it with nil.
func (w *wire) shaking(hs *tlsHandshake) {
	w.mu.Lock()
	w.hs = hs
	w.mu.Unlock()
}

// connect makes tls.Conn use conn from now on, after what is at hand already in both directions; nil
// leaves it to the loop again. Nobody may be reading or writing meanwhile.
func (w *wire) connect(conn net.Conn) {
	w.mu.Lock()
	w.via = conn
	w.mu.Unlock()
}

// connected returns what tls.Conn reads from and writes to instead of the loop, nil if nothing.
func (w *wire) connected() net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.via
}

// Close is called by tls.Conn. It is the loop that closes its connections.
func (w *wire) Close() error {
	if via := w.connected(); via != nil {
		return via.Close()
	}
	return nil
}

// LocalAddr is what callbacks of a tls.Config may ask for.
func (w *wire) LocalAddr() net.Addr {
	if via := w.connected(); via != nil {
		return via.LocalAddr()
	}
	return w.c.LocalAddr()
}

// RemoteAddr is what callbacks of a tls.Config may ask for.
func (w *wire) RemoteAddr() net.Addr {
	if via := w.connected(); via != nil {
		return via.RemoteAddr()
	}
	return w.c.RemoteAddr()
}

// SetDeadline and its like have an effect only where reading and writing block.
func (w *wire) SetDeadline(t time.Time) error {
	if via := w.connected(); via != nil {
		return via.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline is like SetDeadline.
func (w *wire) SetReadDeadline(t time.Time) error {
	if via := w.connected(); via != nil {
		return via.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is like SetDeadline.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if via := w.connected(); via != nil {
		return via.SetWriteDeadline(t)
	}
	return nil
}

// tlsHandshake is a handshake that is under way.
type tlsHandshake struct {
	ctx    context.Context // ends with the connection
	cancel context.CancelCauseFunc
	more   chan struct{} // gets a value when something has arrived
	all    *tlsHandshakes
	waited time.Duration // for the client, so far
	leaves bool          // it makes room for another

	answered bool // something has been written; wire.mu guards it
}

// wait waits for more to arrive, and lets others compute meanwhile.
func (h *tlsHandshake) wait() error {
	<-h.all.cpus
	defer func() { h.all.cpus <- struct{}{} }()
	start := time.Now()
	defer func() { h.waited += time.Since(start) }()
	late := time.NewTimer(max(tlsPatience-h.waited, 0))
	defer late.Stop()
	for {
		select {
		case <-h.more:
			return nil
		case <-h.ctx.Done():
			return context.Cause(h.ctx)
		case <-late.C:
			if h.leaves = h.all.leave(); h.leaves {
				return errTLSSlow
			}
			late.Reset(tlsPatience / 8)
		}
	}
}
