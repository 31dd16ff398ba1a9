package bench

import (
	"bufio"
	"context"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
)

// peer is a server on net/http that shows every frame, control frames too.
type peer struct {
	url       string
	onMessage func(c *peerConn, m codec.Message)
}

// peerConn is one of its connections.
type peerConn struct {
	net.Conn
	mu sync.Mutex
}

func (c *peerConn) write(op codec.Opcode, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.Write(codec.AppendFrame(nil, op, p))
}

func newPeer(t *testing.T, onMessage func(c *peerConn, m codec.Message)) *peer {
	t.Helper()
	p := &peer{onMessage: onMessage}
	srv := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(srv.Close)
	p.url = strings.Replace(srv.URL, "http", "ws", 1) + "/"
	return p
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Sec-WebSocket-Accept", string(codec.AcceptKey([]byte(r.Header.Get("Sec-WebSocket-Key")))))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	p.frames(&peerConn{Conn: conn}, rw.Reader)
}

func (p *peer) frames(c *peerConn, br *bufio.Reader) {
	var d codec.Decoder
	d.Reset(&codec.DecoderConfig{Role: codec.Server, MaxMessage: math.MaxInt64, MaxFragments: 1 << 20, Buffers: heapBuffers{}})
	defer d.Release()
	buf := make([]byte, 64<<10)
	for {
		n, err := br.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:n]; ; {
			m, n, err := d.Decode(rest)
			if err != nil {
				return
			}
			if m.Opcode == codec.Continuation {
				break
			}
			rest = rest[n:]
			p.onMessage(c, m)
		}
	}
}

// heapBuffers lends buffers from the heap.
type heapBuffers struct{}

func (heapBuffers) Get() *codec.Buffer { return new(codec.Buffer) }
func (heapBuffers) Put(*codec.Buffer)  {}

// contextUntil returns a context that ends once ok holds, or after 10 s.
func contextUntil(t *testing.T, ok func() bool) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	go func() {
		defer cancel()
		for ctx.Err() == nil && !ok() {
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return ctx, cancel
}
