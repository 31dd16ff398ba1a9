package codec

import (
	"bytes"
	"net/netip"
)

// errForwarded refuses a request whose Forwarded field cannot be relied on.
var errForwarded = refusal(400, "The Forwarded field is malformed. Send elements such as: for=192.0.2.60;proto=https, or leave it out.")

// AppendForwarded parses the value of one Forwarded field (RFC 7239 4) and appends for each element the
// address that its for parameter names: that of the client, as one of the proxies on the way saw it. The
// last element is of the nearest proxy. An element without an address ("unknown", obfuscated as in
// for=_hidden, or without a for parameter) gives a netip.AddrPort that is not valid; the port is 0 where
// none is told. Several fields of a request make one list.
//
// If any part of the value is malformed, dst comes back as it was, with a *HandshakeError.
//
//	Forwarded         = 1#forwarded-element
//	forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//	forwarded-pair    = token "=" ( token / quoted-string )
func AppendForwarded(dst []netip.AddrPort, value []byte) ([]netip.AddrPort, error) {
	out := dst
	for rest := skipEmpty(value); len(rest) > 0; rest = skipEmpty(rest) {
		var e forwardedElement
		var ok bool
		if rest, ok = e.cut(rest); !ok {
			return dst, errForwarded
		}
		out = append(out, e.client)
	}
	return out, nil
}

// forwardedElement is what is kept of an element.
type forwardedElement struct {
	client netip.AddrPort
	names  [][]byte // of the parameters
}

// cut cuts an element and the comma after it off the front of list.
func (e *forwardedElement) cut(list []byte) (rest []byte, ok bool) {
	for rest = list; ; rest = rest[1:] {
		if len(rest) > 0 && rest[0] != ';' && rest[0] != ',' && !isSpace(rest[0]) {
			if rest, ok = e.cutPair(rest); !ok {
				return rest, false
			}
		}
		if len(rest) > 0 && rest[0] == ';' {
			continue
		}
		rest = skipSpace(rest) // RFC 9110 5.6.1: around commas, and nowhere else
		return rest, len(rest) == 0 || rest[0] == ','
	}
}

// cutPair cuts a parameter off the front of b and takes it in.
func (e *forwardedElement) cutPair(b []byte) (rest []byte, ok bool) {
	n := run(b, 0, classToken)
	if n == 0 || n == len(b) || b[n] != '=' {
		return b, false
	}
	name, rest := b[:n], b[n+1:]
	for _, other := range e.names {
		if equalFold(name, other) { // RFC 7239 4: "MUST NOT occur more than once per field-value"
			return b, false
		}
	}
	e.names = append(e.names, name)
	n = run(rest, 0, classToken)
	value := rest[:n]
	if len(rest) > 0 && rest[0] == '"' {
		if value, rest, ok = cutQuotedString(rest); !ok {
			return b, false
		}
	} else if rest = rest[n:]; n == 0 {
		return b, false
	}
	return rest, e.take(name, value)
}

// take checks the parameters that RFC 7239 5 defines and keeps the client's address.
func (e *forwardedElement) take(name, value []byte) (ok bool) {
	switch {
	case equalFold(name, "for"):
		e.client, ok = parseNode(value)
	case equalFold(name, "by"):
		_, ok = parseNode(value)
	case equalFold(name, "host"): // 5.3: the Host field
		_, _, ok = splitHost(value)
	case equalFold(name, "proto"): // 5.4: a URI scheme
		ok = validScheme(value)
	default: // 5.5: an extension
		ok = true
	}
	return ok
}

// validScheme reports whether b is a scheme (RFC 3986 3.1).
func validScheme(b []byte) bool {
	for _, c := range b {
		if !isLetter(c) && classes[c]&classDigit == 0 && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return len(b) > 0 && isLetter(b[0])
}

// cutQuotedString cuts a quoted-string off the front of b and undoes its escapes (RFC 9110 5.6.4).
func cutQuotedString(b []byte) (value, rest []byte, ok bool) {
	escaped := false
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			value = b[1:i]
			if escaped {
				value = unescape(value)
			}
			return value, b[i+1:], true
		case c == '\\':
			escaped = true
			if i++; i == len(b) || classes[b[i]]&classText == 0 && !isSpace(b[i]) {
				return nil, b, false
			}
		case classes[c]&classText == 0 && !isSpace(c):
			return nil, b, false
		}
	}
	return nil, b, false
}

// parseNode parses a node (RFC 7239 6): an address with a port or without, "unknown", or an obfuscated name.
//
//	node      = nodename [ ":" node-port ]
//	nodename  = IPv4address / "[" IPv6address "]" / "unknown" / obfnode
//	node-port = 1*5DIGIT / obfport
func parseNode(b []byte) (node netip.AddrPort, ok bool) {
	name, port, hasPort := bytes.Cut(b, []byte{':'})
	var addr netip.Addr
	if len(b) > 0 && b[0] == '[' {
		end := max(bytes.IndexByte(b, ']'), 1)
		addr, ok = parseIPv6(b[1:end])
		name, port = nil, b[min(end+1, len(b)):]
		if hasPort = len(port) > 0; hasPort {
			ok = ok && port[0] == ':'
			port = port[1:]
		}
	} else {
		addr, ok = parseIPv4(name)
		ok = ok || equalFold(name, "unknown") || obfuscated(name)
	}
	number := 0
	if hasPort && !obfuscated(port) {
		number = portNumber(port, 65536)
		ok = ok && len(port) <= 5 && all(port, classDigit) && number <= 65535
	}
	if !ok || !addr.IsValid() {
		return node, ok
	}
	return netip.AddrPortFrom(addr, uint16(number)), true
}

// obfuscated reports whether b is an obfnode or obfport (RFC 7239 6.3).
func obfuscated(b []byte) bool {
	if len(b) < 2 || b[0] != '_' {
		return false
	}
	for _, c := range b[1:] {
		if !isLetter(c) && classes[c]&classDigit == 0 && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// AppendXForwardedFor parses the value of one X-Forwarded-For field and appends the address of each member
// of its list, as AppendForwarded does. No standard says what may stand there, and the beginning of it is
// the client's own invention: a member that is no address gives one that is not valid. Addresses may have a
// port; an IPv6 address needs brackets only before a port.
func AppendXForwardedFor(dst []netip.AddrPort, value []byte) []netip.AddrPort {
	for more := true; more; {
		var member []byte
		if member, value, more = cutMember(value); len(member) == 0 {
			continue
		}
		node, _ := parseNode(member)
		if addr, ok := parseIPv6(member); ok {
			node = netip.AddrPortFrom(addr, 0)
		}
		dst = append(dst, node)
	}
	return dst
}
