package codec

import "bytes"

// OriginHost splits the value of an Origin field (RFC 6454 7) into its scheme and its host with the port, if
// it has one. Both alias origin. ok is false unless origin is one well-formed serialized origin: it is false
// for "null", for a list of origins, and for a URL with a user name or a path.
func OriginHost(origin []byte) (scheme, hostport []byte, ok bool) {
	colon := bytes.IndexByte(origin, ':')
	if colon < 1 || !isLetter(origin[0]) {
		return nil, nil, false
	}
	for _, c := range origin[:colon] { // RFC 3986 3.1
		if !isLetter(c) && classes[c]&classDigit == 0 && c != '+' && c != '-' && c != '.' {
			return nil, nil, false
		}
	}
	hostport, found := bytes.CutPrefix(origin[colon+1:], []byte("//"))
	if !found {
		return nil, nil, false
	}
	if _, _, ok = splitHost(hostport); !ok {
		return nil, nil, false
	}
	return origin[:colon], hostport, true
}

// SameOrigin reports whether the value of an Origin field names the host and the port of the value of a Host
// field, so that a page is talking to the server that it came from. Case does not matter, and a port that is
// left out is 80 for http and ws, 443 for https and wss. The Host field has no scheme: it gets the origin's,
// so http://a and https://a are both the same as a. "null", a malformed value or any other scheme is never
// the same. Addresses are compared as they are written.
func SameOrigin(origin, host []byte) bool {
	scheme, hostport, ok := OriginHost(origin)
	if !ok {
		return false
	}
	port, ok := defaultPort(scheme)
	if !ok {
		return false
	}
	host1, port1, _ := splitHost(hostport)
	host2, port2, ok := splitHost(host)
	if !ok || !equalFold(host1, host2) {
		return false
	}
	return portNumber(port1, port) == portNumber(port2, port)
}

// defaultPort returns the port of a scheme that WebSocket servers are reached by (RFC 9110 4.2, RFC 6455 3).
func defaultPort(scheme []byte) (port int, ok bool) {
	switch {
	case equalFold(scheme, "http"), equalFold(scheme, "ws"):
		return 80, true
	case equalFold(scheme, "https"), equalFold(scheme, "wss"):
		return 443, true
	}
	return 0, false
}

// portNumber returns the number that digits stand for: absent if there are none, and a number above 65535
// for any that is too large to be a port.
func portNumber(digits []byte, absent int) int {
	if len(digits) == 0 {
		return absent
	}
	n := 0
	for _, c := range digits {
		if n = n*10 + int(c-'0'); n > 65535 {
			break
		}
	}
	return n
}
