package reactor

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// Conn is a WebSocket connection. All its methods are safe from any goroutine at any time; after
// the connection has closed they return an error for which errors.Is(err, net.ErrClosed) holds.
type Conn struct {
	// Data is the application's own. It is not touched by Weir and not synchronised: handlers of
	// this connection may use it freely, since they never overlap.
	Data any

	// These do not change.
	cfg    *config
	loop   *loop
	socket gnet.Conn // for the loop only
	remote net.Addr

	// mu guards what is sent. It is never held across a call of the application's code; a write on
	// the non-blocking socket is the longest that it is held for.
	mu      sync.Mutex
	fd      int32                      // -1 once the socket may belong to another connection
	sent    uint32                     // bytes of out that have been written
	out     *bytebufferpool.ByteBuffer // what is to be written; nil when nothing is
	err     *codec.CloseError          // why the connection ends; the first reason wins
	state   atomic.Uint32              // a codec.Closing, written under mu
	open    atomic.Bool                // the opening handshake is done
	queued  bool                       // the loop will end a turn of this connection
	batched bool                       // its turn ends with the loop's batch
	full    bool                       // the socket takes no more; the watcher will tell when it does
	watch   bool                       // the watcher knows the descriptor
	finish  bool                       // once out is written, no more is sent: shutdown(SHUT_WR)
	cut     bool                       // the loop is to close the connection
	rare    *rare                      // what few connections need

	// The rest belongs to the loop.
	phase      phase
	shut       bool   // SHUT_WR has been done
	pinged     bool   // a ping is out since the last sign of life
	index      int32  // in loop.conns
	lastActive uint32 // the tick of the last sign of life
	deadline   uint32 // the tick at which the present phase is cut short
	timer      timer
	decoder    codec.Decoder
}

// phase is what the bytes that arrive are taken for.
type phase uint8

const (
	phaseHandshake phase = iota // a request
	phaseFrames                 // frames
	phaseFinished               // nothing: the end of the TCP connection is awaited
)

// rare holds what most connections do not need, or only for a moment. It is guarded by Conn.mu once
// the connection is open; before, the loop alone knows the connection.
type rare struct {
	handshake   *handshake // a request that has not arrived whole
	dialing     *dialing   // in a client, until the connection is open
	subprotocol string
	deflate     *deflating
	local       net.Addr // of a connection beneath which there is TLS
	pong        []byte   // the payload of the pong that waits while the output is congested
	pongWaits   bool
	congested   bool   // the socket took less than it was given since the output was last empty
	refused     bool   // a write was refused since then
	fullAt      uint32 // the tick since which writes are refused, 0 for none
}

// closedError is what methods return once the connection is closed or closing.
type closedError struct{ cause *codec.CloseError }

// Error says that the connection is closed, and why.
func (e closedError) Error() string {
	if e.cause == nil {
		return "reactor: connection is closed"
	}
	return fmt.Sprintf("reactor: connection is closed: %v", e.cause)
}

// Unwrap makes errors.Is(err, net.ErrClosed) and errors.As(err, **codec.CloseError) hold.
func (e closedError) Unwrap() []error {
	if e.cause == nil {
		return []error{net.ErrClosed}
	}
	return []error{net.ErrClosed, e.cause}
}

// RemoteAddr returns the address of the other end, a *net.TCPAddr or *net.UnixAddr. It remains
// available after the connection has closed.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr returns this end's address, or nil once the connection has closed.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	if c.rare != nil && c.rare.local != nil {
		return c.rare.local
	}
	sa, err := unix.Getsockname(int(c.fd))
	if err != nil {
		return nil
	}
	return addrOf(sa)
}

// Subprotocol returns the subprotocol that was agreed on, or "" (RFC 6455 1.9).
func (c *Conn) Subprotocol() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return ""
	}
	return c.rare.subprotocol
}

// BufferedAmount returns the number of bytes, frame headers included, that have been accepted for
// sending and not yet been handed to the kernel.
func (c *Conn) BufferedAmount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending()
}

// Do calls f on the event loop of c, where it does not overlap with the handler's calls for this
// connection, after what was posted before. It returns at once. If c has closed it returns an error
// and f is not called; if c closes before f's turn comes f is not called either.
func (c *Conn) Do(f func(*Conn)) error {
	if c.isClosed() || !c.loop.post(task{c, f}) {
		return c.closed()
	}
	return nil
}

func (c *Conn) closing() codec.Closing { return codec.Closing(c.state.Load()) }

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fd < 0
}

// closed returns the error of a method that came too late.
func (c *Conn) closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return closedError{c.err}
}
