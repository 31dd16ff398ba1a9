package reactor

import (
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// panicker is an echo that panics where it is told to, or does something else, except for connections whose
// Data is "/other".
type panicker struct {
	in      string
	instead func(*Conn)
	closed  chan error
}

func (h *panicker) at(c *Conn, place string) {
	switch {
	case h.in != place || c != nil && c.Data == "/other":
	case h.instead != nil:
		h.instead(c)
	default:
		panic("in " + place)
	}
}

func (h *panicker) OnOpen(c *Conn) { h.at(c, "OnOpen") }

func (h *panicker) OnMessage(c *Conn, m codec.Message) {
	h.at(c, "OnMessage")
	_ = c.WriteMessage(m.Opcode, m.Payload)
	if string(m.Payload) == "congest" {
		for c.WriteMessage(m.Opcode, make([]byte, 1<<16)) == nil {
		}
	}
}

func (h *panicker) OnClose(c *Conn, err error) {
	h.closed <- err
	h.at(c, "OnClose")
}

// TestPanics has each callback and hook panic. It costs that connection and no other, the peer is told,
// and the log says where.
func TestPanics(t *testing.T) {
	for _, tt := range []struct {
		in   string
		send string
		want string // how the reply ends
	}{
		{"OnOpen", request() + text("not delivered"), unmasked(codec.Close, "\x03\xF3internal error")},
		{"OnMessage", request() + text("a") + text("not delivered"), unmasked(codec.Close, "\x03\xF3internal error")},
		{"OnPong", request() + frame(codec.Pong, "") + text("not delivered"), unmasked(codec.Close, "\x03\xF3internal error")},
		{"OnClose", request() + closeFrame(1000, ""), unmasked(codec.Close, "\x03\xE8")},
		{"Upgrade", request(), "The server failed to handle the request.\n"},
		{"CheckOrigin", request("Origin: http://example.com"), "The server failed to handle the request.\n"},
		{"Page", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "The server failed to handle the request.\n"},
		{"OnDrain", request() + text("congest"), unmasked(codec.Close, "\x03\xF3internal error")},
	} {
		t.Run(tt.in, func(t *testing.T) {
			var log logBuffer
			h := &panicker{in: tt.in, closed: make(chan error, 2)}
			srv := &Server{
				Handler: h,
				Logger:  log.logger(),
				OnPong:  func(c *Conn, _ []byte) { h.at(c, "OnPong") },
				OnDrain: func(c *Conn) { h.at(c, "OnDrain") },
				Upgrade: func(c *Conn, u *Upgrade) error {
					c.Data = string(u.Request.Target())
					h.at(c, "Upgrade")
					return nil
				},
				CheckOrigin:  func(*codec.Request) bool { h.at(nil, "CheckOrigin"); return true },
				Page:         func(*codec.Request) *Page { h.at(nil, "Page"); return nil },
				Loops:        1,
				CloseTimeout: 10 * time.Second,
			}
			addr := serve(t, srv)
			other := dialRaw(t, addr)
			other.send(strings.Replace(request(), "GET /", "GET /other", 1))
			other.head()

			r := dialRaw(t, addr)
			r.send(tt.send)
			if got := readAll(t, r); !strings.HasSuffix(got, tt.want) {
				t.Errorf("got %.300q, want it to end with %q", got, tt.want)
			}
			_ = r.Close()
			eventually(t, "the connection is gone", func() bool { return srv.Conns() == 1 })
			if opened := strings.HasPrefix(tt.in, "On"); opened != (len(h.closed) == 1) {
				t.Errorf("OnClose was called %d times", len(h.closed))
			}
			if l := log.String(); !strings.Contains(l, "in "+tt.in) || !strings.Contains(l, "panic_test.go") {
				t.Errorf("the log says %s", l)
			}
			other.send(text("unharmed"))
			other.want(codec.Text, "unharmed")
		})
	}
}
