package codec

import "bytes"

// splitHost splits uri-host [ ":" port ] (RFC 9110 7.2, RFC 3986 3.2.2) into the host, with the brackets of
// an address literal, and the port, which may be empty. It refuses an empty host, which no http URI has
// (RFC 9110 4.2.1), a port above 65535, and the literals of addresses yet to be invented (IPvFuture).
func splitHost(b []byte) (host, port []byte, ok bool) {
	end := bytes.IndexByte(b, ':')
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if end == 0 || !validIPv6(b[1:end-1]) {
			return nil, nil, false
		}
	} else {
		if end < 0 {
			end = len(b)
		}
		if !validName(b[:end]) {
			return nil, nil, false
		}
	}
	host, port = b[:end], b[end:]
	if len(port) == 0 {
		return host, nil, true
	}
	if port[0] != ':' || !all(port[1:], classDigit) || portNumber(port[1:], 0) > 65535 {
		return nil, nil, false
	}
	return host, port[1:], true
}

// validName reports whether b is a reg-name that is not empty (RFC 3986 3.2.2). Every IPv4 address is one.
func validName(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			if i+2 >= len(b) || !all(b[i+1:i+3], classHex) {
				return false
			}
			i += 2
		} else if classes[b[i]]&className == 0 {
			return false
		}
	}
	return len(b) > 0
}

// validIPv6 reports whether b is an IPv6address (RFC 3986 3.2.2): eight groups of one to four hexadecimal
// digits, the last two perhaps as an IPv4 address, or fewer with one "::" in place of one or more.
func validIPv6(b []byte) bool {
	groups := 0
	b, gap := bytes.CutPrefix(b, []byte("::"))
	for len(b) > 0 || !gap {
		n := 0
		for n < len(b) && classes[b[n]]&classHex != 0 {
			n++
		}
		if n < len(b) && b[n] == '.' {
			return validIPv4(b) && (groups == 6 && !gap || groups < 6 && gap)
		}
		if n == 0 || n > 4 {
			return false
		}
		groups++
		b = b[n:]
		if len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return false
		}
		b = b[1:]
		if b[0] == ':' {
			if gap {
				return false
			}
			gap = true
			if b = b[1:]; len(b) == 0 {
				break
			}
		}
	}
	return groups == 8 && !gap || groups < 8 && gap
}

// validIPv4 reports whether b is an IPv4address (RFC 3986 3.2.2): four numbers up to 255, without leading zeros.
func validIPv4(b []byte) bool {
	for part := range 4 {
		n := 0
		for n < len(b) && classes[b[n]]&classDigit != 0 {
			n++
		}
		if n == 0 || n > 3 || n > 1 && b[0] == '0' || portNumber(b[:n], 0) > 255 {
			return false
		}
		b = b[n:]
		if part < 3 {
			if len(b) == 0 || b[0] != '.' {
				return false
			}
			b = b[1:]
		}
	}
	return len(b) == 0
}
