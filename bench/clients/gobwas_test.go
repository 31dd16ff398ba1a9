package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func TestGobwas(t *testing.T) {
	t.Parallel()
	runExchanges(t, echoServer.get(t).url("/"), dialGobwas)
}

// gobwas is a conversation through github.com/gobwas/ws, frame by frame.
type gobwas struct {
	net.Conn
	in     io.Reader
	chosen string
}

func dialGobwas(ctx context.Context, url string, x exchange) (conversation, error) {
	d := ws.Dialer{Protocols: x.Subprotocols}
	conn, buffered, handshake, err := d.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	g := &gobwas{Conn: conn, in: conn, chosen: handshake.Protocol}
	if buffered != nil { // the server's first frames came with its handshake
		g.in = buffered
	}
	return g, nil
}

var gobwasOpcodes = map[string]ws.OpCode{"text": ws.OpText, "binary": ws.OpBinary}

func (g *gobwas) send(opcode string, payload []byte, fragment int) error {
	pieces := cut(payload, fragment)
	for i, piece := range pieces {
		op := ws.OpContinuation
		if i == 0 {
			op = gobwasOpcodes[opcode]
		}
		frame := ws.NewFrame(op, i == len(pieces)-1, piece)
		if err := ws.WriteFrame(g.Conn, ws.MaskFrame(frame)); err != nil {
			return err
		}
	}
	return nil
}

// read returns the next message, data or control.
func (g *gobwas) read() (wsutil.Message, error) {
	messages, err := wsutil.ReadServerMessage(g.in, nil)
	if err != nil {
		return wsutil.Message{}, err
	}
	m := messages[0]
	if m.OpCode == ws.OpClose {
		code, _ := ws.ParseCloseFrameData(m.Payload)
		return wsutil.Message{}, closedError(code)
	}
	return m, nil
}

func (g *gobwas) receive() (string, []byte, error) {
	m, err := g.read()
	switch {
	case err != nil:
		return "", nil, err
	case m.OpCode == ws.OpText:
		return "text", m.Payload, nil
	case m.OpCode == ws.OpBinary:
		return "binary", m.Payload, nil
	}
	return "", nil, fmt.Errorf("received opcode %d", m.OpCode)
}

// ping takes nothing but the pong: no data message may come before it.
func (g *gobwas) ping(payload []byte) error {
	if err := ws.WriteFrame(g.Conn, ws.MaskFrame(ws.NewPingFrame(payload))); err != nil {
		return err
	}
	m, err := g.read()
	if err != nil {
		return fmt.Errorf("waiting for the pong: %w", err)
	}
	if m.OpCode != ws.OpPong || !bytes.Equal(m.Payload, payload) {
		return fmt.Errorf("received opcode %d with %.40q, want a pong with %.40q", m.OpCode, m.Payload, payload)
	}
	return nil
}

// close also expects that the server, and not the client, ends the TCP connection after the
// closing handshake (RFC 6455, section 7.1.1).
func (g *gobwas) close(code int, reason string) (int, error) {
	body := ws.NewCloseFrameBody(ws.StatusCode(code), reason)
	if err := ws.WriteFrame(g.Conn, ws.MaskFrame(ws.NewCloseFrame(body))); err != nil {
		return 0, err
	}
	_, err := g.read()
	closed := closedError(0)
	if !errors.As(err, &closed) {
		return 0, fmt.Errorf("waiting for the close frame: %w", err)
	}
	if n, err := g.in.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return 0, fmt.Errorf("after the close frame: read %d octets and %w, want the end of the connection", n, err)
	}
	return int(closed), nil
}

func (g *gobwas) subprotocol() string { return g.chosen }

func (g *gobwas) drop() { g.Conn.Close() }
