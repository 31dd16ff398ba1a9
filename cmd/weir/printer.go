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
	lines  []byte
	failed error // of the last write
	more   chan struct{}
	done   chan struct{}
}

// maxUnprinted is how much may wait for standard output, in bytes.
const maxUnprinted = 16 << 20

func newPrinter(w io.Writer, log *slog.Logger) *printer {
	p := &printer{log: log, more: make(chan struct{}, 1), done: make(chan struct{})}
	go p.print(w)
	return p
}

// OnMessage leaves m to be printed. A client whose message cannot be is told so.
func (p *printer) OnMessage(c *reactor.Conn, m codec.Message) {
	p.mu.Lock()
	full := len(p.lines) > maxUnprinted || p.failed != nil
	if !full {
		p.lines = appendLine(p.lines, m)
	}
	p.mu.Unlock()
	if full {
		_ = c.Close(codec.CloseTryAgainLater, "messages cannot be printed")
		return
	}
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// print writes the lines until close.
func (p *printer) print(w io.Writer) {
	defer close(p.done)
	var lines []byte
	for range p.more {
		p.mu.Lock()
		lines, p.lines = p.lines, lines[:0]
		p.mu.Unlock()
		if _, err := w.Write(lines); err != nil {
			p.log.Error("cannot print messages any more", "err", err)
			p.mu.Lock()
			p.failed = err
			p.mu.Unlock()
			return
		}
	}
}

// close prints what is left.
func (p *printer) close() {
	p.mu.Lock()
	failed := p.failed != nil
	p.mu.Unlock()
	if !failed {
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
	close(p.more)
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
