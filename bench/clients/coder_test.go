package clients

import (
	"context"
	"fmt"
	"testing"

	"github.com/coder/websocket"
)

func TestCoder(t *testing.T) {
	t.Parallel()
	runExchanges(t, echoServer.get(t).url("/"), dialCoder(websocket.CompressionDisabled))
}

func TestCoderCompressed(t *testing.T) {
	t.Parallel()
	runExchanges(t, echoServer.get(t).url("/"), dialCoder(websocket.CompressionContextTakeover))
}

// coder is a conversation through github.com/coder/websocket.
type coder struct {
	ctx  context.Context
	conn *websocket.Conn
}

func dialCoder(compression websocket.CompressionMode) dialer {
	return func(ctx context.Context, url string, x exchange) (conversation, error) {
		conn, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			Subprotocols:    x.Subprotocols,
			CompressionMode: compression,
		})
		noteAnswer(ctx, resp)
		if err != nil {
			return nil, err
		}
		conn.SetReadLimit(-1)
		return &coder{ctx: ctx, conn: conn}, nil
	}
}

var coderTypes = map[string]websocket.MessageType{"text": websocket.MessageText, "binary": websocket.MessageBinary}

// send makes each fragment one Write, which the library makes one frame; it ends the message
// with an empty frame.
func (c *coder) send(opcode string, payload []byte, fragment int) error {
	if fragment == 0 {
		return c.conn.Write(c.ctx, coderTypes[opcode], payload)
	}
	w, err := c.conn.Writer(c.ctx, coderTypes[opcode])
	if err != nil {
		return err
	}
	for _, piece := range cut(payload, fragment) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Close()
}

func (c *coder) receive() (string, []byte, error) {
	typ, payload, err := c.conn.Read(c.ctx)
	if code := websocket.CloseStatus(err); code != -1 {
		return "", nil, closedError(code)
	}
	if err != nil {
		return "", nil, err
	}
	if typ == websocket.MessageText {
		return "text", payload, nil
	}
	return "binary", payload, nil
}

// ping cannot choose the payload: the library sends one of its own and waits until the same
// comes back. It needs someone who reads meanwhile.
func (c *coder) ping([]byte) error {
	c.conn.CloseRead(c.ctx)
	return c.conn.Ping(c.ctx)
}

// close relies on the library, which compares the answer's code with the one that it sent.
func (c *coder) close(code int, reason string) (int, error) {
	err := c.conn.Close(websocket.StatusCode(code), reason)
	if answered := websocket.CloseStatus(err); answered != -1 {
		return int(answered), nil
	}
	if err != nil {
		return 0, fmt.Errorf("waiting for the close frame: %w", err)
	}
	return code, nil
}

func (c *coder) subprotocol() string { return c.conn.Subprotocol() }

func (c *coder) drop() { c.conn.CloseNow() }
