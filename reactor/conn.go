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
	// this connection may use it freely, since they never overlap. It is where Server.Authorize and
	// Server.Upgrade leave who the client is for the handler; what does not change after them may be read from
	// anywhere that has the connection from OnOpen or EachConn.
	Data any

	loop *loop // does not change, but once, with mu held, for those in limbo

	// mu guards what is sent. It is never held across a call of the application's code; a write on
	// the non-blocking socket is the longest that it is held for.
	mu     sync.Mutex
	socket gnet.Conn                  // for the loop only, but for its address; a *departed in the end
	out    *bytebufferpool.ByteBuffer // what is to be written; nil when nothing is
	rare   *rare                      // what few connections need
	fd     int32                      // -1 once the socket may belong to another connection
	state  atomic.Uint32              // a codec.Closing and openBit, written under mu
	flags  flags

	// The rest belongs to the loop.
	phase   phase
	limited bool   // the present phase is cut short at tick
	pinged  bool   // a ping is out since the last sign of life
	tick    uint32 // of the last sign of life, unless limited
	index   int32  // in wheel.conns
	timer   timer
	decoder codec.Decoder
}

// flags are what is true of a connection, of those things that Conn.mu guards.
type flags uint8

const (
	flagQueued   flags = 1 << iota // the loop will end a turn of this connection
	flagBatched                    // its turn ends with the loop's batch
	flagFull                       // the socket takes no more; the watcher will tell when it does
	flagWatched                    // the watcher knows the descriptor
	flagFinished                   // once out is written, no more is sent: shutdown(SHUT_WR)
	flagShut                       // that has been done
	flagCut                        // the loop is to close the connection
	flagCounted                    // it counts for MaxConnsPerIP
)

func (f flags) has(any flags) bool { return f&any != 0 }
func (f *flags) set(all flags)     { *f |= all }
func (f *flags) clear(all flags)   { *f &^= all }

// phase is what the bytes that arrive are taken for.
type phase uint8

const (
	phaseHandshake   phase = iota // a request
	phaseFrames                   // frames
	phaseFinished                 // nothing: the end of the TCP connection is awaited
	phaseProxy                    // a PROXY header, which comes before all else
	phaseAuthorizing              // what is kept until Server.Authorize has decided
)

// rare holds what most connections do not need, or only for a moment. It is guarded by Conn.mu; a
// client's connection has it from the beginning.
type rare struct {
	err         *codec.CloseError          // why the connection ends; the first reason wins
	proxy       *bytebufferpool.ByteBuffer // a PROXY header that has not arrived whole
	handshake   *handshake                 // a request that has not arrived whole
	dialing     *dialing                   // in a client, until the connection is open
	asking      *authorization             // a request that Server.Authorize decides about
	handler     Handler                    // in a client
	ended       chan<- error               // gets the error that OnClose was given; see Redial
	subprotocol string
	deflate     *deflating
	subs        *subscriptions
	rate        *rate          // where there are limits; the loop's own
	track       *track         // with Server.TrackConns
	writer      *MessageWriter // of a message that is being written in fragments
	tls         *secure        // does not change while the connection is open
	local       net.Addr       // this and the next where they are not the socket's
	remote      net.Addr
	buffered    []byte // what arrived before the connection was taken over from net/http
	leftOut     bool   // of core.conns: net/http counts it, or it came too late
	pong        []byte // the payload of the pong that waits while the output is congested
	pongWaits   bool
	congested   bool   // the socket took less than it was given since the output was last empty
	refused     bool   // a write was refused since then
	sent        uint32 // bytes of Conn.out that have been written
	accounted   int    // bytes of Conn.out that core.buffered counts
	fullAt      uint32 // the tick since which writes are refused, 0 for none
}

// departed stands in for the socket of a connection that has closed. It only knows the address.
type departed struct {
	gnet.Conn
	remote net.Addr
}

// RemoteAddr returns the address that the socket was connected to.
func (d *departed) RemoteAddr() net.Addr { return d.remote }

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

// RemoteAddr returns the address of the other end, a *net.TCPAddr or *net.UnixAddr. Behind one of
// Server.TrustedProxies it is the client's, as far as the proxy tells it, with port 0 where it tells
// none; LocalAddr stays this machine's. It remains available after the connection has closed.
func (c *Conn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare != nil && c.rare.remote != nil {
		return c.rare.remote
	}
	return copyAddr(c.socket.RemoteAddr())
}

// LocalAddr returns this end's address, or nil once the connection has closed.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 && c.socket != nil {
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
	return c.pending() + c.behindWriter()
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

// server returns the server that c belongs to, nil if that is a client. The lock is for those in limbo.
func (c *Conn) server() *Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loop.engine.srv
}

// handler returns the server's handler, or what Dial was given.
func (c *Conn) handler() Handler {
	if h := c.loop.cfg.handler; h != nil {
		return h
	}
	return c.rare.handler
}

// openBit is the bit of Conn.state that says that the opening handshake is done; below it is a codec.Closing.
const openBit = 1 << 8

func (c *Conn) isOpen() bool { return c.state.Load()&openBit != 0 }

func (c *Conn) closing() codec.Closing { return codec.Closing(c.state.Load() &^ openBit) }

// setClosing is called with c.mu held.
func (c *Conn) setClosing(s codec.Closing) { c.state.Store(c.state.Load()&openBit | uint32(s)) }

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fd < 0
}

// closed returns the error of a method that came too late.
func (c *Conn) closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tooLate()
}

// The methods from here on are called with c.mu held.

// tooLate is closed.
func (c *Conn) tooLate() error { return closedError{c.reason()} }

// reason returns why the connection ends, nil as long as it does not.
func (c *Conn) reason() *codec.CloseError {
	if c.rare == nil {
		return nil
	}
	return c.rare.err
}

// because notes why the connection ends; the first reason stands.
func (c *Conn) because(err *codec.CloseError) {
	if r := c.rarely(); r.err == nil {
		r.err = err
	}
}

// rarely returns c.rare, made if need be.
func (c *Conn) rarely() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}
