package codec

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// goodUpgrade is the least that an opening handshake needs, a line each.
var goodUpgrade = []string{
	"GET / HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
	"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}

// upgradeWith returns goodUpgrade with lines after it.
func upgradeWith(lines ...string) string {
	return strings.Join(slices.Concat(goodUpgrade, lines), "\r\n") + "\r\n\r\n"
}

// upgradeWithout is upgradeWith without the line of goodUpgrade that has prefix.
func upgradeWithout(prefix string, lines ...string) string {
	line := ""
	for _, l := range goodUpgrade {
		if strings.HasPrefix(l, prefix) {
			line = l + "\r\n"
		}
	}
	return strings.Replace(upgradeWith(lines...), line, "", 1)
}

func TestCheckUpgrade(t *testing.T) {
	protocols := func(n int) string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprint("p", i))
		}
		return "Sec-WebSocket-Protocol: " + strings.Join(names, ",")
	}
	method := func(m string) string { return m + strings.TrimPrefix(upgradeWith(), "GET") }
	for _, row := range []struct {
		rule   string
		head   string
		status int
		want   *HandshakeError
	}{
		{"good", upgradeWith(), 0, nil},
		{"good with HTTP/1.2", strings.Replace(upgradeWith(), "1.1", "1.2", 1), 0, nil},
		{"HTTP/1.0", strings.Replace(upgradeWith(), "1.1", "1.0", 1), 505, errVersionNumber},
		{"POST", method("POST"), 405, errMethodUpgrade},
		{"HEAD", method("HEAD"), 405, errMethodUpgrade},
		{"CONNECT", method("CONNECT"), 405, errMethodUpgrade},
		{"lower-case method", method("get"), 501, errMethodUnknown},
		{"unknown method", method("BREW"), 501, errMethodUnknown},
		{"Content-Length zero", upgradeWith("Content-Length: 0"), 0, nil},
		{"Content-Length above zero", upgradeWith("Content-Length: 10"), 413, errBody},
		{"Transfer-Encoding", upgradeWith("Transfer-Encoding: chunked"), 501, errCoding},
		{"no Upgrade", upgradeWithout("Upgrade"), 426, errUpgradeRequired},
		{"Upgrade to another", upgradeWithout("Upgrade", "Upgrade: h2c"), 426, errUpgradeRequired},
		{"Upgrade to a longer name", upgradeWithout("Upgrade", "Upgrade: websockets"), 426, errUpgradeRequired},
		{"Upgrade with a version", upgradeWithout("Upgrade", "Upgrade: websocket/13"), 426, errUpgradeRequired},
		{"Upgrade list", upgradeWithout("Upgrade", "Upgrade: h2c, WebSocket"), 0, nil},
		{"Upgrade over lines", upgradeWith("Upgrade: h2c"), 0, nil},
		{"no Connection", upgradeWithout("Connection"), 400, errConnection},
		{"Connection without Upgrade", upgradeWithout("Connection", "Connection: keep-alive"), 400, errConnection},
		{"Connection with a longer name", upgradeWithout("Connection", "Connection: upgrades"), 400, errConnection},
		{"Connection list", upgradeWithout("Connection", "Connection: keep-alive ,, uPGRADE"), 0, nil},
		{"Connection over lines", upgradeWithout("Connection", "Connection: keep-alive", "Connection: Upgrade"), 0, nil},
		{"no version", upgradeWithout("Sec-WebSocket-Version"), 426, errVersion13},
		{"version 8", upgradeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, errVersion13},
		{"version 013", upgradeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013"), 426, errVersion13},
		{"version list", upgradeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), 426, errVersion13},
		{"version empty", upgradeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version:"), 426, errVersion13},
		{"version repeated", upgradeWith("Sec-WebSocket-Version: 13"), 400, errVersionRepeated},
		{"no key", upgradeWithout("Sec-WebSocket-Key"), 400, errKey},
		{"key empty", upgradeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key:"), 400, errKey},
		{"key of 15 bytes", upgradeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, errKey},
		{"key not base64", upgradeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q=="), 400, errKey},
		{"key repeated", upgradeWith("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, errKeyRepeated},
		{"origin", upgradeWith("Origin: null"), 0, nil},
		{"origin repeated", upgradeWith("Origin: http://a", "Origin: http://b"), 400, errOriginRepeated},
		{"protocols", upgradeWith("Sec-WebSocket-Protocol: a,b", "Sec-WebSocket-Protocol: A , c"), 0, nil},
		{"protocol empty", upgradeWith("Sec-WebSocket-Protocol:"), 400, errProtocol},
		{"protocol empty between", upgradeWith("Sec-WebSocket-Protocol: a,,b"), 400, errProtocol},
		{"protocol empty at the end", upgradeWith("Sec-WebSocket-Protocol: a,"), 400, errProtocol},
		{"protocol not a token", upgradeWith("Sec-WebSocket-Protocol: a b"), 400, errProtocol},
		{"protocol quoted", upgradeWith(`Sec-WebSocket-Protocol: "a"`), 400, errProtocol},
		{"protocol repeated", upgradeWith("Sec-WebSocket-Protocol: a, b, a"), 400, errProtocolRepeated},
		{"protocol repeated over lines", upgradeWith("Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"), 400, errProtocolRepeated},
		{"as many protocols as may be", upgradeWith(protocols(64)), 0, nil},
		{"too many protocols", upgradeWith(protocols(65)), 431, errProtocolCount},
		{"too many protocols, one bad", upgradeWith(protocols(64) + ",("), 400, errProtocol},
		{"extensions", upgradeWith("Sec-WebSocket-Extensions: a;b=1", "Sec-WebSocket-Extensions: , c"), 0, nil},
		{"extensions on one line of two", upgradeWith("Sec-WebSocket-Extensions:", "Sec-WebSocket-Extensions: a"), 0, nil},
		{"extensions empty", upgradeWith("Sec-WebSocket-Extensions:"), 400, errExtensions},
		{"extensions malformed", upgradeWith("Sec-WebSocket-Extensions: a;"), 400, errExtensions},
		{"extensions malformed on the second line", upgradeWith("Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: =b"), 400, errExtensions},
	} {
		t.Run(row.rule, func(t *testing.T) {
			err := parseRequest(t, row.head).CheckUpgrade()
			if row.want == nil {
				if err != nil {
					t.Errorf("CheckUpgrade = %v", err)
				}
				return
			}
			if err == nil || handshakeError(t, err) != row.want || row.want.Status != row.status {
				t.Errorf("CheckUpgrade = %v, want %d %v", err, row.status, row.want)
			}
		})
	}
}

func TestIsUpgrade(t *testing.T) {
	for _, row := range []struct {
		head string
		want bool
	}{
		{upgradeWith(), true},
		{plainRequest("Upgrade: h2c", "Upgrade: x , WEBSOCKET"), true},
		{plainRequest(), false},
		{plainRequest("Connection: Upgrade"), false},
		{plainRequest("Upgrade: websocket x"), false},
	} {
		if got := parseRequest(t, row.head).IsUpgrade(); got != row.want {
			t.Errorf("%q: IsUpgrade = %t, want %t", row.head, got, row.want)
		}
	}
}

func TestCheckPlain(t *testing.T) {
	method := func(m string, lines ...string) string {
		return m + strings.TrimPrefix(plainRequest(lines...), "GET")
	}
	for _, row := range []struct {
		rule   string
		head   string
		status int
		want   *HandshakeError
	}{
		{"GET", method("GET"), 0, nil},
		{"HEAD", method("HEAD"), 0, nil},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0, nil},
		{"POST", method("POST"), 405, errMethodPlain},
		{"OPTIONS", method("OPTIONS"), 405, errMethodPlain},
		{"longest method", method("UPDATEREDIRECTREF"), 405, errMethodPlain},
		{"unknown method", method("BREW"), 501, errMethodUnknown},
		{"empty body", method("GET", "Content-Length: 0"), 0, nil},
		{"body", method("HEAD", "Content-Length: 1"), 413, errBody},
		{"coding", method("GET", "Transfer-Encoding: gzip, chunked"), 501, errCoding},
	} {
		err := parseRequest(t, row.head).CheckPlain()
		if row.want == nil {
			if err != nil {
				t.Errorf("%s: CheckPlain = %v", row.rule, err)
			}
			continue
		}
		if err == nil || handshakeError(t, err) != row.want || row.want.Status != row.status {
			t.Errorf("%s: CheckPlain = %v, want %d %v", row.rule, err, row.status, row.want)
		}
	}
}
