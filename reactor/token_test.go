package reactor

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"example.org/weir/codec"
)

func TestTokenSource(t *testing.T) {
	everywhere := TokenSource{Subprotocol: "bearer", Cookie: "session", Query: "token", MaxLength: 20}
	for _, tt := range []struct {
		rule     string
		from     TokenSource
		target   string
		lines    []string
		chosen   string // by Server.Subprotocols
		token    string
		protocol string // in the end
		status   int    // of the refusal
	}{
		{rule: "none", from: everywhere, status: 401},
		{rule: "RFC 6750 2.1: Authorization", lines: []string{"Authorization: Bearer abc.DEF-1_~+/=="}, token: "abc.DEF-1_~+/=="},
		{rule: "RFC 9110 11.1: the case of the scheme", lines: []string{"Authorization: bEARER  a"}, token: "a"},
		{rule: "another scheme", lines: []string{"Authorization: Basic abc"}, status: 401},
		{rule: "another scheme, and a cookie", from: everywhere, lines: []string{"Authorization: Basic abc", "Cookie: session=b"}, token: "b"},
		{rule: "RFC 6750 2.1: b64token", lines: []string{"Authorization: Bearer a b"}, status: 400},
		{rule: "RFC 6750 2.1: not empty", lines: []string{"Authorization: Bearer"}, status: 400},
		{rule: "RFC 6750 2.1: = only at the end", lines: []string{"Authorization: Bearer a=b"}, status: 400},
		{rule: "RFC 9110 11.6.2: one Authorization", lines: []string{"Authorization: Bearer a", "Authorization: Bearer a"}, status: 400},
		{rule: "too long", from: everywhere, lines: []string{"Authorization: Bearer " + strings.Repeat("a", 21)}, status: 401},
		{rule: "as long as may be", from: everywhere, lines: []string{"Authorization: Bearer " + strings.Repeat("a", 20)}, token: strings.Repeat("a", 20)},
		{rule: "too long by default", lines: []string{"Authorization: Bearer " + strings.Repeat("a", 4097)}, status: 401},
		{rule: "no limit", from: TokenSource{MaxLength: -1}, lines: []string{"Authorization: Bearer " + strings.Repeat("a", 4097)}, token: strings.Repeat("a", 4097)},
		{rule: "subprotocol", from: everywhere, lines: []string{"Sec-WebSocket-Protocol: bearer, a.b"}, token: "a.b", protocol: "bearer"},
		{rule: "subprotocol, on two lines", from: everywhere, lines: []string{"Sec-WebSocket-Protocol: chat, bearer", "Sec-WebSocket-Protocol: a"}, token: "a", protocol: "bearer"},
		{rule: "subprotocol, beside the application's", from: everywhere, lines: []string{"Sec-WebSocket-Protocol: bearer, a, chat"}, chosen: "chat", token: "a", protocol: "chat"},
		{rule: "subprotocol, never the token", from: everywhere, lines: []string{"Sec-WebSocket-Protocol: bearer, a"}, chosen: "a", token: "a", protocol: "bearer"},
		{rule: "subprotocol without a token", from: everywhere, lines: []string{"Sec-WebSocket-Protocol: a, bearer"}, status: 400},
		{rule: "subprotocol that is not asked for", lines: []string{"Sec-WebSocket-Protocol: bearer, a"}, status: 401},
		{rule: "cookie", from: everywhere, lines: []string{"Cookie: a=b; session=c%20d; e=f"}, token: "c%20d"},
		{rule: "RFC 6265 4.1.1: quoted cookie", from: everywhere, lines: []string{`Cookie: session="a"`}, token: "a"},
		{rule: "cookie that is not asked for", lines: []string{"Cookie: session=c"}, status: 401},
		{rule: "query", from: everywhere, target: "/p?a=b&token=c%2Bd", token: "c+d"},
		{rule: "malformed query", from: everywhere, target: "/p?token=a;b", status: 400},
		{rule: "query that is not asked for", target: "/p?token=c", status: 401},
		{rule: "precedence", from: everywhere, target: "/?token=d", lines: []string{
			"Cookie: session=c", "Sec-WebSocket-Protocol: bearer, b", "Authorization: Bearer a",
		}, token: "a"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			head := request(tt.lines...)
			if tt.target != "" {
				head = strings.Replace(head, "/", tt.target, 1)
			}
			var p codec.RequestParser
			if n, err := p.Parse([]byte(head)); err != nil || n != len(head) {
				t.Fatal(n, err)
			}
			u := &Upgrade{Request: p.Request([]byte(head)), Subprotocol: tt.chosen}
			token, err := tt.from.Find(u)
			var he *codec.HandshakeError
			if errors.As(err, &he); tt.status != 0 && (he == nil || he.Status != tt.status) || tt.status == 0 && err != nil {
				t.Fatalf("got %v, want %d", err, tt.status)
			}
			if tt.status == 401 && (len(he.Fields) != 1 || he.Fields[0].Name != "WWW-Authenticate" || !strings.HasPrefix(he.Fields[0].Value, "Bearer")) {
				t.Errorf("401 without a challenge (RFC 9110 15.5.2): %v", he.Fields)
			}
			if token != tt.token || err == nil && u.Subprotocol != tt.protocol {
				t.Errorf("got %q with the subprotocol %q, want %q with %q", token, u.Subprotocol, tt.token, tt.protocol)
			}
		})
	}
}

// FuzzTokenSource holds of every request that what is found is a token of its own, within the limit, and that else
// it is refused with a status that tells the client.
func FuzzTokenSource(f *testing.F) {
	f.Add("Bearer abc.DEF-1_~+/==", "bearer, a.b", "a=b; session=\"c%20d\"; e=f", "a=b&token=c%2Bd")
	f.Add("Basic abc", "a, bearer", "session=\"", "token=a;b")
	f.Add("", "", "", "token=%zz")
	f.Fuzz(func(t *testing.T, authorization, protocols, cookie, query string) {
		var lines []string
		for name, value := range map[string]string{"Authorization": authorization, "Sec-WebSocket-Protocol": protocols, "Cookie": cookie} {
			if value != "" {
				lines = append(lines, name+": "+value)
			}
		}
		head := []byte(strings.Replace(request(lines...), "/", "/?"+query, 1))
		var p codec.RequestParser
		if n, err := p.Parse(head); err != nil || n != len(head) {
			return // no request, or more than one
		}
		const longest = 20
		from := TokenSource{Subprotocol: "bearer", Cookie: "session", Query: "token", MaxLength: longest}
		u := &Upgrade{Request: p.Request(head)}
		token, err := from.Find(u)
		var refusal *codec.HandshakeError
		switch {
		case err == nil:
			decoded, _ := url.QueryUnescape(query)
			if token == "" || len(token) > longest || !strings.Contains(string(head), token) && !strings.Contains(decoded, token) {
				t.Errorf("found %q", token)
			}
		case !errors.As(err, &refusal) || refusal.Status != 400 && refusal.Status != 401 || token != "":
			t.Errorf("%q, %v", token, err)
		}
		if u.Subprotocol != "" && (u.Subprotocol != from.Subprotocol || !strings.Contains(protocols, from.Subprotocol)) {
			t.Errorf("the subprotocol has become %q", u.Subprotocol)
		}
	})
}
