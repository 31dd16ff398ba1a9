package conform

import (
	"fmt"
	"strings"
)

// handshakeHTTP are requests that are not sound HTTP/1.1.
func handshakeHTTP() []Rule {
	g := handshakeGroup{group{section: "H3 Opening handshake: what HTTP refuses", source: "RFC 9112"}, "H3"}
	bad := func(name, source string, bend func(rq) rq, want reply) {
		g.request(name, source, request{bend: bend, want: want})
	}
	g.requestLines(bad)
	g.fieldLines(bad)
	g.hosts(bad)
	g.bodies(bad)
	g.sizes(bad)
	return g.rules
}

type addRequest func(name, source string, bend func(rq) rq, want reply)

func (g *handshakeGroup) requestLines(bad addRequest) {
	const lenient = "RFC 9112 3 lets a server split the line at any white space"
	for _, c := range []struct{ name, line, either string }{
		{"no version", "GET PATH", ""},
		{"version in lower case", "GET PATH http/1.1", ""},
		{"version 1.1 with a zero before", "GET PATH HTTP/01.1", ""},
		{"version HTTP/1", "GET PATH HTTP/1", ""},
		{"version HTTP/1.1a", "GET PATH HTTP/1.1a", ""},
		{"two spaces before the target", "GET  PATH HTTP/1.1", lenient},
		{"two spaces before the version", "GET PATH  HTTP/1.1", lenient},
		{"a tab before the target", "GET\tPATH HTTP/1.1", lenient},
		{"a space at the end", "GET PATH HTTP/1.1 ", lenient},
		{"a space at the beginning", " GET PATH HTTP/1.1", lenient},
		{"no target", "GET HTTP/1.1", ""},
		{"a method that is not a token", "G(T PATH HTTP/1.1", ""},
		{"a target without a slash", "GET path HTTP/1.1", ""},
		{"a target that is *", "GET * HTTP/1.1", ""},
		{"a target in authority-form", "GET HOST HTTP/1.1", ""},
		{"a space in the target", "GET PATH a HTTP/1.1", ""},
		{"a NUL in the target", "GET PATH\x00 HTTP/1.1", ""},
		{"a control byte in the target", "GET PATH\x01 HTTP/1.1", ""},
		{"a CR in the target", "GET PATH\r HTTP/1.1", ""},
	} {
		want := refuse(400)
		if c.either != "" {
			want = want.or(c.either)
		}
		bad("request line: "+c.name, "RFC 9112 3", line(c.line), want)
	}
	const target = "a target that no URI has; a server may be lenient"
	bad("request line: a fragment in the target", "RFC 9112 3.2.1", line("GET PATH#a HTTP/1.1"), refuse(400).or(target))
	bad("request line: a byte above 127 in the target", "RFC 3986 2", line("GET PATH\xe9 HTTP/1.1"), refuse(400, 404).or(target))
	bad("request line: a bad percent-escape in the target", "RFC 3986 2.1", line("GET PATH?%zz HTTP/1.1"), refuse(400).or(target))
	bad("HTTP/2.0", "RFC 9110 15.6.6", line("GET PATH HTTP/2.0"), refuse(400, 505))
	bad("HTTP/0.9", "RFC 9110 15.6.6", line("GET PATH HTTP/0.9"), refuse(400, 505))
	bad("an unknown method", "RFC 9110 9.1", line("WEIR PATH HTTP/1.1"), refuse(501, 405, 400))
}

func (g *handshakeGroup) fieldLines(bad addRequest) {
	const (
		fold = "RFC 9112 5.2 lets a server replace the fold by spaces"
		ctl  = "RFC 9110 5.5 lets a server replace or keep the byte"
		lf   = "RFC 9112 2.2 lets a server take a bare LF for the end of a line"
		lead = "RFC 9112 2.2 lets a server skip the line"
	)
	bad("a folded line", "RFC 9112 5.2: MUST reject with 400 or replace", adding("X-Weir: a\r\n b"), refuse(400).or(fold))
	bad("a line folded with a tab", "RFC 9112 5.2: MUST reject with 400 or replace", adding("X-Weir: a\r\n\tb"), refuse(400).or(fold))
	bad("a folded key", "RFC 9112 5.2: MUST reject with 400 or replace", adding("X-Weir:\r\n Sec-WebSocket-Key: x"), refuse(400).or(fold))
	bad("white space before the first field", "RFC 9112 2.2: MUST reject or skip the line",
		func(r rq) rq { r.Fields = append([]string{" X-Weir: a"}, r.Fields...); return r }, refuse(400).or(lead))
	bad("a space before the colon", "RFC 9112 5.1: MUST reject with 400", adding("X-Weir : a"), mustRefuse(400))
	bad("a tab before the colon", "RFC 9112 5.1: MUST reject with 400", adding("X-Weir\t: a"), mustRefuse(400))
	bad("a space before the colon of Host", "RFC 9112 5.1: MUST reject with 400", func(r rq) rq {
		r.Fields = append([]string{strings.Replace(r.Fields[0], ":", " :", 1)}, r.Fields[1:]...)
		return r
	}, mustRefuse(400))
	bad("a line without a colon", "RFC 9112 5", adding("X-Weir"), refuse(400))
	bad("an empty field name", "RFC 9112 5", adding(": a"), refuse(400))
	for _, c := range "\x00\x01\x7f()/<=>@[]{}\"\\,;?é" {
		bad(fmt.Sprintf("a field name with %q", c), "RFC 9110 5.1: a token", adding("X"+string(c)+"Weir: a"), refuse(400))
	}
	for _, c := range []string{"\x00", "\r", "\x01", "\x08", "\x0b", "\x1b", "\x7f"} {
		bad(fmt.Sprintf("a field value with %q", c), "RFC 9110 5.5", adding("X-Weir: a"+c+"b"), refuse(400).or(ctl))
	}
	bad("a bare LF at the end of a field line", "RFC 9112 2.2", adding("X-Weir: a\nX-Other: b"), refuse(400).or(lf))
	bad("bare LFs everywhere", "RFC 9112 2.2", func(r rq) rq { r.EOL = "\n"; return r }, refuse(400).or(lf))
	bad("a bare CR at the end of a field line", "RFC 9112 2.2: MUST be taken for invalid, or for a space",
		adding("X-Weir: a\rX-Other: b"), refuse(400).or(ctl))
}

func (g *handshakeGroup) hosts(bad addRequest) {
	const source = "RFC 9112 3.2: MUST respond with 400"
	bad("no Host", source, with("Host"), mustRefuse(400))
	bad("two Hosts", source, func(r rq) rq { return r.With("Host", r.Fields[0], "Host: other.example") }, mustRefuse(400))
	bad("the same Host twice", source, func(r rq) rq { return r.With("Host", r.Fields[0], r.Fields[0]) }, mustRefuse(400))
	for _, v := range []string{"a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "::1", "a?b", "a,b c", "a#b", "<a>"} {
		bad("Host: "+v, source, with("Host", "Host: "+v), mustRefuse(400))
	}
	bad("HTTP/1.1 with the host in the target only", source, func(r rq) rq { return line("GET http://HOSTPATH HTTP/1.1")(r).Without("Host") }, mustRefuse(400))
}

func (g *handshakeGroup) bodies(bad addRequest) {
	const (
		legal   = "HTTP itself permits a body in any request (RFC 9110 7.8)"
		invalid = "RFC 9112 6.3, item 5: MUST respond with 400"
	)
	body := func(text string, lines ...string) func(rq) rq {
		return func(r rq) rq { r.Body = text; return r.And(lines...) }
	}
	bad("a body, with Content-Length", "RFC 9110 7.8", body("hello", "Content-Length: 5"), refuse(400, 413).or(legal))
	bad("a body, chunked", "RFC 9110 7.8", body("0\r\n\r\n", "Transfer-Encoding: chunked"), refuse(400, 413, 501).or(legal))
	bad("both Content-Length and Transfer-Encoding", "RFC 9112 6.1", body("0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
		refuse(400, 413, 501).or("RFC 9112 6.3 lets a server go by Transfer-Encoding"))
	bad("a coding that is not chunked", "RFC 9112 6.3, item 4: MUST respond with 400; 6.1: SHOULD with 501",
		body("", "Transfer-Encoding: gzip"), reply{statuses: []int{400, 501}, must: true})
	bad("a coding that does not exist", "RFC 9112 6.1: SHOULD respond with 501", body("", "Transfer-Encoding: x-weir"), refuse(501, 400))
	for _, v := range []string{"abc", "-1", "+5", "5 5", "0x5", "5.0", "", "18446744073709551616", "5, 6"} {
		bad("Content-Length: "+v, invalid, body("", "Content-Length: "+v), reply{statuses: []int{400, 413}, must: true})
	}
	bad("two Content-Lengths that differ", invalid, body("hello", "Content-Length: 5", "Content-Length: 6"), mustRefuse(400))
}

func (g *handshakeGroup) sizes(bad addRequest) {
	large := func(statuses ...int) reply { return reply{statuses: statuses, free: true} }
	bad("a target of 64 KiB: admitted, or 414", "RFC 9112 3: MUST respond with 414",
		line("GET PATH?"+strings.Repeat("a", 64<<10)+" HTTP/1.1"), large(414))
	bad("a field of 64 KiB: admitted, or 431", "RFC 6585 5", adding("X-Weir: "+strings.Repeat("a", 64<<10)), large(431, 400))
	bad("1000 fields: admitted, or 431", "RFC 6585 5", func(r rq) rq {
		for i := range 1000 {
			r.Fields = append(r.Fields, fmt.Sprintf("X-Weir-%d: a", i))
		}
		return r
	}, large(431, 400))
}

// handshakeRefusal is how a refusal has to look.
func handshakeRefusal() []Rule {
	g := handshakeGroup{group{section: "H4 Opening handshake: how a refusal ends", source: "RFC 9112 9.6"}, "H4"}
	ends := func(name string, bend func(rq) rq) {
		g.request(name+": a reply with Connection: close, all of it, then FIN", "", request{bend: bend, want: reply{closes: true}})
	}
	ends("a bad head", adding("X-Weir : a"))
	ends("no key", with("Sec-WebSocket-Key"))
	ends("version 12", with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 12"))
	ends("a bad head with 32 KiB behind it", func(r rq) rq { r.Body = strings.Repeat("x", 32<<10); return r.And("X-Weir : a") })
	ends("a refused request with another behind it", func(r rq) rq {
		r.Body = string(r.Bytes())
		return r.Without("Sec-WebSocket-Key")
	})
	return g.rules
}
