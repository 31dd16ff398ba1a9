package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

func TestPathTopic(t *testing.T) {
	for _, row := range []struct {
		path, topic string
		ok          bool
	}{
		{"/", "", true},
		{"/rooms", "rooms", true},
		{"/rooms/a", "rooms.a", true},
		{"/r%C3%A4ume/%61", "räume.a", true},
		{"/a+b", "a+b", true},
		{"", "", false},
		{"//", "", false},
		{"/rooms/", "", false},
		{"/rooms//a", "", false},
		{"/rooms.a", "", false},
		{"/rooms/..", "", false},
		{"/rooms%2Ea", "", false},
		{"/rooms%2Fa", "", false},
		{"/rooms/*", "", false},
		{"/rooms/%3E", "", false},
		{"/a%20b", "", false},
		{"/a%00", "", false},
		{"/a%FF", "", false},
		{"/a%", "", false},
		{"/" + strings.Repeat("x", 255), strings.Repeat("x", 255), true},
		{"/" + strings.Repeat("x", 256), "", false},
	} {
		if topic, ok := pathTopic(row.path); ok != row.ok || ok && topic != row.topic {
			t.Errorf("%q is %q, %v", row.path, topic, ok)
		}
	}
}

// ask sends a request and checks what is heard next.
func ask(t *testing.T, c *reactor.Conn, l *listener, request string, want ...string) {
	t.Helper()
	if err := c.WriteText(request); err != nil {
		t.Fatal(err)
	}
	for _, want := range want {
		if got := within(t, l.heard); got != want {
			t.Fatalf("%s: heard %s, want %s", request, got, want)
		}
	}
}

func TestTopicsProtocol(t *testing.T) {
	connect := startApp(t, &topics{})
	c, l := connect("/")
	const unknown = `there are subscribe, unsubscribe, publish and presence"}`
	for _, row := range []struct{ request, answer string }{
		{`{"id":1,"op":"subscribe","topic":"rooms.*"}`, `{"id":1,"ok":true}`},
		{`{"id":2,"op":"presence","topic":"rooms.a"}`, `{"id":2,"ok":true,"subscribers":1}`},
		{`{"id":"p","op":"presence","topic":"rooms.*"}`, `{"id":"p","error":"malformed topic or pattern"}`},
		{`{"id":3,"op":"unsubscribe","topic":"rooms.*"}`, `{"id":3,"ok":true}`},
		{`{"id":4,"op":"presence","topic":"rooms.a"}`, `{"id":4,"ok":true,"subscribers":0}`},
		{`{"id":5,"op":"subscribe","topic":"rooms..a"}`, `{"id":5,"error":"malformed topic or pattern"}`},
		{`{"id":6,"op":"subscribe"}`, `{"id":6,"error":"malformed topic or pattern"}`},
		{`{"id":7,"op":"unsubscribe","topic":"a b"}`, `{"id":7,"error":"malformed topic or pattern"}`},
		{`{"id":8,"op":"publish","topic":"rooms.*","data":1}`, `{"id":8,"error":"malformed topic or pattern"}`},
		{`{"id":9,"op":"publish","topic":"rooms.a"}`, `{"id":9,"error":"publish needs data"}`},
		{`{"id":10,"op":"publish","topic":"nobody","data":null}`, `{"id":10,"ok":true}`},
		{`{"id":11,"op":"dance"}`, `{"id":11,"error":"unknown op \"dance\"; ` + unknown},
		{`{"op":"dance"}`, `{"error":"unknown op \"dance\"; ` + unknown},
		{`{"id":12}`, `{"id":12,"error":"unknown op \"\"; ` + unknown},
		{`{"id":[],"op":"subscribe","topic":"x"}`, `{"error":"an id is a string or a number, of at most 64 bytes"}`},
		{`hello world!`, `{"error":"not JSON"}`},
		{`[]`, `{"error":"a request is a JSON object, with strings for op and topic"}`},
	} {
		ask(t, c, l, row.request, row.answer)
	}
	if err := c.WriteMessage(codec.Binary, []byte(`{"id":1,"op":"subscribe","topic":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if got := within(t, l.heard); got != `{"error":"requests are text messages"}` {
		t.Errorf("a binary request: %s", got)
	}
	// Without an id only errors are answered, and after all that the connection is as good as before.
	ask(t, c, l, `{"op":"subscribe","topic":"x"}`)
	ask(t, c, l, `{"op":"publish","topic":"x","data":"end"}`, `{"topic":"x","data":"end"}`)
}

// TestTopicsPublish: all subscribers hear, the publisher too, once for each pattern that matches.
func TestTopicsPublish(t *testing.T) {
	connect := startApp(t, &topics{})
	a, atA := connect("/rooms/a")
	b, atB := connect("/rooms/b")
	both, atBoth := connect("/")
	ask(t, both, atBoth, `{"id":1,"op":"subscribe","topic":"rooms.*"}`, `{"id":1,"ok":true}`)
	ask(t, both, atBoth, `{"id":2,"op":"subscribe","topic":">"}`, `{"id":2,"ok":true}`)
	ask(t, both, atBoth, `{"id":3,"op":"presence","topic":"rooms.a"}`, `{"id":3,"ok":true,"subscribers":3}`)

	const toA, toB = `{"topic":"rooms.a","data":{"say": "hällo", "n": [1, 2]}}`, `{"topic":"rooms.b","data":"bye"}`
	ask(t, a, atA, `{"op":"publish","topic":"rooms.a","data":{"say": "hällo", "n": [1, 2]}}`, toA)
	ask(t, b, atB, `{"op":"publish","topic":"rooms.b","data":"bye"}`, toB)
	heard := map[string]int{}
	for range 4 {
		heard[within(t, atBoth.heard)]++
	}
	if heard[toA] != 2 || heard[toB] != 2 {
		t.Errorf("who has subscribed twice heard %v", heard)
	}
}

func TestTopicsPathRefused(t *testing.T) {
	app := &topics{}
	srv := &reactor.Server{Handler: app}
	app.setup(srv)
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	client := &reactor.Client{}
	defer client.Close()
	_, err := client.Dial(t.Context(), "ws://"+srv.Addrs()[0].String()+"/rooms.a", reactor.NopHandler{}, nil)
	var refused *codec.HandshakeError
	if !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("the path /rooms.a: %v", err)
	}
}

func TestTopicsManySubscriptions(t *testing.T) {
	connect := startApp(t, &topics{})
	c, l := connect("/")
	for i := range 1025 {
		if err := c.WriteText(fmt.Sprintf(`{"op":"subscribe","topic":"t.%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := within(t, l.heard); got != `{"error":"the connection has too many subscriptions"}` {
		t.Errorf("heard %s", got)
	}
}

// TestTopicsSlowReader: a client that does not read is told with 1013 that it has missed something.
func TestTopicsSlowReader(t *testing.T) {
	app := &topics{}
	startApp(t, app)
	c, err := net.Dial("tcp", app.srv.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /much HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the subscription", func() bool { return app.srv.Subscribers("much") == 1 })
	data := appendString(nil, strings.Repeat("x", 64<<10))
	eventually(t, "the end of the slow reader", func() bool {
		_ = app.publish("much", "", data)
		return app.srv.TopicStats().SlowClosed == 1
	})
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(c)
	if _, err := in.ReadString('x'); err != nil { // the first message; nothing but x is in any
		t.Fatal(err)
	}
	if _, err := in.ReadString('\x88'); err != nil { // FIN and the opcode of a close frame (RFC 6455 5.2)
		t.Fatalf("no close frame: %v", err)
	}
	closing := make([]byte, 3)
	if _, err := io.ReadFull(in, closing); err != nil || binary.BigEndian.Uint16(closing[1:]) != uint16(codec.CloseTryAgainLater) {
		t.Errorf("closed with % x, %v", closing, err)
	}
}
