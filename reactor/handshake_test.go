package reactor

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// refusals are requests that break one rule each, with the status and a part of the text of the reply.
var refusals = []struct {
	rule    string
	request string
	status  int
	text    string
}{
	{"RFC 9112 3: request line", "BREW\r\n\r\n", 400, "request line"},
	{"RFC 9112 2.2: CR LF", "GET / HTTP/1.1\nHost: a\n\n", 400, "bare LF"},
	{"RFC 9112 2.3: version", strings.Replace(request(), "HTTP/1.1", "HTTP/2.0", 1), 505, "HTTP/1.1"},
	{"RFC 9112 3.2: Host", strings.Replace(request(), "Host: example.com\r\n", "", 1), 400, "Host"},
	{"RFC 9112 5.1: space before the colon", request("X : y"), 400, "colon"},
	{"RFC 9112 6.1: transfer coding", request("Transfer-Encoding: chunked"), 501, "Transfer-Encoding"},
	{"RFC 9112 6.3: body", request("Content-Length: 3") + "abc", 413, "body"},
	{"RFC 9110 9.1: unknown method", strings.Replace(request(), "GET", "FETCH", 1), 501, "method"},
	{"RFC 6455 4.2.1, 1: GET", strings.Replace(request(), "GET", "POST", 1), 405, "GET"},
	{"RFC 6455 4.2.1, 3: Upgrade", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "WebSocket only"},
	{"RFC 6455 4.2.1, 4: Connection", strings.Replace(request(), "Connection: Upgrade", "Connection: close", 1), 400, "Connection"},
	{"RFC 6455 4.2.1, 5: key", strings.Replace(request(), sampleKey, "short", 1), 400, "Sec-WebSocket-Key"},
	{"RFC 6455 11.3.1: one key", request("Sec-WebSocket-Key: " + sampleKey), 400, "Sec-WebSocket-Key"},
	{"RFC 6455 4.2.1, 6: version", strings.Replace(request(), "Version: 13", "Version: 8", 1), 426, "13"},
	{"RFC 6455 11.3.5: one version", request("Sec-WebSocket-Version: 13"), 400, "Sec-WebSocket-Version"},
	{"RFC 6455 4.1, 10: subprotocols", request("Sec-WebSocket-Protocol: a, a"), 400, "twice"},
	{"RFC 6455 9.1: extensions", request("Sec-WebSocket-Extensions: ;"), 400, "Sec-WebSocket-Extensions"},
	{"RFC 6454 7.3: one origin", request("Origin: http://example.com", "Origin: http://example.com"), 400, "Origin"},
	{"RFC 6455 10.2: origin", request("Origin: http://elsewhere.example"), 403, "origin"},
	{"limit: request line", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\n\r\n", 414, "request target"},
	{"limit: field line", request("X: " + strings.Repeat("a", 9000)), 431, "field"},
	{"limit: fields", request(strings.Split(strings.Repeat("A: b,", 120), ",")[:120]...), 431, "fields"},
	{"limit: head", request("A: "+strings.Repeat("a", 7000), "B: "+strings.Repeat("a", 7000), "C: "+strings.Repeat("a", 7000)), 431, "head"},
}

// TestRefusals checks that a client gets to read why it is refused, whatever it goes on to send: the
// connection ends with a FIN and not a RST, though there is input that nobody wants.
func TestRefusals(t *testing.T) {
	h := newProbe()
	addr := serve(t, &Server{Handler: h})
	for _, tt := range refusals {
		t.Run(tt.rule, func(t *testing.T) {
			r := dialRaw(t, addr)
			r.send(tt.request, text("unread"), strings.Repeat("unread", 1000))
			head := r.head()
			r.send("still unread")
			body := readAll(t, r)
			if !strings.HasPrefix(head, "HTTP/1.1 "+strconv.Itoa(tt.status)+" ") || !strings.Contains(body, tt.text) {
				t.Errorf("got %q with %q", head, body)
			}
			wantField(t, head, "Content-Length", strconv.Itoa(len(body)))
			if tt.status == 426 {
				wantField(t, head, "Connection", "close, Upgrade")
				wantField(t, head, "Upgrade", "websocket")
			} else {
				wantField(t, head, "Connection", "close")
			}
		})
	}
	if len(h.opened)+len(h.closed) > 0 {
		t.Error("the handler was called for a request that was refused")
	}
}

// readAll reads to the FIN.
func readAll(t *testing.T, r *rawClient) string {
	t.Helper()
	b, err := io.ReadAll(r.in)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

func wantField(t *testing.T, head, name, value string) {
	t.Helper()
	if !strings.Contains(head, "\r\n"+name+": "+value+"\r\n") {
		t.Errorf("no field %s: %s in %q", name, value, head)
	}
}

// RFC 6455 4.4: the version that would be understood is named.
func TestRefusalNamesVersion(t *testing.T) {
	r := dialRaw(t, serve(t, &Server{}))
	r.send(strings.Replace(request(), "Version: 13", "Version: 8", 1))
	head, _ := r.response()
	wantField(t, head, "Sec-WebSocket-Version", "13")
}

// RFC 9110 9.3.2: a response to HEAD has no content.
func TestRefusalOfHead(t *testing.T) {
	page := func(*codec.Request) *Page { return nil }
	for _, srv := range []*Server{{}, {Page: page}} {
		r := dialRaw(t, serve(t, srv))
		r.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if head, body := r.response(); !strings.HasPrefix(head, "HTTP/1.1 4") || body != "" {
			t.Errorf("got %q with %q", head, body)
		}
	}
}

// The handshakes of RFC 6455 1.2 and of a browser.
func TestHandshakeSamples(t *testing.T) {
	addr := serve(t, &Server{Origins: []string{"http://example.com", "null"}, Subprotocols: []string{"superchat"}})
	for _, tt := range []struct{ name, request, want string }{
		{
			"RFC 6455 1.2",
			"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Key: " + sampleKey + "\r\nOrigin: http://example.com\r\n" +
				"Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n",
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Accept: " + sampleAccept + "\r\nSec-WebSocket-Protocol: superchat\r\n\r\n",
		},
		{
			"Firefox 44",
			"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" +
				"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:44.0) Gecko/20100101 Firefox/44.0\r\n" +
				"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
				"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n" +
				"Sec-WebSocket-Version: 13\r\nOrigin: null\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" +
				"Sec-WebSocket-Key: BE/bv0JO2wBVnABhxQO5kQ==\r\nConnection: keep-alive, Upgrade\r\n" +
				"Pragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n",
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Accept: qBPI+1rPa4lNhVJ0cztOjbvugAQ=\r\n\r\n",
		},
	} {
		r := dialRaw(t, addr)
		r.send(tt.request, text("behind the head in the same segment"))
		if head := r.head(); head != tt.want {
			t.Errorf("%s: got %q", tt.name, head)
		}
		r.want(codec.Text, "behind the head in the same segment")
	}
}

func TestHandshakeByteByByte(t *testing.T) {
	s := newStand(t, &Server{})
	whole := request() + text("hello") + closeFrame(1000, "")
	for i := range len(whole) {
		s.arrive(whole[i : i+1])
	}
	s.wantOut(string(mustUpgrade(t)), unmasked(codec.Text, "hello"), unmasked(codec.Close, "\x03\xE8"))
}

func TestHandshakeDribbled(t *testing.T) {
	h := newProbe()
	r := dialRaw(t, serve(t, &Server{Handler: h}))
	inPieces(r, request()+text("hello")+closeFrame(1000, ""))
	wantField(t, r.head(), "Sec-WebSocket-Accept", sampleAccept)
	r.want(codec.Text, "hello")
	r.wantClose(1000)
}

// TestHandshakePiecesApart checks that requests which arrive in pieces, on connections of one loop, do not
// get into each other: the fields of one are not read at the offsets of another's.
func TestHandshakePiecesApart(t *testing.T) {
	addr := serve(t, &Server{Loops: 1})
	whole := request("X-Last: field")
	slow := dialRaw(t, addr)
	slow.send(whole[:len(whole)-10])
	open(t, addr) // answered, so the first piece has been read too
	other := dialRaw(t, addr)
	other.send("GET /a/longer/path HTTP/1.1\r\nA: b\r\nHost: a\r\nC: d\r\nE: f\r\nG: h\r\n\r\n")
	if head := other.head(); !strings.HasPrefix(head, "HTTP/1.1 426 ") {
		t.Errorf("the other request was answered %q", head)
	}
	slow.send(whole[len(whole)-10:])
	if head := slow.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, sampleAccept) {
		t.Errorf("the request in pieces was answered %q", head)
	}
}

// The pieces of a head go back to their pool before the application hears of the connection, since
// it may write to it from other goroutines from then on.
func TestHandshakePiecesGivenBack(t *testing.T) {
	h := newProbe()
	held := make(chan bool, 1)
	h.onOpen = func(c *Conn) { held <- c.rare != nil && c.rare.handshake != nil }
	addr := serve(t, &Server{Handler: h})
	r := dialRaw(t, addr)
	inPieces(r, request())
	if within(t, held) {
		t.Error("OnOpen was called while the head was still held")
	}
}

// inPieces sends s byte by byte.
func inPieces(r *rawClient, s string) {
	r.t.Helper()
	_ = r.SetNoDelay(true)
	for i := range len(s) {
		r.send(s[i : i+1])
	}
}

// They go back as well when the connection ends before its head is whole.
func TestHandshakePiecesGivenBackAtTheEnd(t *testing.T) {
	s := newStand(t, &Server{})
	s.arrive(request()[:50])
	if s.c.rare == nil || s.c.rare.handshake == nil {
		t.Fatal("the first piece is not kept")
	}
	_ = s.l.events.Close(s.c.socket)
	if s.c.rare.handshake != nil {
		t.Error("the first piece is still held")
	}
}

func TestHandshakeAbandoned(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h}
	addr := serve(t, srv)
	for i := range 3 {
		r := dialRaw(t, addr)
		r.send(request()[:40*i])
		eventually(t, "the connection is counted", func() bool { return srv.Conns() == 1 })
		if i == 2 {
			r.reset()
		} else {
			_ = r.Close()
		}
		eventually(t, "the connection is gone", func() bool { return srv.Conns() == 0 })
	}
	if len(h.opened)+len(h.closed) > 0 {
		t.Error("the handler was called for a connection that never opened")
	}
}

func TestHandshakeTimeout(t *testing.T) {
	addr := serve(t, &Server{HandshakeTimeout: 300 * time.Millisecond})
	for _, part := range []string{"", "GET / HT", request()[:100]} {
		r := dialRaw(t, addr)
		r.send(part)
		head, body := r.response()
		if !strings.HasPrefix(head, "HTTP/1.1 408 ") || !strings.Contains(body, "in time") {
			t.Errorf("got %q with %q", head, body)
		}
	}
}
