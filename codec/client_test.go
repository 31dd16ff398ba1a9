package codec

import (
	"strings"
	"testing"
)

func TestAppendRequest(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	for _, row := range []struct {
		rule string
		u    ClientUpgrade
		want string
	}{
		{
			"least",
			ClientUpgrade{Host: "a", Key: key},
			"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n\r\n",
		},
		{
			"all",
			ClientUpgrade{
				Host: "[::1]:9001", Target: "/chat?room=1", Key: key, Origin: "http://example.com",
				Protocols: []string{"chat", "superchat"}, Extensions: "permessage-deflate; client_max_window_bits",
				Fields: []Field{{"Cookie", "a=b"}},
			},
			"GET /chat?room=1 HTTP/1.1\r\nHost: [::1]:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n" +
				"Sec-WebSocket-Protocol: chat, superchat\r\n" +
				"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nCookie: a=b\r\n\r\n",
		},
	} {
		got, err := AppendRequest([]byte("x"), &row.u)
		if err != nil || string(got) != "x"+row.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", row.rule, err, got, row.want)
			continue
		}
		if err := parseRequest(t, string(got[1:])).CheckUpgrade(); err != nil {
			t.Errorf("%s: the server says %v", row.rule, err)
		}
	}
}

func TestAppendRequestRefuses(t *testing.T) {
	good := func(change func(u *ClientUpgrade)) ClientUpgrade {
		u := ClientUpgrade{Host: "a", Key: "dGhlIHNhbXBsZSBub25jZQ=="}
		change(&u)
		return u
	}
	field := func(name, value string) ClientUpgrade {
		return good(func(u *ClientUpgrade) { u.Fields = []Field{{name, value}} })
	}
	target := func(s string) ClientUpgrade { return good(func(u *ClientUpgrade) { u.Target = s }) }
	protocols := func(s ...string) ClientUpgrade { return good(func(u *ClientUpgrade) { u.Protocols = s }) }
	for _, row := range []struct {
		rule string
		u    ClientUpgrade
		want *HandshakeError
	}{
		{"no host", good(func(u *ClientUpgrade) { u.Host = "" }), errClientHost},
		{"host with a line", good(func(u *ClientUpgrade) { u.Host = "a\r\nX: y" }), errClientHost},
		{"host with a path", good(func(u *ClientUpgrade) { u.Host = "a/b" }), errClientHost},
		{"target without a slash", target("a"), errClientTarget},
		{"target with a space", target("/a HTTP/1.1"), errClientTarget},
		{"target with a line", target("/ HTTP/1.1\r\nX: y"), errClientTarget},
		{"target with CR", target("/\r"), errClientTarget},
		{"target with obs-text", target("/\xe9"), errClientTarget},
		{"target with a fragment", target("/#a"), errClientTarget},
		{"target with half an escape", target("/%4"), errClientTarget},
		{"target in absolute-form", target("http://a/"), errClientTarget},
		{"target too long", target("/" + strings.Repeat("a", 65535)), errClientTarget},
		{"target asterisk", target("*"), errClientTarget},
		{"no key", good(func(u *ClientUpgrade) { u.Key = "" }), errClientKey},
		{"key with a line", good(func(u *ClientUpgrade) { u.Key = "dGhlIHNhbXBsZSBub2\r\nZQ==" }), errClientKey},
		{"origin with a line", good(func(u *ClientUpgrade) { u.Origin = "http://a\r\nX: y" }), errClientOrigin},
		{"origin with a path", good(func(u *ClientUpgrade) { u.Origin = "http://a/" }), errClientOrigin},
		{"protocol empty", protocols("a", ""), errClientProtocol},
		{"protocol with a comma", protocols("a,b"), errClientProtocol},
		{"protocol with a line", protocols("a\r\nX: y"), errClientProtocol},
		{"protocol twice", protocols("a", "b", "a"), errClientProtocol},
		{"extensions malformed", good(func(u *ClientUpgrade) { u.Extensions = "a;" }), errClientExtensions},
		{"extensions with a line", good(func(u *ClientUpgrade) { u.Extensions = "a\r\nX: y" }), errClientExtensions},
		{"extensions after white space", good(func(u *ClientUpgrade) { u.Extensions = " a" }), errClientExtensions},
		{"field name", field("X Y", "a"), errClientField},
		{"field value", field("X", "a\r\nY: b"), errClientField},
		{"Host", field("HOST", "b"), errClientField},
		{"Origin", field("origin", "null"), errClientField},
		{"Upgrade", field("Upgrade", "h2c"), errClientField},
		{"Connection", field("Connection", "close"), errClientField},
		{"Content-Length", field("Content-Length", "0"), errClientField},
		{"Transfer-Encoding", field("Transfer-Encoding", "chunked"), errClientField},
		{"Sec-WebSocket-*", field("Sec-WebSocket-Key", "a"), errClientField},
	} {
		got, err := AppendRequest([]byte("before"), &row.u)
		if err == nil || handshakeError(t, err) != row.want || row.want.Status != 0 || string(got) != "before" {
			t.Errorf("%s: %q, %v; want an unchanged slice and %v", row.rule, got, err, row.want)
		}
	}
	u := good(func(u *ClientUpgrade) { u.Origin = "null" })
	if _, err := AppendRequest(nil, &u); err != nil {
		t.Errorf("an Origin of null: %v", err)
	}
}

func TestResponseCheckUpgrade(t *testing.T) {
	u := &ClientUpgrade{
		Key: "dGhlIHNhbXBsZSBub25jZQ==", Protocols: []string{"chat", "superchat"},
		Extensions: "permessage-deflate; client_max_window_bits, x-other",
	}
	// Each row puts the second string of a pair in place of the first in the RFC's response.
	for _, row := range []struct {
		rule                 string
		old, new             string
		protocol, extensions string
		status               int
		want                 string
	}{
		{rule: "good", protocol: "chat"},
		{rule: "no subprotocol", old: "Sec-WebSocket-Protocol: chat\r\n"},
		{rule: "names in other cases", old: "Upgrade: websocket\r\nConnection: Upgrade", new: "upgrade: WebSocket\r\nCONNECTION: x, upgrade", protocol: "chat"},
		{
			rule: "extensions", old: "\r\n\r\n", new: "\r\nSec-WebSocket-Extensions: x-other, permessage-deflate;a=1\r\n\r\n",
			protocol: "chat", extensions: "x-other, permessage-deflate;a=1",
		},
		{rule: "status 200", old: "101 Switching Protocols", new: "200 OK", status: 200, want: `The server answered 200 "OK" instead of 101 Switching Protocols.`},
		{rule: "status 403", old: "101 Switching Protocols", new: "403 No\t\xe9", status: 403, want: `The server answered 403 "No\t\xe9" instead of 101 Switching Protocols.`},
		{rule: "interim", old: "101 Switching Protocols", new: "103 ", status: 103, want: `The server answered 103 "" instead of 101 Switching Protocols.`},
		{rule: "HTTP/1.0", old: "HTTP/1.1", new: "HTTP/1.0", want: errReplyVersion.Text},
		{rule: "no Upgrade", old: "Upgrade: websocket\r\n", want: errReplyUpgrade.Text},
		{rule: "Upgrade list", old: "Upgrade: websocket", new: "Upgrade: websocket, h2c", want: errReplyUpgrade.Text},
		{rule: "Upgrade twice", old: "Upgrade: websocket", new: "Upgrade: websocket\r\nUpgrade: websocket", want: errReplyUpgrade.Text},
		{rule: "Upgrade to another", old: "Upgrade: websocket", new: "Upgrade: h2c", want: errReplyUpgrade.Text},
		{rule: "no Connection", old: "Connection: Upgrade\r\n", want: errReplyConnection.Text},
		{rule: "Connection without Upgrade", old: "Connection: Upgrade", new: "Connection: close", want: errReplyConnection.Text},
		{rule: "no accept", old: "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", want: errReplyAccept.Text},
		{rule: "accept of another key", old: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", new: "qBPI+1rPa4lNhVJ0cztOjbvugAQ=", want: errReplyAccept.Text},
		{rule: "accept in another case", old: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", new: "S3PPLMBITXAQ9KYGZZHZRBK+XOO=", want: errReplyAccept.Text},
		{rule: "accept cut short", old: "xOo=", new: "xOo", want: errReplyAccept.Text},
		{rule: "accept twice", old: "Connection", new: "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection", want: errReplyAccept.Text},
		{rule: "subprotocol not offered", old: ": chat", new: ": other", want: errReplyNotOffered.Text},
		{rule: "subprotocol in another case", old: ": chat", new: ": Chat", want: errReplyNotOffered.Text},
		{rule: "subprotocol empty", old: ": chat", new: ":", want: errReplyNotOffered.Text},
		{rule: "subprotocol list", old: ": chat", new: ": chat, superchat", want: errReplyNotOffered.Text},
		{rule: "subprotocol twice", old: ": chat", new: ": chat\r\nSec-WebSocket-Protocol: chat", want: errReplyNotOffered.Text},
		{rule: "extension not offered", old: "\r\n\r\n", new: "\r\nSec-WebSocket-Extensions: x-other, x-third\r\n\r\n", want: errReplyNotRequested.Text},
		{rule: "extensions malformed", old: "\r\n\r\n", new: "\r\nSec-WebSocket-Extensions: x-other;\r\n\r\n", want: errReplyExtensions.Text},
		{rule: "extensions empty", old: "\r\n\r\n", new: "\r\nSec-WebSocket-Extensions:\r\n\r\n", want: errReplyExtensions.Text},
		{
			rule: "extensions twice", old: "\r\n\r\n",
			new: "\r\nSec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: x-other\r\n\r\n", want: errReplyExtensions.Text,
		},
	} {
		t.Run(row.rule, func(t *testing.T) {
			head := rfcResponse
			if row.old != "" {
				head = strings.Replace(head, row.old, row.new, 1)
			}
			protocol, extensions, err := parseResponse(t, head).CheckUpgrade(u)
			if string(protocol) != row.protocol || string(extensions) != row.extensions {
				t.Errorf("subprotocol %q, extensions %q", protocol, extensions)
			}
			if row.want == "" {
				if err != nil {
					t.Errorf("CheckUpgrade: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("CheckUpgrade takes it")
			}
			if e := handshakeError(t, err); e.Text != row.want || e.Status != row.status {
				t.Errorf("CheckUpgrade: %d %q, want %d %q", e.Status, e.Text, row.status, row.want)
			}
		})
	}
	none := &ClientUpgrade{Key: u.Key}
	if _, _, err := parseResponse(t, rfcResponse).CheckUpgrade(none); err != error(errReplyNotOffered) {
		t.Errorf("a subprotocol that nobody asked for: %v", err)
	}
}

// TestBothRoles lets the two roles shake hands with each other.
func TestBothRoles(t *testing.T) {
	u := &ClientUpgrade{Host: "a", Key: NewKey(), Protocols: []string{"x", "y"}, Extensions: "permessage-deflate"}
	head, err := AppendRequest(nil, u)
	if err != nil {
		t.Fatal(err)
	}
	r := parseRequest(t, string(head))
	if err := r.CheckUpgrade(); err != nil {
		t.Fatal(err)
	}
	reply, err := AppendUpgrade(nil, &Upgrade{Key: r.Key(), Protocol: "y", Extensions: "permessage-deflate"})
	if err != nil {
		t.Fatal(err)
	}
	protocol, extensions, err := parseResponse(t, string(reply)).CheckUpgrade(u)
	if err != nil || string(protocol) != "y" || string(extensions) != "permessage-deflate" {
		t.Errorf("CheckUpgrade = %q, %q, %v", protocol, extensions, err)
	}
}
