package reactor

import (
	"errors"
	"net"
	"strings"
	"testing"

	"example.org/weir/codec"
)

// violations are bytes that break one rule each, with what the peer is told.
var violations = []struct {
	rule  string
	bytes string
	err   *codec.CloseError
}{
	{"RFC 6455 5.2: reserved opcode", first(0x83, text("")), codec.ErrReservedOpcode},
	{"RFC 6455 5.2: reserved bit", first(0xC1, text("")), codec.ErrReservedBits},
	{"RFC 6455 5.1: mask", "\x81\x01a", codec.ErrNotMasked},
	{"RFC 6455 5.2: length in 2 bytes", "\x82\xFE\x00\x7D", codec.ErrLengthNotMinimal},
	{"RFC 6455 5.2: length in 8 bytes", "\x82\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF", codec.ErrLengthNotMinimal},
	{"RFC 6455 5.2: top bit", "\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x00", codec.ErrLengthTopBit},
	{"RFC 6455 5.5: long ping", "\x89\xFE", codec.ErrControlTooLong},
	{"RFC 6455 5.5: fragmented ping", first(0x09, frame(codec.Ping, "")), codec.ErrControlFragmented},
	{"RFC 6455 5.4: continuation of nothing", frame(codec.Continuation, ""), codec.ErrUnexpectedContinuation},
	{"RFC 6455 5.4: message in a message", first(0x01, text("a")) + text("b"), codec.ErrExpectedContinuation},
	{"RFC 6455 5.5.1: close of 1 byte", frame(codec.Close, "\x03"), codec.ErrClosePayloadLength},
	{"RFC 6455 7.4.1: close code 1005", closeFrame(1005, ""), codec.ErrCloseCodeForbidden},
	{"RFC 6455 7.4.2: close code 999", closeFrame(999, ""), codec.ErrCloseCodeForbidden},
	{"RFC 6455 5.5.1: close reason", closeFrame(1000, "\xFF"), codec.ErrCloseReasonUTF8},
	{"RFC 6455 8.1: text", text("\xC0\xAF"), codec.ErrTextUTF8},
	{"RFC 6455 8.1: unfinished text", first(0x01, text("ab\xFF")), codec.ErrTextUTF8},
	{"RFC 6455 8.1: text that ends inside a character", text("\xE2\x82"), codec.ErrTextUTF8},
	{"RFC 6455 10.4: large message", "\x82\xFE\x04\x01", codec.ErrMessageTooBig},
	{"RFC 6455 10.4: large message in fragments", first(0x02, text(strings.Repeat("a", 1000))) + "\x80\x99", codec.ErrMessageTooBig},
	{"RFC 6455 10.4: fragments", first(0x02, text("")) + strings.Repeat(first(0x00, text("")), 8), codec.ErrTooManyFragments},
}

// TestViolations checks that each violation is answered with one close frame with its code, at the
// first byte that shows it, after what was right has been handled, and that nothing is handled after
// it: neither a message nor another violation.
func TestViolations(t *testing.T) {
	h := newProbe()
	addr := serve(t, &Server{Handler: h, MaxMessage: 1024, MaxFragments: 8})
	for _, tt := range violations {
		t.Run(tt.rule, func(t *testing.T) {
			r := open(t, addr)
			r.send(text("before"), tt.bytes)
			r.want(codec.Text, "before")
			r.send(text("after"), "\xFF\xFF", text("after"), closeFrame(1000, ""))
			if reason := r.wantClose(tt.err.Code); reason != tt.err.Reason {
				t.Errorf("the reason is %q, want %q", reason, tt.err.Reason)
			}
			_ = r.Close()
			if err := within(t, h.closed); err != error(tt.err) {
				t.Errorf("OnClose got %v", err)
			}
			c := within(t, h.opened)
			if err := c.WriteText("late"); !errors.Is(err, net.ErrClosed) || !errors.Is(err, tt.err) {
				t.Errorf("a late write: %v", err)
			}
		})
	}
}

// The same, all in one segment behind the request.
func TestViolationBehindHandshake(t *testing.T) {
	addr := serve(t, &Server{MaxMessage: 1024, MaxFragments: 8})
	for _, tt := range violations {
		r := dialRaw(t, addr)
		r.send(request(), text("before"), tt.bytes, text("after"))
		r.head()
		r.want(codec.Text, "before")
		r.wantClose(tt.err.Code)
	}
}

// A violation after our own close frame ends the connection, but no second close frame is sent.
func TestViolationAfterClose(t *testing.T) {
	h := newProbe()
	h.onOpen = func(c *Conn) { _ = c.Close(3000, "enough") }
	r := open(t, serve(t, &Server{Handler: h}))
	r.send(text("ignored"), "\xFF\xFF")
	r.wantClose(3000)
	_ = r.Close()
	h.wantClosed(t, 3000, false)
}

func TestMaxMessage(t *testing.T) {
	addr := serve(t, &Server{MaxMessage: 1000})
	r := open(t, addr)
	largest := strings.Repeat("a", 1000)
	r.send(text(largest))
	r.want(codec.Text, largest)
	r.send(first(0x01, text(largest[:500])), frame(codec.Ping, strings.Repeat("p", 125)), frame(codec.Continuation, largest[500:]))
	r.want(codec.Pong, strings.Repeat("p", 125)) // which does not count
	r.want(codec.Text, largest)
	r.send(text(largest + "a"))
	r.wantClose(codec.CloseMessageTooBig)
}

func TestNoLimits(t *testing.T) {
	r := open(t, serve(t, &Server{MaxMessage: -1, MaxFragments: -1, MaxOutbound: -1, HandshakeTimeout: -1, IdleTimeout: -1}))
	large := strings.Repeat("large", 1<<20)
	go r.send(text(large), first(0x01, text("")), strings.Repeat(first(0x00, text("")), defaultMaxFragments), frame(codec.Continuation, "end"))
	r.want(codec.Text, large)
	r.want(codec.Text, "end")
}
