package conform

import "strings"

// handshakeRefuses are requests that break RFC 6455 4.2.1.
func handshakeRefuses() []Rule {
	g := handshakeGroup{group{
		section: "H2 Opening handshake: what RFC 6455 refuses",
		source:  "RFC 6455 4.2.1: MUST stop and return an HTTP error",
	}, "H2"}
	bad := func(name string, bend func(rq) rq, want reply) {
		g.request(name, "", request{bend: bend, want: want})
	}
	for _, method := range []string{"POST", "HEAD", "OPTIONS"} {
		bad("method "+method, line(method+" PATH HTTP/1.1"), refuse(400, 405, 501))
	}
	bad("method get: methods have a case", line("get PATH HTTP/1.1"), refuse(400, 405, 501))
	bad("HTTP/1.0", line("GET PATH HTTP/1.0"), refuse(400, 426, 505))

	none := reply{plain: true}
	bad("no Upgrade field: a plain request", with("Upgrade"), none)
	bad("Upgrade: h2c", with("Upgrade", "Upgrade: h2c"), none)
	bad("Upgrade: websockets", with("Upgrade", "Upgrade: websockets"), none)
	bad("Upgrade: web socket", with("Upgrade", "Upgrade: web socket"), none)
	bad("no Connection field", with("Connection"), refuse(400, 426))
	bad("Connection: keep-alive", with("Connection", "Connection: keep-alive"), refuse(400, 426))
	bad("Connection: xupgrade", with("Connection", "Connection: xupgrade"), refuse(400, 426))
	g.key(bad)
	g.version(bad)
	g.lists(bad)
	return g.rules
}

func (g *handshakeGroup) key(bad func(string, func(rq) rq, reply)) {
	const key = "AAECAwQFBgcICQoLDA0ODw==" // the bytes 0 to 15
	for _, c := range []struct{ name, value string }{
		{"empty key", ""},
		{"key of 15 bytes", "AAECAwQFBgcICQoLDA0O"},
		{"key of 17 bytes", "AAECAwQFBgcICQoLDA0ODxA="},
		{"key of 24 letters, without padding", strings.Repeat("A", 24)},
		{"key that is not padded", strings.TrimRight(key, "=")},
		{"key with a byte that base64 has not", "AAECAwQFBgcICQoLDA0O*w=="},
		{"key in the alphabet for URLs", "AAECAwQFBgcICQoLDA0-_w=="},
		{"key with a space inside", "AAECAwQFBgc ICQoLDA0ODw=="},
		{"plain words as key", "the sample nonce"},
	} {
		bad(c.name, with("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+c.value), refuse(400))
	}
	bad("no key", with("Sec-WebSocket-Key"), refuse(400))
	bad("two keys", with("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+key, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), refuse(400))
	bad("the same key twice", with("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+key, "Sec-WebSocket-Key: "+key), refuse(400))
	bad("key whose last digit has bits to spare", with("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODx=="),
		refuse(400).or("RFC 4648 3.5 lets a decoder ignore them"))
}

func (g *handshakeGroup) version(bad func(string, func(rq) rq, reply)) {
	const field = "Sec-WebSocket-Version"
	other := reply{statuses: []int{426, 400}, version: true}
	for _, v := range []string{"0", "7", "8", "12", "14", "25", "130", "255"} {
		g.request("version "+v, "RFC 6455 4.2.2, item 4; 4.4: MUST answer with the versions it understands",
			request{bend: with(field, field+": "+v), want: other})
	}
	for _, v := range []string{"", "013", "13a", "+13", "13.0", "-13", "thirteen", "13 8", "13, 8", "8, 13"} {
		bad(strings.TrimSpace("version "+v)+", which is no version", with(field, field+": "+v), refuse(400, 426))
	}
	bad("no version", with(field), refuse(400, 426))
	bad("two versions", with(field, field+": 13", field+": 8"), refuse(400, 426))
	bad("the same version twice", with(field, field+": 13", field+": 13"), refuse(400, 426))
}

// lists adds lists of subprotocols and extensions that the grammar has not.
func (g *handshakeGroup) lists(bad func(string, func(rq) rq, reply)) {
	for _, v := range []string{"", "a b", "a/b", `"a"`, "a@b", "a;b"} {
		bad("subprotocols `"+v+"`", adding("Sec-WebSocket-Protocol: "+v), refuse(400))
	}
	const repeated = "the rule binds the client (RFC 6455 4.1, item 10)"
	bad("a subprotocol twice", adding("Sec-WebSocket-Protocol: a, a"), refuse(400).or(repeated))
	for _, v := range []string{"", "a b", ";a", "a;", "a; =1", "a; b=", `a; b="c`, `a; b="c d"`, "a=b", "(a)"} {
		g.request("extensions `"+v+"`", "RFC 6455 9.1: a field that is not well-formed MUST be refused",
			request{bend: adding("Sec-WebSocket-Extensions: " + v), want: refuse(400)})
	}
	g.request("two Origin fields", "RFC 6454 7.3", request{
		bend: adding("Origin: http://a.example", "Origin: http://b.example"),
		want: refuse(400, 403).or("the rule binds the client"),
	})
}
