package conform

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench/rawpeer"
)

// overheard returns what is seen of a server that sends these bytes and ends the connection.
func overheard(t *testing.T, sent []byte) seen {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		server.Write(sent)
		server.Close()
	}()
	w := watch(rawpeer.New(t.Context(), client, rawpeer.Target{}))
	defer w.close()
	if !w.until(20*time.Second, func(s *seen) bool { return s.over }) {
		t.Fatal("the end was not noticed")
	}
	return w.now()
}

// TestServerFaults holds every rule for what a server sends, each broken by one row.
func TestServerFaults(t *testing.T) {
	var (
		text  = rawpeer.Text("a").Unmasked()
		last  = rawpeer.Continuation([]byte("b")).Unmasked()
		pong  = rawpeer.Pong(nil).Unmasked()
		leave = rawpeer.CloseFrame(1000, "").Unmasked()
		op    = func(opcode byte, p string) rawpeer.Frame { return rawpeer.NewFrame(opcode, []byte(p)).Unmasked() }
	)
	for _, c := range []struct {
		rule   string
		frames []rawpeer.Frame
		fault  string // empty: none
	}{
		{"nothing", nil, ""},
		{"a conversation", []rawpeer.Frame{text, text.More(), pong, last, leave}, ""},
		{"close without a payload", []rawpeer.Frame{op(rawpeer.OpClose, "")}, ""},
		{"masked", []rawpeer.Frame{rawpeer.Text("a")}, "masked"},
		{"RSV1", []rawpeer.Frame{text.WithRSV(rawpeer.RSV1)}, "bits 100"},
		{"opcode 3", []rawpeer.Frame{op(3, "")}, "opcode 3"},
		{"opcode 7", []rawpeer.Frame{op(7, "")}, "opcode 7"},
		{"opcode 11", []rawpeer.Frame{op(11, "")}, "opcode 11"},
		{"length in 16 bits", []rawpeer.Frame{text.WithForm(rawpeer.Length16)}, "fewest bytes"},
		{"pong without FIN", []rawpeer.Frame{pong.More()}, "control frame is fragmented"},
		{"long pong", []rawpeer.Frame{op(rawpeer.OpPong, strings.Repeat("a", 126))}, "longer than 125"},
		{"continuation of nothing", []rawpeer.Frame{last}, "nothing to continue"},
		{"message in a message", []rawpeer.Frame{text.More(), text}, "inside another"},
		{"unfinished message", []rawpeer.Frame{text.More()}, "ended inside a message"},
		{"unfinished frame", []rawpeer.Frame{text.WithDeclared(5)}, "ended inside a frame"},
		{"bad UTF-8", []rawpeer.Frame{op(rawpeer.OpText, "\xff")}, "not UTF-8"},
		{"good UTF-8 in two frames", []rawpeer.Frame{op(rawpeer.OpText, "\xc3").More(), op(0, "\xa9")}, ""},
		{"something after close", []rawpeer.Frame{leave, pong}, "after the close frame"},
		{"close of 1 byte", []rawpeer.Frame{op(rawpeer.OpClose, "a")}, "has 1 byte"},
		{"close 1005", []rawpeer.Frame{rawpeer.CloseFrame(1005, "").Unmasked()}, "code 1005"},
		{"close 0", []rawpeer.Frame{rawpeer.CloseFrame(0, "").Unmasked()}, "code 0"},
		{"close 2999", []rawpeer.Frame{rawpeer.CloseFrame(2999, "").Unmasked()}, "code 2999"},
		{"close 3000", []rawpeer.Frame{rawpeer.CloseFrame(3000, "").Unmasked()}, ""},
		{"bad reason", []rawpeer.Frame{rawpeer.CloseFrame(1000, "\xff").Unmasked()}, "reason"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := overheard(t, rawpeer.Bytes(c.frames...))
			if (s.fault == "") != (c.fault == "") || !strings.Contains(s.fault, c.fault) {
				t.Errorf("the fault is %q, want %q", s.fault, c.fault)
			}
		})
	}
}

// TestEndless holds that a server which never stops sending is cut off.
func TestEndless(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		messages := rawpeer.Bytes(slices.Repeat([]rawpeer.Frame{rawpeer.Binary(make([]byte, 1<<16)).Unmasked()}, 10)...)
		for {
			if _, err := server.Write(messages); err != nil {
				return
			}
		}
	}()
	w := watch(rawpeer.New(t.Context(), client, rawpeer.Target{}))
	defer w.close()
	if !w.until(60*time.Second, func(s *seen) bool { return s.over }) || w.now().fault != "the server goes on sending" {
		t.Errorf("fault %q", w.now().fault)
	}
}

// TestOverheard holds that messages are put together, and pongs among them keep their place.
func TestOverheard(t *testing.T) {
	s := overheard(t, rawpeer.Bytes(
		rawpeer.Text("a").More().Unmasked(), rawpeer.Pong([]byte("p")).Unmasked(), rawpeer.Continuation([]byte("b")).Unmasked(),
		rawpeer.Binary([]byte{0xff}).Unmasked(), rawpeer.CloseFrame(1001, "bye").Unmasked(),
	))
	if got, want := s.String(), `pong "p", text "ab", binary ff, close 1001 "bye", FIN`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
