package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestGorilla(t *testing.T) {
	t.Parallel()
	runExchanges(t, echoServer.get(t).url("/"), dialGorilla(websocket.Dialer{}, nil))
}

func TestGorillaCompressed(t *testing.T) {
	t.Parallel()
	runExchanges(t, echoServer.get(t).url("/"), dialGorilla(websocket.Dialer{EnableCompression: true}, nil))
}

// gorilla is a conversation through github.com/gorilla/websocket.
type gorilla struct {
	conn     *websocket.Conn
	deadline time.Time
}

// dialGorilla returns a dialer with the settings of d that sends header with each handshake.
func dialGorilla(d websocket.Dialer, header http.Header) dialer {
	return func(ctx context.Context, url string, x exchange) (conversation, error) {
		d := d
		d.Subprotocols = x.Subprotocols
		// The library cuts a message where its buffer is full: the buffer's size is the frame's.
		d.WriteBufferSize = x.Fragment
		if x.Fragment == 0 {
			d.WriteBufferSize = max(len(x.payload()), 4096)
		}
		conn, resp, err := d.DialContext(ctx, url, header)
		noteAnswer(ctx, resp)
		if err != nil && resp != nil {
			return nil, fmt.Errorf("%s: %w", resp.Status, err)
		}
		if err != nil {
			return nil, err
		}
		deadline, _ := ctx.Deadline()
		conn.SetReadDeadline(deadline)
		conn.SetWriteDeadline(deadline)
		return &gorilla{conn: conn, deadline: deadline}, nil
	}
}

var gorillaTypes = map[string]int{"text": websocket.TextMessage, "binary": websocket.BinaryMessage}

func (g *gorilla) send(opcode string, payload []byte, _ int) error {
	return g.conn.WriteMessage(gorillaTypes[opcode], payload)
}

func (g *gorilla) receive() (string, []byte, error) {
	typ, payload, err := g.conn.ReadMessage()
	if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
		return "", nil, closedError(closed.Code)
	}
	if err != nil {
		return "", nil, err
	}
	if typ == websocket.TextMessage {
		return "text", payload, nil
	}
	return "binary", payload, nil
}

// ping ends its reading from within the pong handler, since the library returns from a read only
// for a message or an error.
func (g *gorilla) ping(payload []byte) error {
	errPong := errors.New("pong")
	var got []byte
	g.conn.SetPongHandler(func(s string) error {
		got = []byte(s)
		return errPong
	})
	if err := g.conn.WriteControl(websocket.PingMessage, payload, g.deadline); err != nil {
		return err
	}
	if _, _, err := g.receive(); err != errPong {
		return fmt.Errorf("waiting for the pong: %w", err)
	}
	if !bytes.Equal(got, payload) {
		return fmt.Errorf("pong with %.40q, want %.40q", got, payload)
	}
	return nil
}

func (g *gorilla) close(code int, reason string) (int, error) {
	message := websocket.FormatCloseMessage(code, reason)
	if err := g.conn.WriteControl(websocket.CloseMessage, message, g.deadline); err != nil {
		return 0, err
	}
	_, _, err := g.receive()
	if closed := closedError(0); errors.As(err, &closed) {
		return int(closed), nil
	}
	return 0, fmt.Errorf("waiting for the close frame: %w", err)
}

func (g *gorilla) subprotocol() string { return g.conn.Subprotocol() }

func (g *gorilla) drop() { g.conn.Close() }

// gorillaTo opens a plain connection to addr, a URL or a unix:// address, for one test.
func gorillaTo(t *testing.T, addr string) conversation {
	t.Helper()
	var d websocket.Dialer
	if path, ok := strings.CutPrefix(addr, "unix://"); ok {
		addr = "ws://localhost/"
		d.NetDialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := dialGorilla(d, nil)(ctx, addr, exchange{})
	if err != nil {
		t.Fatalf("dial %s: %v", addr, err)
	}
	t.Cleanup(c.drop)
	return c
}
