package codec

import (
	"net/http"
	"testing"
)

func TestAppendUpgrade(t *testing.T) {
	const plain = "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	for _, row := range []struct {
		rule string
		u    Upgrade
		want string
	}{
		{"least", Upgrade{Key: key}, plain + "\r\n"},
		{"subprotocol", Upgrade{Key: key, Protocol: "chat"}, plain + "Sec-WebSocket-Protocol: chat\r\n\r\n"},
		{
			"all",
			Upgrade{
				Key: key, Protocol: "chat", Extensions: "permessage-deflate; server_no_context_takeover",
				Fields: []Field{{"Set-Cookie", "a=b"}, {"X-Empty", ""}, {"X-Text", "a b\tc \xc3\xa9"}},
			},
			plain + "Sec-WebSocket-Protocol: chat\r\n" +
				"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n" +
				"Set-Cookie: a=b\r\n" +
				"X-Empty: \r\n" +
				"X-Text: a b\tc \xc3\xa9\r\n" +
				"\r\n",
		},
	} {
		got, err := AppendUpgrade([]byte("x"), &row.u)
		if err != nil || string(got) != "x"+row.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", row.rule, err, got, row.want)
		}
	}
}

func TestAppendUpgradeRefuses(t *testing.T) {
	key := []byte("dGhlIHNhbXBsZSBub25jZQ==")
	field := func(name, value string) Upgrade { return Upgrade{Key: key, Fields: []Field{{"X", "y"}, {name, value}}} }
	for _, row := range []struct {
		rule string
		u    Upgrade
		want *HandshakeError
	}{
		{"no key", Upgrade{}, errKey},
		{"bad key", Upgrade{Key: key[1:]}, errKey},
		{"subprotocol with a line", Upgrade{Key: key, Protocol: "a\r\nX: y"}, errReplyProtocol},
		{"subprotocol list", Upgrade{Key: key, Protocol: "a, b"}, errReplyProtocol},
		{"extensions with a line", Upgrade{Key: key, Extensions: "a\r\nX: y"}, errReplyField},
		{"extensions malformed", Upgrade{Key: key, Extensions: "a;"}, errReplyField},
		{"extensions of commas", Upgrade{Key: key, Extensions: ","}, errReplyField},
		{"name empty", field("", "a"), errReplyField},
		{"name with a space", field("X ", "a"), errReplyField},
		{"name with a colon", field("X:", "a"), errReplyField},
		{"name with a line", field("X\r\nY", "a"), errReplyField},
		{"value with CR", field("X", "a\rb"), errReplyField},
		{"value with LF", field("X", "a\nb"), errReplyField},
		{"value with NUL", field("X", "a\x00b"), errReplyField},
		{"value with DEL", field("X", "a\x7fb"), errReplyField},
		{"value with white space before", field("X", " a"), errReplyField},
		{"value with white space after", field("X", "a\t"), errReplyField},
		{"Upgrade", field("upgrade", "h2c"), errReplyField},
		{"Connection", field("CONNECTION", "close"), errReplyField},
		{"Content-Length", field("Content-length", "0"), errReplyField},
		{"Transfer-Encoding", field("transfer-encoding", "chunked"), errReplyField},
		{"Sec-WebSocket-Accept", field("Sec-WebSocket-Accept", "a"), errReplyField},
		{"Sec-WebSocket-*", field("sec-websocket-anything", "a"), errReplyField},
		{"Sec-WebSocket- alone", field("Sec-WebSocket-", "a"), errReplyField},
	} {
		got, err := AppendUpgrade([]byte("before"), &row.u)
		if err == nil || handshakeError(t, err) != row.want || string(got) != "before" {
			t.Errorf("%s: %q, %v; want an unchanged slice and %v", row.rule, got, err, row.want)
		}
	}
}

func TestAppendResponse(t *testing.T) {
	page := []Field{{"Content-Type", "text/html"}, {"Upgrade", "websocket"}}
	for _, row := range []struct {
		rule   string
		status int
		fields []Field
		body   string
		head   bool
		want   string
	}{
		{
			"page", 200, page, "<p>hello", false,
			"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\nContent-Type: text/html\r\nUpgrade: websocket\r\n\r\n<p>hello",
		},
		{
			"HEAD", 200, page[:1], "<p>hello", true,
			"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\nContent-Type: text/html\r\n\r\n",
		},
		{"empty", 404, nil, "", false, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"no content", 204, nil, "", false, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
		{"not modified", 304, nil, "", false, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"},
		{"no phrase", 299, nil, "", false, "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
	} {
		got, err := AppendResponse([]byte("x"), row.status, row.fields, []byte(row.body), row.head)
		if err != nil || string(got) != "x"+row.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", row.rule, err, got, row.want)
		}
	}
}

func TestAppendResponseRefuses(t *testing.T) {
	for _, row := range []struct {
		rule   string
		status int
		field  Field
		body   string
		want   *HandshakeError
	}{
		{"status 101", 101, Field{"X", "y"}, "", errReplyStatus},
		{"status 199", 199, Field{"X", "y"}, "", errReplyStatus},
		{"status 600", 600, Field{"X", "y"}, "", errReplyStatus},
		{"no content with a body", 204, Field{"X", "y"}, "a", errReplyStatus},
		{"not modified with a body", 304, Field{"X", "y"}, "a", errReplyStatus},
		{"Connection", 200, Field{"Connection", "close"}, "", errReplyField},
		{"Content-Length", 200, Field{"content-length", "0"}, "", errReplyField},
		{"Transfer-Encoding", 200, Field{"Transfer-Encoding", "chunked"}, "", errReplyField},
		{"name", 200, Field{"X Y", "a"}, "", errReplyField},
		{"value", 200, Field{"X", "a\r\n\r\nb"}, "", errReplyField},
	} {
		got, err := AppendResponse([]byte("before"), row.status, []Field{row.field}, []byte(row.body), false)
		if err == nil || handshakeError(t, err) != row.want || string(got) != "before" {
			t.Errorf("%s: %q, %v; want an unchanged slice and %v", row.rule, got, err, row.want)
		}
	}
}

func TestReasonPhrases(t *testing.T) {
	known := 0
	for status := 100; status < 600; status++ {
		phrase := reasonPhrase(status)
		if phrase == "" {
			continue
		}
		known++
		if status == 413 || status == 414 {
			continue // net/http has their names from before RFC 9110
		}
		if want := http.StatusText(status); phrase != want {
			t.Errorf("phrase of %d is %q, want %q", status, phrase, want)
		}
	}
	if known != 29 {
		t.Errorf("%d phrases, want 29", known)
	}
}
