package conform

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
)

// What is taken from a server, in bytes of payload; a server that sends more is cut off. maxTotal counts
// each frame as 64 bytes more than it has. No rule has a server send half of that.
const (
	maxFrame = 64 << 20
	maxTotal = 64 << 20
)

// event is a message or a pong that arrived.
type event struct {
	opcode  byte // OpText, OpBinary or OpPong
	payload []byte
}

func text(s string) event    { return event{rawpeer.OpText, []byte(s)} }
func bin(p []byte) event     { return event{rawpeer.OpBinary, p} }
func pong(payload any) event { return event{rawpeer.OpPong, fmt.Append(nil, payload)} }

func (e event) equal(f event) bool { return e.opcode == f.opcode && bytes.Equal(e.payload, f.payload) }

func (e event) String() string {
	name := map[byte]string{rawpeer.OpText: "text", rawpeer.OpBinary: "binary", rawpeer.OpPong: "pong"}[e.opcode]
	switch n := len(e.payload); {
	case n == 0:
		return name + " (empty)"
	case n > 32:
		return fmt.Sprintf("%s of %d bytes", name, n)
	case utf8.Valid(e.payload):
		return fmt.Sprintf("%s %q", name, e.payload)
	}
	return fmt.Sprintf("%s %x", name, e.payload)
}

// seen is what the server has done so far.
type seen struct {
	events []event
	fault  string         // the first rule for frames of a server that it broke
	close  *rawpeer.Frame // its close frame
	over   bool           // nothing more comes
	end    rawpeer.End    // if over
}

// closing reports whether the server has begun to close, in whatever way.
func (s *seen) closing() bool { return s.close != nil || s.over }

func (s *seen) String() string {
	var parts []string
	if n := len(s.events); n > 12 {
		parts = []string{fmt.Sprintf("%d events, the last %s", n, s.events[n-1])}
	} else {
		for _, e := range s.events {
			parts = append(parts, e.String())
		}
	}
	if s.close != nil {
		parts = append(parts, describeClose(s.close))
	}
	if s.over {
		parts = append(parts, s.end.String())
	} else {
		parts = append(parts, rawpeer.EndTimeout.String())
	}
	if s.fault != "" {
		parts = append(parts, "and "+s.fault)
	}
	return strings.Join(parts, ", ")
}

func describeClose(f *rawpeer.Frame) string {
	if len(f.Payload) < 2 {
		return "close (empty)"
	}
	if reason := f.Payload[2:]; len(reason) > 0 {
		return fmt.Sprintf("close %d %q", f.CloseCode(), reason)
	}
	return fmt.Sprintf("close %d", f.CloseCode())
}

// wire is a WebSocket under observation: a goroutine reads whatever comes, so that neither side waits
// for the other to read.
type wire struct {
	conn *rawpeer.Conn
	sent sent

	mu      sync.Mutex
	seen    seen
	changed chan struct{} // closed at the next change of seen
	message *event        // that is being assembled
	total   int           // bytes so far, as maxTotal counts them
	done    chan struct{} // closed when the reader has ended
}

// watch begins to read from conn, on which a WebSocket is open.
func watch(conn *rawpeer.Conn) *wire {
	w := &wire{conn: conn, changed: make(chan struct{}), done: make(chan struct{})}
	go w.read()
	return w
}

// close ends the connection and the reader.
func (w *wire) close() {
	w.conn.Close()
	<-w.done
}

func (w *wire) read() {
	defer close(w.done)
	for {
		f, err := w.conn.ReadFrame(maxFrame)
		w.mu.Lock()
		if w.total += 64 + len(f.Payload); err == nil && w.total > maxTotal {
			err = errors.New("the server goes on sending")
		}
		if err == nil {
			w.take(&f)
		} else {
			w.ended(err)
		}
		close(w.changed)
		w.changed = make(chan struct{})
		over := w.seen.over
		w.mu.Unlock()
		if over {
			return
		}
	}
}

// ended notes the end of the connection.
func (w *wire) ended(err error) {
	w.seen.over = true
	if errors.Is(err, net.ErrClosed) { // by us: the time is up
		w.seen.end = rawpeer.EndTimeout
		return
	}
	end, unknown := rawpeer.EndOf(err)
	w.seen.end = end
	switch {
	case unknown != nil:
		w.broke(unknown.Error())
	case end == rawpeer.EndFIN && errors.Is(err, io.ErrUnexpectedEOF):
		w.broke("the connection ended inside a frame")
	case end == rawpeer.EndFIN && w.message != nil && w.seen.close == nil:
		w.broke("the connection ended inside a message")
	}
}

// take notes a frame.
func (w *wire) take(f *rawpeer.Frame) {
	if fault := frameFault(f); fault != "" {
		w.broke(fault)
	}
	if w.seen.close != nil {
		w.broke("a frame came after the close frame (RFC 6455 5.5.1)")
		return
	}
	switch f.Opcode {
	case rawpeer.OpText, rawpeer.OpBinary:
		if w.message != nil {
			w.broke("a message began inside another (RFC 6455 5.4)")
		}
		w.message = &event{opcode: f.Opcode, payload: f.Payload}
		w.assembled(f.FIN)
	case rawpeer.OpContinuation:
		if w.message == nil {
			w.broke("a continuation frame had nothing to continue (RFC 6455 5.4)")
			return
		}
		w.message.payload = append(w.message.payload, f.Payload...)
		w.assembled(f.FIN)
	case rawpeer.OpPong:
		w.seen.events = append(w.seen.events, event{f.Opcode, f.Payload})
	case rawpeer.OpClose:
		w.seen.close = f
		if fault := closeFault(f); fault != "" {
			w.broke(fault)
		}
	}
}

// assembled notes the message if that was its last frame.
func (w *wire) assembled(last bool) {
	if !last {
		return
	}
	if w.message.opcode == rawpeer.OpText && !utf8.Valid(w.message.payload) {
		w.broke("a text message is not UTF-8 (RFC 6455 5.6)")
	}
	w.seen.events = append(w.seen.events, *w.message)
	w.message = nil
}

func (w *wire) broke(fault string) {
	if w.seen.fault == "" {
		w.seen.fault = fault
	}
}

// frameFault says which rule for frames that a server sends f breaks.
func frameFault(f *rawpeer.Frame) string {
	switch {
	case f.Masked:
		return "a frame is masked (RFC 6455 5.1)"
	case f.RSV != 0:
		return fmt.Sprintf("the reserved bits %03b are set (RFC 6455 5.2)", f.RSV)
	case f.Opcode > rawpeer.OpPong || f.Opcode > rawpeer.OpBinary && f.Opcode < rawpeer.OpClose:
		return fmt.Sprintf("the opcode %d is reserved (RFC 6455 5.2)", f.Opcode)
	case f.NonMinimal():
		return "a length is not written in the fewest bytes (RFC 6455 5.2)"
	case f.IsControl() && !f.FIN:
		return "a control frame is fragmented (RFC 6455 5.5)"
	case f.IsControl() && len(f.Payload) > 125:
		return "a control frame is longer than 125 bytes (RFC 6455 5.5)"
	}
	return ""
}

// closeFault says what is wrong with a close frame.
func closeFault(f *rawpeer.Frame) string {
	code := f.CloseCode()
	switch {
	case len(f.Payload) == 1:
		return "a close frame has 1 byte (RFC 6455 5.5.1)"
	case code != 0 || len(f.Payload) > 0:
		if !maySend(code) {
			return fmt.Sprintf("the close code %d must not be sent (RFC 6455 7.4)", code)
		}
		if !utf8.Valid(f.Payload[2:]) {
			return "the reason of a close frame is not UTF-8 (RFC 6455 5.5.1)"
		}
	}
	return ""
}

// maySend reports whether a close frame may have code (RFC 6455 7.4, and IANA's registry).
func maySend(code int) bool {
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999
}

// until waits until ok holds of what has been seen, for at most d. It reports whether ok holds.
func (w *wire) until(d time.Duration, ok func(*seen) bool) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		w.mu.Lock()
		holds, changed := ok(&w.seen), w.changed
		w.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}

// now returns a copy of what has been seen.
func (w *wire) now() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// send writes p in pieces of n bytes; 0 is one piece.
func (w *wire) send(p []byte, n int) error {
	w.sent.note(p, n)
	return w.conn.WriteChops(p, n)
}
