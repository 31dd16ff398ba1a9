package codec

import (
	"slices"
	"testing"
)

func TestAppendConnect(t *testing.T) {
	got, err := AppendConnect([]byte("before "), "example.com:443", Field{"Proxy-Authorization", "Basic YTpi"})
	want := "before CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nProxy-Authorization: Basic YTpi\r\n\r\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, row := range []struct {
		rule, hostport string
		fields         []Field
		want           *HandshakeError
	}{
		{"RFC 9112 3.2.3: a port", "example.com", nil, errConnectTarget},
		{"RFC 9112 3.2.3: a port that is not empty", "example.com:", nil, errConnectTarget},
		{"host", "a b:80", nil, errConnectTarget},
		{"no line can be smuggled in", "a\r\n:80", nil, errConnectTarget},
		{"field", "a:80", []Field{{"X", "a\r\nb"}}, errClientField},
		{"Host", "a:80", []Field{{"Host", "b"}}, errClientField},
		{"RFC 9110 9.3.6: no content", "a:80", []Field{{"Content-Length", "1"}}, errClientField},
	} {
		if got, err := AppendConnect([]byte("before"), row.hostport, row.fields...); err != error(row.want) || string(got) != "before" {
			t.Errorf("%s: %q, %v", row.rule, got, err)
		}
	}
}

func TestCheckConnect(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200 \r\n\r\n", "HTTP/1.1 204 \r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	} {
		if err := parseResponse(t, head).CheckConnect(); err != nil {
			t.Errorf("%q: %v", head, err)
		}
	}
	for head, status := range map[string]int{
		"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic\r\n\r\n": 407,
		"HTTP/1.1 101 Switching Protocols\r\n\r\n":                       101,
		"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n":                      302,
		"HTTP/1.1 503 \r\nRetry-After: 7\r\n\r\n":                        503,
	} {
		if e := handshakeError(t, parseResponse(t, head).CheckConnect()); e.Status != status {
			t.Errorf("%q: %v", head, e)
		}
	}
}

// A client is told where a redirect leads, and when to come again.
func TestRefusedFields(t *testing.T) {
	for _, row := range []struct {
		head, text string
		fields     []Field
	}{
		{
			"HTTP/1.1 301 Moved\r\nLocation: https://example.com/\xe9\r\n\r\n",
			`The server answered 301 "Moved" instead of 101 Switching Protocols. It redirects to "https://example.com/\xe9", and redirects are not followed.`,
			[]Field{{"Location", "https://example.com/\xe9"}},
		},
		{"HTTP/1.1 304 \r\n\r\n", `The server answered 304 "" instead of 101 Switching Protocols.`, nil},
		{
			"HTTP/1.1 429 Slow\r\nRetry-After: 120\r\n\r\n", `The server answered 429 "Slow" instead of 101 Switching Protocols.`,
			[]Field{{"Retry-After", "120"}},
		},
	} {
		_, _, err := parseResponse(t, row.head).CheckUpgrade(&ClientUpgrade{Key: "dGhlIHNhbXBsZSBub25jZQ=="})
		if e := handshakeError(t, err); e.Text != row.text || !slices.Equal(e.Fields, row.fields) {
			t.Errorf("%q: %s, %v", row.head, e.Text, e.Fields)
		}
	}
}
