package codec

import (
	"strings"
	"testing"
)

func TestRequestLineRefusals(t *testing.T) {
	long := strings.Repeat("a", 8192)
	for _, row := range []struct {
		rule   string
		marked string
		status int
		want   *HandshakeError
	}{
		{"second empty line", "\r\n\r¶\nGET / HTTP/1.1\r\n", 400, errBlankLine},
		{"bare LF before the line", "\n¶GET / HTTP/1.1\r\n", 400, errBareLF},
		{"bare CR before the line", "\rG¶ET / HTTP/1.1\r\n", 400, errBareCR},
		{"TLS record instead of a method", "\x16¶\x03\x01\x02\x00", 400, errMethodByte},
		{"method begins with a space", " ¶GET / HTTP/1.1\r\n", 400, errMethodByte},
		{"method byte", "GE(¶T / HTTP/1.1\r\n", 400, errMethodByte},
		{"method NUL", "GET\x00¶ / HTTP/1.1\r\n", 400, errMethodByte},
		{"method and HTAB", "GET\t¶/ HTTP/1.1\r\n", 400, errMethodByte},
		{"method and CR", "GET\r¶\n", 400, errMethodByte},
		{"method and LF", "GET\n¶", 400, errBareLF},
		{"method longer than any", "UPDATEREDIRECTREFS¶ / HTTP/1.1\r\n", 501, errMethodUnknown},
		{"empty target", "GET  ¶HTTP/1.1\r\n", 400, errTargetForm},
		{"asterisk-form", "OPTIONS *¶ HTTP/1.1\r\n", 400, errTargetForm},
		{"HTTP/2 preface", "PRI *¶ HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, errTargetForm},
		{"authority-form, name", "CONNECT a:¶80 HTTP/1.1\r\n", 400, errTargetForm},
		{"authority-form, dot", "CONNECT a.¶b:80 HTTP/1.1\r\n", 400, errTargetForm},
		{"authority-form, address", "CONNECT 1¶.2.3.4:80 HTTP/1.1\r\n", 400, errTargetForm},
		{"authority-form, literal", "CONNECT [¶::1]:80 HTTP/1.1\r\n", 400, errTargetForm},
		{"scheme of no use", "GET ftp:¶//a/ HTTP/1.1\r\n", 400, errTargetForm},
		{"scheme too long", "GET httpss¶://a/ HTTP/1.1\r\n", 400, errTargetForm},
		{"scheme without slashes", "GET http:a¶ HTTP/1.1\r\n", 400, errTargetForm},
		{"scheme with one slash", "GET http:/a¶ HTTP/1.1\r\n", 400, errTargetForm},
		{"relative path", "GET a/¶b HTTP/1.1\r\n", 400, errTargetForm},
		{"target begins with a fragment", "GET #¶ HTTP/1.1\r\n", 400, errFragment},
		{"fragment after the path", "GET /a#¶b HTTP/1.1\r\n", 400, errFragment},
		{"fragment after the query", "GET /a?b#¶c HTTP/1.1\r\n", 400, errFragment},
		{"fragment after the host", "GET http://a#¶c HTTP/1.1\r\n", 400, errFragment},
		{"NUL in the path", "GET /\x00¶ HTTP/1.1\r\n", 400, errTargetByte},
		{"HTAB in the path", "GET /\t¶ HTTP/1.1\r\n", 400, errTargetByte},
		{"DEL in the path", "GET /\x7f¶ HTTP/1.1\r\n", 400, errTargetByte},
		{"obs-text in the path", "GET /\xc3¶\xa9 HTTP/1.1\r\n", 400, errTargetByte},
		{"obs-text in the query", "GET /?\xff¶ HTTP/1.1\r\n", 400, errTargetByte},
		{"backslash in the path", `GET /\¶ HTTP/1.1` + "\r\n", 400, errTargetByte},
		{"quote in the query", `GET /?"¶ HTTP/1.1` + "\r\n", 400, errTargetByte},
		{"angle bracket in the path", "GET /<¶ HTTP/1.1\r\n", 400, errTargetByte},
		{"escape, first digit", "GET /%g¶0 HTTP/1.1\r\n", 400, errTargetEscape},
		{"escape, second digit", "GET /%0g¶ HTTP/1.1\r\n", 400, errTargetEscape},
		{"escape cut short by the query", "GET /%a?¶ HTTP/1.1\r\n", 400, errTargetEscape},
		{"escape in the query", "GET /?100% ¶HTTP/1.1\r\n", 400, errTargetEscape},
		{"escape and LF", "GET /%\n¶", 400, errBareLF},
		{"host empty", "GET http:///¶ HTTP/1.1\r\n", 400, errTargetHost},
		{"host empty, then a query", "GET http://?¶ HTTP/1.1\r\n", 400, errTargetHost},
		{"host with a user name", "GET http://u@¶a/ HTTP/1.1\r\n", 400, errTargetHost},
		{"host with a bad port", "GET http://a:x/¶ HTTP/1.1\r\n", 400, errTargetHost},
		{"host with a bad address", "GET http://[::g]/¶ HTTP/1.1\r\n", 400, errTargetHost},
		{"host with obs-text", "GET http://\xe9¶/ HTTP/1.1\r\n", 400, errTargetHost},
		{"HTTP/0.9", "GET /\r¶\n", 400, errVersion},
		{"HTTP/0.9 after a host", "GET http://a\r¶\n", 400, errVersion},
		{"no version but a space", "GET / \r¶\n", 400, errVersion},
		{"LF instead of a version", "GET /\n¶", 400, errBareLF},
		{"LF after the version", "GET / HTTP/1.1\n¶", 400, errBareLF},
		{"two spaces before the version", "GET /  ¶HTTP/1.1\r\n", 400, errVersion},
		{"lower-case version", "GET / h¶ttp/1.1\r\n", 400, errVersion},
		{"version of another protocol", "GET / HTTQ¶/1.1\r\n", 400, errVersion},
		{"version without a major", "GET / HTTP/.¶1\r\n", 400, errVersion},
		{"version with a long major", "GET / HTTP/11¶.1\r\n", 400, errVersion},
		{"version without a minor", "GET / HTTP/2\r¶\n", 400, errVersion},
		{"version with an empty minor", "GET / HTTP/1.\r¶\n", 400, errVersion},
		{"version with a long minor", "GET / HTTP/1.10¶\r\n", 400, errVersion},
		{"space after the version", "GET / HTTP/1.1 ¶\r\n", 400, errVersion},
		{"HTTP/0.9 spelled out", "GET / HTTP/0.9¶\r\n", 505, errVersionNumber},
		{"HTTP/2.0", "GET / HTTP/2.0¶\r\n", 505, errVersionNumber},
		{"HTTP/2.1", "GET / HTTP/2.1¶\r\n", 505, errVersionNumber},
		{"bare CR after the version", "GET / HTTP/1.1\rH¶ost: a\r\n", 400, errBareCR},
		{"CR CR LF after the version", "GET / HTTP/1.1\r\r¶\n", 400, errBareCR},
		{"line too long in the path", "GET /" + long[:8187] + "a¶", 414, errLineTooLong},
		{"line too long in the query", "GET /?" + long[:8186] + "a¶", 414, errLineTooLong},
		{"line too long in the host", "GET ws://" + long[:8183] + "a¶", 414, errLineTooLong},
		{"line too long in an escape", "GET /" + long[:8186] + "%a¶a", 414, errLineTooLong},
		{"line too long in the version", "GET /" + long[:8180] + " HTTP/1.¶1\r\n", 414, errLineTooLong},
		{"line too long after an empty line", "\r\nGET /" + long[:8187] + "a¶", 414, errLineTooLong},
	} {
		t.Run(row.rule, func(t *testing.T) { wantRefusal(t, row.marked, row.status, row.want) })
	}
}

func TestRequestLineMethodTooLong(t *testing.T) {
	// The line limit comes first if it is the tighter one, however the method is split.
	wantRefusalWithin(t, HeadLimits{Line: 4}, "METHO¶D / HTTP/1.1\r\n", 414, errLineTooLong)
	wantRefusalWithin(t, HeadLimits{Line: 17}, "METHODMETHODMETHOD¶METHOD / HTTP/1.1\r\n", 414, errLineTooLong)
}

func TestRequestTarget(t *testing.T) {
	const none = "none"
	for _, row := range []struct{ target, path, query, host string }{
		{"/", "/", none, "field"},
		{"/a/b", "/a/b", none, "field"},
		{"/?", "/", "", "field"},
		{"/a?b?c/d", "/a", "b?c/d", "field"},
		{"/%41%c3%A9?%20", "/%41%c3%A9", "%20", "field"},
		{"//a/b", "//a/b", none, "field"},
		{"/a:b@c!$&'()*+,;=-._~|[]^", "/a:b@c!$&'()*+,;=-._~|[]^", none, "field"},
		{"/?q={1}\\`|[]^", "/", "q={1}\\`|[]^", "field"},
		{"http://h", "/", none, "h"},
		{"http://h?q", "/", "q", "h"},
		{"http://h?", "/", "", "h"},
		{"HTTPS://H:8443/a?q", "/a", "q", "H:8443"},
		{"ws://[::1]:80/", "/", none, "[::1]:80"},
		{"wss://1.2.3.4:/x", "/x", none, "1.2.3.4:"},
		{"http://a%41b/", "/", none, "a%41b"},
	} {
		r := parseRequest(t, "GET "+row.target+" HTTP/1.1\r\nHost: field\r\n\r\n")
		query := none
		if r.Query() != nil {
			query = string(r.Query())
		}
		if string(r.Target()) != row.target || string(r.Path()) != row.path || query != row.query || string(r.Host()) != row.host {
			t.Errorf("%s: target %q, path %q, query %q, host %q", row.target, r.Target(), r.Path(), query, r.Host())
		}
	}
}

func TestRequestVersions(t *testing.T) {
	for minor := 1; minor <= 9; minor++ {
		r := parseRequest(t, "GET / HTTP/1."+string(rune('0'+minor))+"\r\nHost: a\r\n\r\n")
		if r.Minor() != minor {
			t.Errorf("Minor() = %d, want %d", r.Minor(), minor)
		}
	}
}
