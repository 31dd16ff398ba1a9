package codec

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The handshakes of the RFC and of two browsers, as they come over the wire.
const (
	rfcRequest = "GET /chat HTTP/1.1\r\n" +
		"Host: server.example.com\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Origin: http://example.com\r\n" +
		"Sec-WebSocket-Protocol: chat, superchat\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"\r\n"

	firefoxRequest = "GET /ws HTTP/1.1\r\n" +
		"Host: 127.0.0.1:9001\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:44.0) Gecko/20100101 Firefox/44.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\n" +
		"Accept-Encoding: gzip, deflate\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Origin: null\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\r\n" +
		"Sec-WebSocket-Key: BE/bv0JO2wBVnABhxQO5kQ==\r\n" +
		"Connection: keep-alive, Upgrade\r\n" +
		"Pragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\n" +
		"Upgrade: websocket\r\n" +
		"\r\n"

	chromeRequest = "GET /feed?room=7&v=%7B1%7D HTTP/1.1\r\n" +
		"Host: example.com\r\n" +
		"Connection: Upgrade\r\n" +
		"Pragma: no-cache\r\n" +
		"Cache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36\r\n" +
		"Upgrade: websocket\r\n" +
		"Origin: https://example.com\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n" +
		"Cookie: id=42; theme=dark\r\n" +
		"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
		"\r\n"

	mixedCaseRequest = "\r\nGET / HTTP/1.1\r\n" +
		"hOST:[::1]:8080\r\n" +
		"UPGRADE: WebSocket\r\n" +
		"connection: \t upgrade \t\r\n" +
		"Sec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"X-Empty:\r\n" +
		"SEC-WEBSOCKET-VERSION: 13\r\n" +
		"\r\n"
)

var goodRequests = []string{rfcRequest, firefoxRequest, chromeRequest, mixedCaseRequest}

// parseRequest parses a head that has to be good and complete.
func parseRequest(t testing.TB, head string) *Request {
	t.Helper()
	var p RequestParser
	n, err := p.Parse([]byte(head))
	if err != nil || n != len(head) {
		t.Fatalf("Parse(%.80q) = %d, %v; want %d", head, n, err, len(head))
	}
	return p.Request([]byte(head))
}

// plainRequest returns the head of a good GET with extra lines.
func plainRequest(lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

// parser is what the parsers of requests and of responses have in common.
type parser interface {
	Parse(head []byte) (int, error)
}

// wantFault checks that marked is refused with want at the byte before the mark "¶" and not earlier, however
// it is split, and again when asked again.
func wantFault(t *testing.T, fresh func() parser, marked string, same func(error) bool) {
	t.Helper()
	before, after, found := strings.Cut(marked, "¶")
	if !found {
		t.Fatalf("no mark in %.80q", marked)
	}
	whole := []byte(before + after)
	at := len(before)

	p := fresh()
	if n, err := p.Parse(whole[:at-1]); n != 0 || err != nil {
		t.Errorf("Parse(%.80q) = %d, %v; want more", whole[:at-1], n, err)
	}
	for range 2 {
		if n, err := p.Parse(slices.Clone(whole[:at])); n != 0 || !same(err) {
			t.Errorf("Parse(%.80q) = %d, %v", whole[:at], n, err)
		}
	}
	if n, err := p.Parse(whole); n != 0 || !same(err) {
		t.Errorf("Parse(%.80q) after an error = %d, %v", whole, n, err)
	}
	p = fresh()
	if n, err := p.Parse(whole); n != 0 || !same(err) {
		t.Errorf("Parse(%.80q) = %d, %v", whole, n, err)
	}
	p = fresh()
	for i := range at - 1 {
		if n, err := p.Parse(whole[:i]); n != 0 || err != nil {
			t.Fatalf("byte by byte, Parse(%.80q) = %d, %v; want more", whole[:i], n, err)
		}
	}
	if n, err := p.Parse(whole[:at]); n != 0 || !same(err) {
		t.Errorf("byte by byte, Parse(%.80q) = %d, %v", whole[:at], n, err)
	}
}

// wantRefusal is wantFault for requests within the default limits.
func wantRefusal(t *testing.T, marked string, status int, want *HandshakeError) {
	t.Helper()
	wantRefusalWithin(t, HeadLimits{}, marked, status, want)
}

func wantRefusalWithin(t *testing.T, l HeadLimits, marked string, status int, want *HandshakeError) {
	t.Helper()
	if want.Status != status {
		t.Errorf("%.80q has status %d, want %d", want.Text, want.Status, status)
	}
	fresh := func() parser {
		p := new(RequestParser)
		p.Reset(l)
		return p
	}
	wantFault(t, fresh, marked, func(err error) bool { return err == error(want) })
}

// handshakeError returns err as a *HandshakeError.
func handshakeError(t *testing.T, err error) *HandshakeError {
	t.Helper()
	var e *HandshakeError
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want a *HandshakeError", err)
	}
	return e
}
