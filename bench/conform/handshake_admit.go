package conform

import (
	"strings"

	"example.org/weir/bench/rawpeer"
)

type rq = rawpeer.Request

// with replaces the field of a name by lines.
func with(name string, lines ...string) func(rq) rq {
	return func(r rq) rq { return r.With(name, lines...) }
}

// adding adds lines at the end of the head.
func adding(lines ...string) func(rq) rq {
	return func(r rq) rq { return r.And(lines...) }
}

// line replaces the request line; PATH in it stands for the path that is asked for, and HOST for the host.
func line(l string) func(rq) rq {
	return func(r rq) rq {
		path := strings.Fields(r.Line)[1]
		host := strings.TrimPrefix(r.Fields[0], "Host: ")
		r.Line = strings.NewReplacer("PATH", path, "HOST", host).Replace(l)
		return r
	}
}

// lines changes each field line.
func lines(change func(string) string) func(rq) rq {
	return func(r rq) rq {
		for _, l := range r.Fields {
			r = r.With(strings.SplitN(l, ":", 2)[0], change(l))
		}
		return r
	}
}

// handshakeAdmits are requests that must be admitted.
func handshakeAdmits() []Rule {
	g := handshakeGroup{group{section: "H1 Opening handshake: what is to be admitted", source: "RFC 6455 4.2.1, 4.2.2"}, "H1"}
	good := func(name, source string, bend func(rq) rq) {
		g.request(name, source, request{bend: bend, want: admit()})
	}
	good("a good request", "", nil)
	g.request("the key of the RFC's example has the accept value of the RFC's example", "RFC 6455 1.3", request{
		offer: rawpeer.Options{Key: "dGhlIHNhbXBsZSBub25jZQ=="}, want: admit(),
	})
	good("Upgrade: WEBSOCKET", "RFC 6455 4.2.1, item 3: case-insensitive", with("Upgrade", "Upgrade: WEBSOCKET"))
	good("Connection: upgrade", "RFC 6455 4.2.1, item 4: case-insensitive", with("Connection", "Connection: upgrade"))
	good("Upgrade in a list", "RFC 9110 7.8", with("Upgrade", "Upgrade: x-weir-unknown, websocket"))
	good("Upgrade token in a list of Connection", "RFC 9110 7.6.1", with("Connection", "Connection: keep-alive, Upgrade"))
	good("Upgrade token in the second of two Connection fields", "RFC 9110 5.3", with("Connection", "Connection: keep-alive", "Connection: Upgrade"))
	good("empty elements in the list of Connection", "RFC 9110 5.6.1.2: MUST parse and ignore", with("Connection", "Connection: , ,Upgrade,"))
	good("field names in lower case", "RFC 9110 5.1: case-insensitive", lines(func(l string) string {
		name, value, _ := strings.Cut(l, ":")
		return strings.ToLower(name) + ":" + value
	}))
	good("field names in upper case", "RFC 9110 5.1: case-insensitive", lines(func(l string) string {
		name, value, _ := strings.Cut(l, ":")
		return strings.ToUpper(name) + ":" + value
	}))
	good("no space after the colons", "RFC 9112 5: OWS", lines(func(l string) string { return strings.Replace(l, ": ", ":", 1) }))
	good("spaces and tabs around the values", "RFC 9112 5: OWS", lines(func(l string) string { return strings.Replace(l, ": ", ": \t ", 1) + " \t" }))
	good("fields in the opposite order", "RFC 9110 5.3", func(r rq) rq {
		reversed := r
		reversed.Fields = nil
		for _, l := range r.Fields {
			reversed.Fields = append([]string{l}, reversed.Fields...)
		}
		return reversed
	})
	good("unknown fields", "RFC 6455 4.2.1: unknown fields are ignored", adding("X-Weir: a", "X-Weir: b", "Cookie: a=b; c=d"))
	good("a field value with bytes above 127", "RFC 9110 5.5: obs-text", adding("X-Weir: \xe9\xff"))
	good("an empty field value", "RFC 9112 5", adding("X-Weir:"))
	good("a field of 4 KiB", "RFC 9110 5.4", adding("X-Weir: "+strings.Repeat("a", 4<<10)))
	good("Content-Length: 0", "RFC 9112 6.2", adding("Content-Length: 0"))
	good("target in absolute-form", "RFC 9112 3.2.2: MUST accept", line("GET http://HOSTPATH HTTP/1.1"))
	g.request("an empty line before the request line", "RFC 9112 2.2", request{
		bend: func(r rq) rq { r.Line = "\r\n" + r.Line; return r }, want: admit().or("only a SHOULD: ignore one empty line"),
	})
	g.request("HTTP/1.2, which does not exist yet", "RFC 9110 2.5", request{
		bend: line("GET PATH HTTP/1.2"), want: admit().or("only a SHOULD: treat a higher minor version as one's own"),
	})
	g.request("the head byte by byte", "RFC 9112 2.2", request{chops: 1, want: admit()})
	g.request("a text frame in the same write as the head", "RFC 6455 4.1: a client waits, but bytes may come together", request{
		then: rawpeer.Bytes(rawpeer.Text("first")), want: admit().or("a client has to wait for the reply"),
	})
	g.offers()
	return g.rules
}

// offers adds requests that offer what the server cannot know.
func (g *handshakeGroup) offers() {
	const unknown = "x-weir-unknown"
	extension := func(name, offer string) {
		g.request(name, "RFC 6455 9.1", request{bend: adding("Sec-WebSocket-Extensions: " + offer), want: admit()})
	}
	// The check of the reply is told of no offer: an extension that nobody knows must not be accepted.
	extension("an unknown extension: admitted without it", unknown)
	extension("an unknown extension with parameters: admitted without it", unknown+`; a; b=1; c="d"`)
	extension("two unknown extensions: admitted without them", unknown+", x-weir-other;a")
	g.request("unknown subprotocols: admitted, with one of them or none", "RFC 6455 4.2.2, item 5.5", request{
		bend:  adding("Sec-WebSocket-Protocol: " + unknown + ", x-weir-other"),
		offer: rawpeer.Options{Subprotocols: []string{unknown, "x-weir-other"}}, want: admit(),
	})
	g.request("unknown subprotocols in two fields", "RFC 6455 11.3.4", request{
		bend:  adding("Sec-WebSocket-Protocol: "+unknown, "Sec-WebSocket-Protocol: x-weir-other"),
		offer: rawpeer.Options{Subprotocols: []string{unknown, "x-weir-other"}}, want: admit(),
	})
}
