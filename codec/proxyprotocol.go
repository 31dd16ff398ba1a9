package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
)

// ProxyHeader is what a proxy says of a connection that it forwards, before the first byte of it: the
// header of HAProxy's PROXY protocol, version 1 or 2. It aliases nothing.
type ProxyHeader struct {
	// Version is 1 or 2.
	Version int
	// Source and Destination are the addresses of the connection as the client made it. They are not valid
	// where the proxy names none (LOCAL, such as a health check; UNKNOWN, UNSPEC), where it is no TCP
	// connection, and for Unix sockets: then the addresses of the real connection count.
	Source, Destination netip.AddrPort
	// Unix says that the client came over a Unix socket on the proxy's machine. SourcePath is the path of
	// the client's end, which is mostly empty, and DestinationPath that of the proxy's.
	Unix                        bool
	SourcePath, DestinationPath string
}

// MaxProxyHeader is the length of the longest PROXY header that ParseProxyHeader accepts, in bytes. One of
// version 1 has at most 107; in version 2 this leaves room for what proxies add, such as a certificate.
const MaxProxyHeader = 4096

const (
	proxyLineStart = "PROXY "
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
)

var (
	errProxyStart    = errors.New("PROXY header: the connection does not begin with one")
	errProxyProtocol = errors.New("PROXY header: the protocol is not TCP4, TCP6 or UNKNOWN")
	errProxyLine     = errors.New("PROXY header: the line is longer than 107 bytes or does not end with CR LF")
	errProxyFields   = errors.New("PROXY header: there must be two addresses and two ports, with one space between")
	errProxyAddress  = errors.New("PROXY header: an address is malformed or of the other family")
	errProxyPort     = errors.New("PROXY header: a port is not a number from 0 to 65535")
	errProxyCommand  = errors.New("PROXY header: the version is not 2, or the command neither LOCAL nor PROXY")
	errProxyFamily   = errors.New("PROXY header: the address family or the transport protocol is unknown")
	errProxyTooLong  = errors.New("PROXY header: it is longer than 4096 bytes")
	errProxyShort    = errors.New("PROXY header: it is too short for the addresses of its family")
	errProxyTLV      = errors.New("PROXY header: a TLV reaches beyond the end")
	errProxyChecksum = errors.New("PROXY header: the checksum is wrong")
)

// ParseProxyHeader parses the PROXY header at the front of b: all that has arrived on the connection so far.
// It returns the length of the header once that is complete; 0 and no error if more bytes are needed; or 0
// and an error, after which the connection is to be closed without a word (section 2: "The receiver MUST
// ... not try to guess whether the protocol header is present or not"). How the bytes are split over calls
// makes no difference.
func ParseProxyHeader(b []byte) (h ProxyHeader, n int, err error) {
	switch {
	case startsLike(b, proxyLineStart):
		return parseProxyLine(b)
	case startsLike(b, proxySignature):
		return parseProxyBinary(b)
	}
	return h, 0, errProxyStart
}

// startsLike reports whether b begins with s, or may once it is longer.
func startsLike(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}

// parseProxyLine parses version 1 (section 2.1): one line of text.
//
//	PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 CR LF
func parseProxyLine(b []byte) (h ProxyHeader, n int, err error) {
	const longest = 107 // with CR LF
	b = b[:min(len(b), longest)]
	end := bytes.IndexByte(b, '\r') // no protocol has a CR in its line
	switch {
	case end < 0 && len(b) == longest, end == longest-1, end >= 0 && end+1 < len(b) && b[end+1] != '\n':
		return h, 0, errProxyLine
	case end < 0 || end+1 == len(b):
		return h, 0, nil
	}
	h.Version = 1
	line := b[len(proxyLineStart):end]
	protocol, rest, more := bytes.Cut(line, []byte{' '})
	var parse func([]byte) (netip.Addr, bool)
	switch string(protocol) {
	case "UNKNOWN": // "the receiver must ignore anything presented before the CRLF is found"
		return h, end + 2, nil
	case "TCP4":
		parse = parseIPv4
	case "TCP6":
		parse = parseIPv6
	default:
		return ProxyHeader{}, 0, errProxyProtocol
	}
	fields := bytes.Split(rest, []byte{' '})
	if !more || len(fields) != 4 {
		return ProxyHeader{}, 0, errProxyFields
	}
	source, ok := parse(fields[0])
	destination, ok2 := parse(fields[1])
	if !ok || !ok2 {
		return ProxyHeader{}, 0, errProxyAddress
	}
	sourcePort, ok := parsePort(fields[2])
	destinationPort, ok2 := parsePort(fields[3])
	if !ok || !ok2 {
		return ProxyHeader{}, 0, errProxyPort
	}
	h.Source = netip.AddrPortFrom(source, sourcePort)
	h.Destination = netip.AddrPortFrom(destination, destinationPort)
	return h, end + 2, nil
}

// parseIPv4 parses an IPv4 address without leading zeros.
func parseIPv4(b []byte) (a netip.Addr, ok bool) {
	if !validIPv4(b) {
		return a, false
	}
	a, err := netip.ParseAddr(string(b))
	return a, err == nil
}

// parseIPv6 parses an IPv6 address without a zone.
func parseIPv6(b []byte) (a netip.Addr, ok bool) {
	if !validIPv6(b) {
		return a, false
	}
	a, err := netip.ParseAddr(string(b))
	return a, err == nil
}

// parsePort parses a port: "Heading zeroes are not permitted".
func parsePort(b []byte) (uint16, bool) {
	if len(b) == 0 || len(b) > 5 || !all(b, classDigit) || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	n := portNumber(b, 0)
	return uint16(n), n <= 65535
}

// parseProxyBinary parses version 2 (section 2.2):
//
//	signature (12) | version, command (1) | family, protocol (1) | length (2) | addresses | TLVs
func parseProxyBinary(b []byte) (h ProxyHeader, n int, err error) {
	const fixed = 16
	if len(b) <= 12 {
		return h, 0, nil
	}
	if b[12]>>4 != 2 || b[12]&0xF > 1 {
		return h, 0, errProxyCommand
	}
	local := b[12]&0xF == 0
	if len(b) >= 14 && !local && (b[13]>>4 > 3 || b[13]&0xF > 2) { // of LOCAL "the family ... is ignored"
		return h, 0, errProxyFamily
	}
	if len(b) < fixed {
		return h, 0, nil
	}
	n = fixed + int(binary.BigEndian.Uint16(b[14:]))
	need, known := addressLength(b[13])
	switch {
	case n > MaxProxyHeader:
		return h, 0, errProxyTooLong
	case !local && n < fixed+need:
		return h, 0, errProxyShort
	case len(b) < n: // "The receiver must not start to parse an address before the whole address block"
		return h, 0, nil
	}
	h.Version = 2
	if local || !known { // nothing tells where TLVs begin
		return h, n, nil
	}
	if err := checkProxyTLVs(b[:n], fixed+need); err != nil {
		return ProxyHeader{}, 0, err
	}
	h.takeAddresses(b[13], b[fixed:fixed+need])
	return h, n, nil
}

// addressLength returns the length of the address block for the family and protocol in f. known is false
// where either is unspecified.
func addressLength(f byte) (n int, known bool) {
	if f&0xF == 0 {
		return 0, false
	}
	switch f >> 4 {
	case 1:
		return 2*4 + 2*2, true
	case 2:
		return 2*16 + 2*2, true
	case 3:
		return 2 * 108, true
	}
	return 0, false
}

// takeAddresses reads the address block b. Datagrams are no connection of ours: section 2.2 has receivers
// fall back to UNSPEC for what they do not support.
func (h *ProxyHeader) takeAddresses(f byte, b []byte) {
	switch f {
	case 0x11, 0x21:
		size := (len(b) - 4) / 2
		source, _ := netip.AddrFromSlice(b[:size])
		destination, _ := netip.AddrFromSlice(b[size : 2*size])
		h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(b[2*size:]))
		h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(b[2*size+2:]))
	case 0x31:
		h.Unix = true
		h.SourcePath = cString(b[:108])
		h.DestinationPath = cString(b[108:])
	}
}

// cString returns what stands before the first NUL, if there is one.
func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
