package rawpeer

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// exampleKey and the Sec-WebSocket-Accept in upgrade are the example of RFC 6455 1.3.
const (
	exampleKey = "dGhlIHNhbXBsZSBub25jZQ=="
	upgrade    = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)

func TestCheckUpgrade(t *testing.T) {
	for _, c := range []struct {
		name, reply, fault string
	}{
		{"good", upgrade, ""},
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "not 101"},
		{"HTTP/1.0", strings.Replace(upgrade, "1.1", "1.0", 1), "HTTP/1.1"},
		{"no Upgrade", strings.Replace(upgrade, "Upgrade: websocket\r\n", "", 1), "Upgrade field"},
		{"no Connection", strings.Replace(upgrade, "Connection: Upgrade\r\n", "", 1), "Connection field"},
		{"wrong accept", strings.Replace(upgrade, "s3p", "s3q", 1), "Accept"},
		{"accept twice", upgrade + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "Accept"},
		{"a body", upgrade + "Content-Length: 0\r\n", "Content-Length"},
		{"unasked subprotocol", upgrade + "Sec-WebSocket-Protocol: b\r\n", "subprotocol"},
		{"two subprotocols", upgrade + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", "subprotocols"},
		{"unasked extension", upgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\n", "extension"},
		{"asked for both", upgrade + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Extensions: x-mine; b=1\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := pipe(t, []byte(c.reply+"\r\n")).ReadResponse()
			if err != nil {
				t.Fatal(err)
			}
			err = resp.CheckUpgrade(Options{Key: exampleKey, Subprotocols: []string{"a"}, Extensions: "x-mine"})
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
		})
	}
}

func TestReadResponse(t *testing.T) {
	for _, c := range []struct {
		name, reply, body string
		fault             bool
	}{
		{name: "length", reply: "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nabc", body: "abc"},
		{name: "until the end", reply: "HTTP/1.1 400 Bad Request\r\n\r\nabc", body: "abc"},
		{name: "body cut", reply: "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nabc", fault: true},
		{name: "bare LF", reply: "HTTP/1.1 400 Bad Request\n\n", fault: true},
		{name: "bare CR", reply: "HTTP/1.1 400 Bad Request\r\nA: b\rc\r\n\r\n", fault: true},
		{name: "no version", reply: "400 Bad Request\r\n\r\n", fault: true},
		{name: "no space after the status", reply: "HTTP/1.1 400\r\n\r\n", fault: true},
		{name: "name not a token", reply: "HTTP/1.1 400 Bad Request\r\nA : b\r\n\r\n", fault: true},
		{name: "two lengths", reply: "HTTP/1.1 400 x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", fault: true},
		{name: "head cut", reply: "HTTP/1.1 400 Bad Request\r\nA: b\r\n", fault: true},
		{name: "endless head", reply: "HTTP/1.1 400 " + strings.Repeat("x", 1<<17), fault: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := pipe(t, []byte(c.reply)).ReadResponse()
			if (err != nil) != c.fault {
				t.Fatal(err)
			}
			if err == nil && string(resp.Body) != c.body {
				t.Errorf("body %q, want %q", resp.Body, c.body)
			}
		})
	}
	resp, err := pipe(t, []byte("HTTP/1.1 405 x\r\nContent-Length: 3\r\n\r\n")).ReadResponseTo("HEAD")
	if err != nil || len(resp.Body) > 0 {
		t.Errorf("to HEAD: %+v, %v", resp, err)
	}
	if _, err := pipe(t, nil).ReadResponse(); err != io.EOF {
		t.Errorf("nothing at all: %v", err)
	}
}

func TestRequest(t *testing.T) {
	r := NewRequest(Target{Host: "h:1", Path: "/p?q"}, exampleKey)
	const whole = "GET /p?q HTTP/1.1\r\nHost: h:1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nPragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\nSec-WebSocket-Key: " + exampleKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
	if got := string(r.Bytes()); got != whole {
		t.Errorf("got %q", got)
	}
	for _, c := range []struct{ name, got, want string }{
		{"replaced", string(r.With("upgrade", "Upgrade: a", "Upgrade: b").Bytes()), strings.Replace(whole, "WebSocket\r", "a\r\nUpgrade: b\r", 1)},
		{"left out", string(r.Without("Host").Bytes()), strings.Replace(whole, "Host: h:1\r\n", "", 1)},
		{"added", string(r.And("X: y").Bytes()), strings.Replace(whole, "13\r\n", "13\r\nX: y\r\n", 1)},
		{"added by name", string(r.With("X", "X: y").Bytes()), strings.Replace(whole, "13\r\n", "13\r\nX: y\r\n", 1)},
		{"unchanged", string(r.Bytes()), whole},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		s    string
		want Target // zero: an error
	}{
		{"ws://h:1", Target{"tcp", "h:1", "h:1", "/", nil}},
		{"ws://h/p?q=1", Target{"tcp", "h:80", "h", "/p?q=1", nil}},
		{"ws://[::1]:1/", Target{"tcp", "[::1]:1", "[::1]:1", "/", nil}},
		{"ws://[::1]", Target{"tcp", "[::1]:80", "[::1]", "/", nil}},
		{"unix:///a/b", Target{"unix", "/a/b", "localhost", "/", nil}},
		{"unix://a", Target{}},
		{"http://h", Target{}},
		{"ws://", Target{}},
		{"ws://h/#f", Target{}},
	} {
		got, err := ParseTarget(c.s, Trust{})
		if got != c.want || (err == nil) != (c.want != Target{}) {
			t.Errorf("%s: %+v, %v", c.s, got, err)
		}
	}
}

// TestEnds holds that the three ends of a connection are told apart on a real socket.
func TestEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		want   End
		finish func(*net.TCPConn)
		within time.Duration
	}{
		{EndFIN, func(c *net.TCPConn) { c.CloseWrite() }, 5 * time.Second},
		{EndReset, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, 5 * time.Second},
		{EndTimeout, func(*net.TCPConn) {}, 10 * time.Millisecond},
	} {
		t.Run(c.want.String(), func(t *testing.T) {
			conn := dial(t, "ws://"+l.Addr().String(), Trust{})
			defer conn.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			server.Write([]byte("rest"))
			c.finish(server.(*net.TCPConn))
			conn.Within(c.within)
			if end, err := conn.AwaitEnd(4); end != c.want || err != nil {
				t.Errorf("got %v, %v", end, err)
			}
		})
	}
	if _, err := EndOf(errors.New("other")); err == nil {
		t.Error("EndOf takes any error for an end")
	}
}
