package main

import (
	"encoding/hex"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// printer writes every message to standard output, one a line, and answers nothing. Writing may
// block, so a goroutine of its own does it; the loops leave lines in a bounded buffer.
type printer struct {
	reactor.NopHandler
	log *slog.Logger

	mu     sync.Mutex
	lines  []byte     // what waits to be written
	more   *sync.Cond // lines or closed has changed
	closed bool       // nothing more is to be written than lines
	failed bool       // the last write has
	done   chan struct{}
}

// maxUnprinted is how much may wait for standard output, in bytes.
const maxUnprinted = 16 << 20

func newPrinter(w io.Writer, log *slog.Logger) *printer {
	p := &printer{log: log, done: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	go p.print(w)
	return p
}

func (p *printer) setup(*reactor.Server) {}

// OnMessage leaves m to be printed. A client whose message cannot be is told so.
func (p *printer) OnMessage(c *reactor.Conn, m codec.Message) {
	if !p.add(m) {
		_ = c.Close(codec.CloseTryAgainLater, "messages cannot be printed")
	}
}

// add leaves a line, unless there is no room or no use for it.
func (p *printer) add(m codec.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) > maxUnprinted || p.failed || p.closed {
		return false
	}
	p.lines = appendLine(p.lines, m)
	p.more.Signal()
	return true
}

// print writes the lines until close.
func (p *printer) print(w io.Writer) {
	defer close(p.done)
	var lines []byte
	for {
		lines = p.take(lines)
		if len(lines) == 0 {
			return
		}
		if _, err := w.Write(lines); err != nil {
			p.log.Error("cannot print messages any more", "err", err)
			p.mu.Lock()
			p.failed = true
			p.mu.Unlock()
			return
		}
	}
}

// take waits for lines and returns them; none once the printer is closed. The lines before them are
// no longer needed.
func (p *printer) take(before []byte) (lines []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.lines) == 0 && !p.closed {
		p.more.Wait()
	}
	lines, p.lines = p.lines, before[:0]
	return lines
}

// close prints what is left.
func (p *printer) close() {
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()
	<-p.done
}

// appendLine appends a message and a line feed. Control characters in a text are escaped as in Go,
// so that a message is one line and does nothing to a terminal; a binary message is written in hex.
func appendLine(b []byte, m codec.Message) []byte {
	if m.Opcode == codec.Binary {
		b = hex.AppendEncode(b, m.Payload)
		return append(b, '\n')
	}
	for p := m.Payload; len(p) > 0; {
		r, n := utf8.DecodeRune(p)
		if unicode.IsPrint(r) {
			b = append(b, p[:n]...)
		} else {
			q := strconv.AppendQuoteRune(nil, r)
			b = append(b, q[1:len(q)-1]...)
		}
		p = p[n:]
	}
	return append(b, '\n')
}
