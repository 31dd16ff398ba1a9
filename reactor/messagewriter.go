package reactor

import (
	"errors"
	"io"
	"sync"

	"example.org/weir/codec"
)

// ErrWriterOpen is returned by NewWriter while another message is being written in fragments.
var ErrWriterOpen = errors.New("reactor: another message is being written in fragments")

// errWriterClosed is returned by a MessageWriter after Close.
var errWriterClosed = errors.New("reactor: the message has been ended by Close")

const (
	// writerRoom is how many bytes of a message that is written in fragments may wait for the client, within
	// MaxOutbound: enough to keep a fast line busy.
	writerRoom = 256 << 10
	// writerPiece is the longest fragment, in bytes before compression.
	writerPiece = 32 << 10
	// writerLeast is how many bytes are taken while nothing waits, however small MaxOutbound is.
	writerLeast = 4 << 10
)

// MessageWriter sends one message in fragments (RFC 6455 5.4), for messages that are longer than one wants in
// memory. See Conn.NewWriter. Its methods are safe from any goroutine, but Write, ReadFrom and Close are calls of
// one after the other: what two write at the same time is mixed.
type MessageWriter struct {
	conn *Conn

	// These are guarded by conn.mu.
	op        codec.Opcode
	fragments *codec.Fragmenter
	closed    bool
	behind    []message // written meanwhile, in order
	waiting   int       // bytes of these as frames

	drained chan struct{} // gets a value when there is room again, or the connection has gone
}

// message is one that waits: payload, or prepared.
type message struct {
	op       codec.Opcode
	payload  []byte
	prepared *codec.Prepared
}

// NewWriter begins a message of type op, codec.Text or codec.Binary, that is sent in fragments as it comes to be
// written, compressed where that was agreed on. Close ends it. A text is not checked to be UTF-8, and may be cut
// inside characters.
//
// Nothing may come between the fragments of a message but control frames (RFC 6455 5.4). Messages that are written
// or published to the connection meanwhile wait behind it, in order, and count as far as MaxOutbound, MaxBuffered
// and MaxPublishQueue are concerned; so a writer that will not go on is to be closed or, as there is no way to take back
// a message (5.4), the connection is. Nothing else depends on it: pings, pongs and Close go out at once. A
// close frame ends the message unfinished; the client is told by it, and what waited behind is lost.
//
// It returns ErrWriterOpen while another message is being written so, and net.ErrClosed after the connection has
// closed.
func (c *Conn) NewWriter(op codec.Opcode) (*MessageWriter, error) {
	if op != codec.Text && op != codec.Binary {
		return nil, errNotData
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.maySend():
		return nil, c.tooLate()
	case c.writing() != nil:
		return nil, ErrWriterOpen
	}
	var deflater *codec.Deflater
	if d := c.deflating(); d != nil {
		deflater = d.deflater
	}
	w := &MessageWriter{
		conn:      c,
		op:        op,
		fragments: codec.NewFragmenter(op, c.loop.cfg.decoder.Role, deflater),
		drained:   make(chan struct{}, 1),
	}
	c.rarely().writer = w
	return w, nil
}

// Write sends p as the next fragment, or as several when it is long. It copies p and never blocks, so it may be
// called on an event loop. When the client reads too slowly only the first n bytes are taken, perhaps none, and the
// error is ErrBufferFull: Server.OnDrain tells when to go on with the others. Server.Overflow has no part in that.
func (w *MessageWriter) Write(p []byte) (n int, err error) {
	c := w.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case w.closed:
			return n, errWriterClosed
		case !c.maySend():
			return n, c.tooLate()
		case n == len(p):
			return n, nil
		}
		room := w.room()
		if room <= 0 {
			return n, ErrBufferFull
		}
		if !c.maySend() { // making room has found that the connection is broken
			continue
		}
		piece := p[n:min(n+room, n+writerPiece, len(p))]
		w.fragment(piece, false)
		n += len(piece)
	}
}

// ReadFrom sends what r has, up to io.EOF, reading as fast as the client does. It blocks, in r and for the
// client, and must not be called on an event loop, as a handler is. It makes io.Copy do the same. The error is r's,
// or says why the connection has closed; the message is not ended by it.
func (w *MessageWriter) ReadFrom(r io.Reader) (n int64, err error) {
	b := writerBuffers.Get().(*[writerPiece]byte)
	defer writerBuffers.Put(b)
	for {
		k, readErr := r.Read(b[:])
		for p := b[:k]; len(p) > 0; {
			taken, err := w.Write(p)
			n += int64(taken)
			p = p[taken:]
			if err == ErrBufferFull {
				<-w.drained
			} else if err != nil {
				return n, err
			}
		}
		switch readErr {
		case nil:
		case io.EOF:
			return n, nil
		default:
			return n, readErr
		}
	}
}

var writerBuffers = sync.Pool{New: func() any { return new([writerPiece]byte) }}

// Close ends the message, for which there is always room. What waited behind it is sent. Closing again does nothing.
func (w *MessageWriter) Close() error {
	c := w.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case w.closed:
		return nil
	case !c.maySend():
		w.closed = true
		return c.tooLate()
	}
	w.closed = true
	c.rare.writer = nil
	c.sentMessage(w.op, 0)
	w.fragment(nil, true)
	for _, m := range w.behind {
		switch {
		case !c.maySend():
		case m.prepared != nil:
			c.queuePrepared(m.prepared)
		default:
			c.queue(m.op, m.payload)
		}
	}
	w.forget()
	c.account()
	return nil
}

// WriteFrom sends a message of type op with what r has, up to io.EOF, in fragments. See NewWriter and
// MessageWriter.ReadFrom: it blocks and must not be called on an event loop. When r fails the message cannot be
// finished: the connection is closed with 1011, and the error is r's.
func (c *Conn) WriteFrom(op codec.Opcode, r io.Reader) (n int64, err error) {
	w, err := c.NewWriter(op)
	if err != nil {
		return 0, err
	}
	finished := false
	defer func() {
		if !finished { // also when r panics
			_ = c.Close(codec.CloseInternalError, "the message could not be finished")
		}
	}()
	if n, err = w.ReadFrom(r); err != nil {
		return n, err
	}
	finished = true
	return n, w.Close()
}

// The methods from here on are called with conn.mu held.

// room is how many bytes may be written now.
func (w *MessageWriter) room() int {
	c := w.conn
	limit := min(c.loop.cfg.outbound, writerRoom)
	if c.pending() >= limit {
		c.write()
	}
	if c.pending() == 0 {
		limit = max(limit, writerLeast)
	}
	return limit - c.pending()
}

// fragment sends the next fragment.
func (w *MessageWriter) fragment(p []byte, last bool) {
	c := w.conn
	b := c.buffer()
	before := len(b.B)
	b.B = w.fragments.Append(b.B, p, last)
	c.loop.counts.sent.add(messageType(w.op), 0, uint64(len(p)))
	if c.deflating() != nil {
		c.loop.counts.deflated.add(len(p), len(b.B)-before)
	}
	c.written()
}

// wait keeps a message that is written meanwhile, of n bytes as a frame.
func (w *MessageWriter) wait(m message, n int) {
	w.behind = append(w.behind, m)
	w.waiting += n
	w.conn.account()
}

// forget drops what was written meanwhile.
func (w *MessageWriter) forget() { w.behind, w.waiting = nil, 0 }

// held is how much memory takes what was written meanwhile, in bytes: an empty message takes some, too. w may be nil.
func (w *MessageWriter) held() int {
	if w == nil {
		return 0
	}
	return w.waiting + messageCost*len(w.behind)
}

// messageCost is about what it takes to keep a message besides its frame, in bytes.
const messageCost = 64

// writing returns the writer of a message that is being written in fragments, nil for none.
func (c *Conn) writing() *MessageWriter {
	if c.rare == nil {
		return nil
	}
	return c.rare.writer
}

// behindWriter is the number of bytes that wait behind a message that is being written in fragments.
func (c *Conn) behindWriter() int {
	if w := c.writing(); w != nil {
		return w.waiting
	}
	return 0
}

// endWriter takes leave of a message that will not be finished.
func (c *Conn) endWriter() {
	if c.writing() != nil {
		c.hasRoom()
		c.rare.writer = nil
	}
}

// hasRoom tells a writer that waits for it that there is room again, or never will be.
func (c *Conn) hasRoom() {
	if w := c.writing(); w != nil {
		select {
		case w.drained <- struct{}{}:
		default:
		}
	}
}
