package reactor

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// patience is how long tests wait for what must come.
const patience = 20 * time.Second

// sampleKey is the key of RFC 6455 1.2, sampleAccept its answer.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// echo is the handler of most tests.
var echo = HandlerFunc(func(c *Conn, m codec.Message) { _ = c.WriteMessage(m.Opcode, m.Payload) })

// quiet is the logger of tests that do not look into the log.
var quiet = slog.New(slog.DiscardHandler)

// serve starts srv, with the echo handler unless it has one, and returns its address.
func serve(t testing.TB, srv *Server) (addr string) {
	t.Helper()
	if srv.Handler == nil {
		srv.Handler = echo
	}
	if srv.Logger == nil {
		srv.Logger = quiet
	}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv.Addrs()[0].String()
}

// request is a good opening request with more lines.
func request(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n" +
		strings.Join(append(lines, "", ""), "\r\n")
}

// rawClient is a TCP connection to a server, for tests of what exactly goes over the wire. Its methods
// speak through out and in, beneath which there may be TLS.
type rawClient struct {
	*net.TCPConn
	t   testing.TB
	in  *bufio.Reader
	out io.Writer
}

// dialRaw opens a TCP connection and sends nothing.
func dialRaw(t testing.TB, addr string) *rawClient {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return newRawClient(t, conn.(*net.TCPConn))
}

func newRawClient(t testing.TB, conn *net.TCPConn) *rawClient {
	return &rawClient{conn, t, bufio.NewReaderSize(conn, 64<<10), conn}
}

// open opens a WebSocket connection.
func open(t testing.TB, addr string) *rawClient {
	t.Helper()
	r := dialRaw(t, addr)
	r.upgrade()
	return r
}

// upgrade does the opening handshake.
func (r *rawClient) upgrade() {
	r.t.Helper()
	r.send(request())
	if head := r.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		r.t.Fatalf("the server answered %q", head)
	}
}

// send writes the bytes of all parts in one write.
func (r *rawClient) send(parts ...string) {
	r.t.Helper()
	if _, err := io.WriteString(r.out, strings.Join(parts, "")); err != nil {
		r.t.Fatal(err)
	}
}

// head reads the head of an HTTP response.
func (r *rawClient) head() string {
	r.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := r.in.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			r.t.Fatalf("after %q: %v", b.String(), err)
		}
	}
	return b.String()
}

// response reads an HTTP response to the end of the connection, which must be a FIN.
func (r *rawClient) response() (head, body string) {
	r.t.Helper()
	head = r.head()
	b, err := io.ReadAll(r.in)
	if err != nil {
		r.t.Fatalf("after %q: %v", head, err)
	}
	return head, string(b)
}

// next reads a frame, which must be whole, not masked, and minimally encoded.
func (r *rawClient) next() (op codec.Opcode, payload string, err error) {
	b0, payload, err := r.nextFrame()
	if err == nil && b0&0xF0 != 0x80 {
		return 0, "", errors.New("not a whole frame of a server")
	}
	return codec.Opcode(b0 & 0xF), payload, err
}

// nextFrame reads a frame, whole or not, and returns its first byte.
func (r *rawClient) nextFrame() (b0 byte, payload string, err error) {
	var h [8]byte
	if _, err = io.ReadFull(r.in, h[:2]); err != nil {
		return 0, "", err
	}
	b0 = h[0]
	length := uint64(h[1])
	switch length {
	case 126:
		_, err = io.ReadFull(r.in, h[:2])
		length = uint64(binary.BigEndian.Uint16(h[:]))
	case 127:
		_, err = io.ReadFull(r.in, h[:8])
		length = binary.BigEndian.Uint64(h[:])
	}
	if err != nil {
		return 0, "", err
	}
	if length > 64<<20 {
		return 0, "", errors.New("not a frame of a server")
	}
	p := make([]byte, length)
	if _, err = io.ReadFull(r.in, p); err != nil {
		return 0, "", err
	}
	return b0, string(p), nil
}

// want reads a frame and compares it.
func (r *rawClient) want(op codec.Opcode, payload string) {
	r.t.Helper()
	gotOp, got, err := r.next()
	if err != nil {
		r.t.Fatalf("instead of %v %.40q: %v", op, payload, err)
	}
	if gotOp != op || got != payload {
		r.t.Fatalf("got %v %.40q (%d bytes), want %v %.40q (%d bytes)", gotOp, got, len(got), op, payload, len(payload))
	}
}

// wantClose reads a close frame with the code, after which there must be nothing but a FIN.
func (r *rawClient) wantClose(code codec.CloseCode) (reason string) {
	r.t.Helper()
	reason = r.wantCloseFrame(code)
	r.wantEOF()
	return reason
}

// wantCloseFrame reads a close frame with the code.
func (r *rawClient) wantCloseFrame(code codec.CloseCode) (reason string) {
	r.t.Helper()
	op, p, err := r.next()
	if err != nil {
		r.t.Fatalf("instead of a close frame: %v", err)
	}
	got, why, err := codec.ParseClose([]byte(p))
	if op != codec.Close || err != nil || got != code {
		r.t.Fatalf("got %v %.40q, want a close frame with %v", op, p, code)
	}
	return string(why)
}

// wantEOF checks that the server sends a FIN and nothing before it.
func (r *rawClient) wantEOF() {
	r.t.Helper()
	if b, err := io.ReadAll(r.in); err != nil || len(b) > 0 {
		r.t.Fatalf("got % x and %v, want the end", b[:min(len(b), 64)], err)
	}
}

// reset closes the connection with RST.
func (r *rawClient) reset() {
	_ = r.SetLinger(0)
	_ = r.Close()
}

// end waits for the connection to end in whatever way.
func (r *rawClient) end() {
	r.t.Helper()
	_, err := io.Copy(io.Discard, r.in)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		r.t.Fatal("the connection does not end")
	}
}

// frame is a masked frame with FIN, as a client sends it.
func frame(op codec.Opcode, payload string) string {
	return string(codec.AppendMaskedFrame(nil, op, []byte(payload), 0x12345678))
}

// text is a masked text frame.
func text(payload string) string { return frame(codec.Text, payload) }

// closeFrame is a masked close frame.
func closeFrame(code codec.CloseCode, reason string) string {
	return frame(codec.Close, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// first changes the first byte of a frame: FIN, RSV and the opcode.
func first(b byte, frame string) string { return string([]byte{b}) + frame[1:] }

// probe is a server's handler that tells what happens and runs the test's code.
type probe struct {
	opened    chan *Conn
	closed    chan error
	onOpen    func(*Conn)
	onMessage func(*Conn, codec.Message)
}

func newProbe() *probe {
	return &probe{opened: make(chan *Conn, 8192), closed: make(chan error, 8192), onMessage: echo.OnMessage}
}

func (h *probe) OnOpen(c *Conn) {
	if h.onOpen != nil {
		h.onOpen(c)
	}
	h.opened <- c
}

func (h *probe) OnMessage(c *Conn, m codec.Message) { h.onMessage(c, m) }

func (h *probe) OnClose(_ *Conn, err error) { h.closed <- err }

// wantClosed checks what OnClose is given.
func (h *probe) wantClosed(t *testing.T, code codec.CloseCode, remote bool) *codec.CloseError {
	t.Helper()
	err := within(t, h.closed)
	var ce *codec.CloseError
	if !errors.As(err, &ce) || ce.Code != code || ce.Remote != remote {
		t.Fatalf("OnClose got %v (%T), want %v, remote %v", err, err, code, remote)
	}
	return ce
}

// eventually polls a condition until it holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
