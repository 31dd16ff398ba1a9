package codec

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// proxyHead is the fixed part of a header of version 2, with the length of what follows.
func proxyHead(versionCommand, family byte, length int) string {
	return proxySignature + string([]byte{versionCommand, family, byte(length >> 8), byte(length)})
}

// proxyBinary is a header of version 2.
func proxyBinary(versionCommand, family byte, parts ...string) string {
	block := strings.Join(parts, "")
	return proxyHead(versionCommand, family, len(block)) + block
}

// tlv is a TLV (section 2.2).
func tlv(kind byte, value string) string {
	return string([]byte{kind, byte(len(value) >> 8), byte(len(value))}) + value
}

// withChecksum returns a header over IPv4 with a checksum TLV between two others (section 2.2.3).
func withChecksum() string {
	h := []byte(proxyBinary(0x21, 0x11, proxyIPv4, tlv(4, ""), tlv(typeCRC32C, "\x00\x00\x00\x00"), tlv(2, "example.com")))
	at := 16 + len(proxyIPv4) + 3 + 3
	binary.BigEndian.PutUint32(h[at:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
	return string(h)
}

var (
	proxyIPv4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x1f\x90\x01\xbb"
	proxyIPv6 = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02\xff\xff\x00\x01"
	proxyUnix = "/client" + strings.Repeat("\x00", 101) + strings.Repeat("p", 108)
)

const (
	all6  = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
	none0 = "invalid AddrPort"
)

var goodProxyHeaders = []struct {
	rule, header        string
	source, destination string
	sourcePath          string
}{
	{rule: "2.1 TCP4", header: "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", source: "192.168.0.1:56324", destination: "192.168.0.11:443"},
	{rule: "2.1 TCP4, the longest", header: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", source: "255.255.255.255:65535", destination: "255.255.255.255:65535"},
	{rule: "2.1 TCP4, port 0", header: "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", source: "0.0.0.0:0", destination: "0.0.0.0:0"},
	{rule: "2.1 TCP6", header: "PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", source: "[2001:db8::1]:1", destination: "[::1]:2"},
	{rule: "2.1 TCP6, the longest", header: "PROXY TCP6 " + all6 + " " + all6 + " 65535 65535\r\n", source: "[" + all6 + "]:65535", destination: "[" + all6 + "]:65535"},
	{rule: "2.1 UNKNOWN, short form", header: "PROXY UNKNOWN\r\n", source: none0, destination: none0},
	{rule: "2.1 UNKNOWN, worst case", header: "PROXY UNKNOWN " + all6 + " " + all6 + " 65535 65535\r\n", source: none0, destination: none0},
	{rule: "2.1 UNKNOWN, anything before the CRLF is ignored", header: "PROXY UNKNOWN \x00\n  TCP4\r\n", source: none0, destination: none0},
	{rule: "2.2 TCP over IPv4", header: proxyBinary(0x21, 0x11, proxyIPv4), source: "192.0.2.1:8080", destination: "192.0.2.2:443"},
	{rule: "2.2 TCP over IPv6", header: proxyBinary(0x21, 0x21, proxyIPv6), source: "[2001:db8::1]:65535", destination: "[2001:db8::2]:1"},
	{rule: "2.2 UNIX stream", header: proxyBinary(0x21, 0x31, proxyUnix), source: none0, destination: none0, sourcePath: "/client"},
	{rule: "2.2 LOCAL without addresses", header: proxyBinary(0x20, 0x00), source: none0, destination: none0},
	{rule: "2.2 LOCAL, addresses are discarded", header: proxyBinary(0x20, 0x11, proxyIPv4), source: none0, destination: none0},
	{rule: "2.2 LOCAL, the family is ignored", header: proxyBinary(0x20, 0xFF, "any"), source: none0, destination: none0},
	{rule: "2.2 UNSPEC, addresses are ignored", header: proxyBinary(0x21, 0x00, "anything"), source: none0, destination: none0},
	{rule: "2.2 IPv4 over an unspecified protocol", header: proxyBinary(0x21, 0x10, proxyIPv4), source: none0, destination: none0},
	{rule: "2.2 UDP over IPv4 falls back to UNSPEC", header: proxyBinary(0x21, 0x12, proxyIPv4), source: none0, destination: none0},
	{rule: "2.2 UDP over IPv6 falls back to UNSPEC", header: proxyBinary(0x21, 0x22, proxyIPv6), source: none0, destination: none0},
	{rule: "2.2 UNIX datagram falls back to UNSPEC", header: proxyBinary(0x21, 0x32, proxyUnix), source: none0, destination: none0},
	{rule: "2.2 TLVs are skipped", header: proxyBinary(0x21, 0x11, proxyIPv4, tlv(1, "http/1.1"), tlv(0xEE, "")), source: "192.0.2.1:8080", destination: "192.0.2.2:443"},
	{rule: "2.2 as long as may be", header: proxyBinary(0x21, 0x11, proxyIPv4, tlv(4, strings.Repeat("x", MaxProxyHeader-16-12-3))), source: "192.0.2.1:8080", destination: "192.0.2.2:443"},
	{rule: "2.2.3 checksum", header: withChecksum(), source: "192.0.2.1:8080", destination: "192.0.2.2:443"},
}

func TestProxyHeader(t *testing.T) {
	for _, row := range goodProxyHeaders {
		t.Run(row.rule, func(t *testing.T) {
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n"} {
				h, n, err := ParseProxyHeader([]byte(row.header + behind))
				if err != nil || n != len(row.header) {
					t.Fatalf("%d bytes of %d, %v", n, len(row.header), err)
				}
				if h.Source.String() != row.source || h.Destination.String() != row.destination || h.SourcePath != row.sourcePath {
					t.Errorf("%+v", h)
				}
				if h.Version != 2-strings.Count(row.header[:1], "P") || h.Unix != (row.sourcePath != "") {
					t.Errorf("version %d, unix %t", h.Version, h.Unix)
				}
			}
			for n := range len(row.header) {
				if h, n, err := ParseProxyHeader([]byte(row.header[:n])); n != 0 || err != nil || h != (ProxyHeader{}) {
					t.Fatalf("%d bytes of %q: %+v, %v", n, row.header, h, err)
				}
			}
		})
	}
	h, _, _ := ParseProxyHeader([]byte(proxyBinary(0x21, 0x31, proxyUnix)))
	if h.DestinationPath != strings.Repeat("p", 108) { // a path may fill its place, without a NUL
		t.Errorf("destination %q", h.DestinationPath)
	}
}

// badProxyHeaders are headers in which the byte before ¶ is the first that shows the fault.
var badProxyHeaders = []struct {
	rule, marked string
	want         error
}{
	{"2 no header but HTTP", "G¶ET / HTTP/1.1\r\n", errProxyStart},
	{"2 no header but TLS", "\x16¶\x03\x01", errProxyStart},
	{"2.1 exactly one space", "PROXY\t¶TCP4 1.1.1.1 1.1.1.1 1 1\r\n", errProxyStart},
	{"2.1 lower case", "p¶roxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", errProxyStart},
	{"2.1 two spaces before the protocol", "PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n¶", errProxyProtocol},
	{"2.1 unknown protocol", "PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n¶", errProxyProtocol},
	{"2.1 protocol with more behind it", "PROXY UNKNOWNX\r\n¶", errProxyProtocol},
	{"2.1 no protocol", "PROXY \r\n¶", errProxyProtocol},
	{"2.1 nothing after the protocol", "PROXY TCP4\r\n¶", errProxyFields},
	{"2.1 a field is missing", "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n¶", errProxyFields},
	{"2.1 a field too many", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n¶", errProxyFields},
	{"2.1 two spaces between addresses", "PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n¶", errProxyFields},
	{"2.1 space before CRLF", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n¶", errProxyFields},
	{"2.1 heading zero in an address", "PROXY TCP4 1.1.1.01 1.1.1.1 1 1\r\n¶", errProxyAddress},
	{"2.1 address above 255", "PROXY TCP4 1.1.1.1 1.1.1.256 1 1\r\n¶", errProxyAddress},
	{"2.1 IPv6 as TCP4", "PROXY TCP4 ::1 ::1 1 1\r\n¶", errProxyAddress},
	{"2.1 IPv4 as TCP6", "PROXY TCP6 1.1.1.1 ::1 1 1\r\n¶", errProxyAddress},
	{"2.1 IPv6 with a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n¶", errProxyAddress},
	{"2.1 IPv6 of 112 bits", "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 1\r\n¶", errProxyAddress},
	{"2.1 a name", "PROXY TCP4 localhost 1.1.1.1 1 1\r\n¶", errProxyAddress},
	{"2.1 heading zero in a port", "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n¶", errProxyPort},
	{"2.1 port above 65535", "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n¶", errProxyPort},
	{"2.1 port with a sign", "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n¶", errProxyPort},
	{"2.1 empty port", "PROXY TCP4 1.1.1.1 1.1.1.1 1 \r\n¶", errProxyPort},
	{"2.1 a single LF ends no line", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n\r\n¶", errProxyPort},
	{"2.1 a single CR ends no line", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\rG¶", errProxyLine},
	{"2.1 no CRLF in 107 bytes", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "x¶", errProxyLine},
	{"2.1 CR as byte 107", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r¶\n", errProxyLine},
	{"2.2 signature", "\r\n\r\n\x00\r\nQUIT\r¶", errProxyStart},
	{"2.2 version 1", proxySignature + "\x11¶", errProxyCommand},
	{"2.2 version 3", proxySignature + "\x31¶", errProxyCommand},
	{"2.2 command 2", proxySignature + "\x22¶", errProxyCommand},
	{"2.2 family 4", proxySignature + "\x21\x41¶", errProxyFamily},
	{"2.2 protocol 3", proxySignature + "\x21\x13¶", errProxyFamily},
	{"2.2 longer than may be", proxyHead(0x21, 0x11, MaxProxyHeader-15) + "¶", errProxyTooLong},
	{"2.2 LOCAL longer than may be", proxyHead(0x20, 0x00, 0xFFFF) + "¶", errProxyTooLong},
	{"2.2 short for IPv4", proxyHead(0x21, 0x11, 11) + "¶", errProxyShort},
	{"2.2 short for IPv6", proxyHead(0x21, 0x21, 35) + "¶", errProxyShort},
	{"2.2 short for UNIX", proxyHead(0x21, 0x31, 215) + "¶", errProxyShort},
	{"2.2 short for UDP, which falls back to UNSPEC", proxyHead(0x21, 0x12, 11) + "¶", errProxyShort},
	{"2.2 TLV without a length", proxyBinary(0x21, 0x11, proxyIPv4, "\x01\x00") + "¶", errProxyTLV},
	{"2.2 TLV beyond the end", proxyBinary(0x21, 0x11, proxyIPv4, tlv(1, "ab")[:4]) + "¶", errProxyTLV},
	{"2.2.3 checksum", proxyBinary(0x21, 0x11, proxyIPv4, tlv(3, "\x00\x00\x00\x00")) + "¶", errProxyChecksum},
	{"2.2.3 checksum of a wrong length", proxyBinary(0x21, 0x11, proxyIPv4, tlv(3, "\x00")) + "¶", errProxyChecksum},
	{"2.2.3 a byte has changed", strings.Replace(withChecksum(), "example", "exomple", 1) + "¶", errProxyChecksum},
}

func TestProxyHeaderRefused(t *testing.T) {
	for _, row := range badProxyHeaders {
		t.Run(row.rule, func(t *testing.T) {
			before, after, _ := strings.Cut(row.marked, "¶")
			for n := range len(before) {
				if _, got, err := ParseProxyHeader([]byte(before[:n])); got != 0 || err != nil {
					t.Fatalf("%q: %d bytes, %v; want more to be awaited", before[:n], got, err)
				}
			}
			for _, b := range []string{before, before + after} {
				if h, n, err := ParseProxyHeader([]byte(b)); err != row.want || n != 0 || h != (ProxyHeader{}) {
					t.Errorf("%q: %+v, %d, %v; want %v", b, h, n, err, row.want)
				}
			}
		})
	}
}

// FuzzProxyHeader holds that what is decided of the first bytes stays decided whatever follows, so that any
// split gives the same, that nothing is taken for a header that is longer than it may be, and that the
// input is left as it was.
func FuzzProxyHeader(f *testing.F) {
	for _, row := range goodProxyHeaders {
		f.Add([]byte(row.header + "GET"))
	}
	for _, row := range badProxyHeaders {
		f.Add([]byte(strings.ReplaceAll(row.marked, "¶", "")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), MaxProxyHeader+16)]
		kept := slices.Clone(b)
		whole, wholeN, wholeErr := ParseProxyHeader(b)
		for i := range len(b) + 1 {
			h, n, err := ParseProxyHeader(b[:i:i])
			if n == 0 && err == nil {
				continue
			}
			if h != whole || n != wholeN || err != wholeErr {
				t.Fatalf("%q up to %d: %+v, %d, %v; whole: %+v, %d, %v", b, i, h, n, err, whole, wholeN, wholeErr)
			}
			if err == nil && n != i {
				t.Fatalf("%q: a header of %d bytes was complete after %d", b, n, i)
			}
			break
		}
		if !slices.Equal(b, kept) || wholeN > MaxProxyHeader || len(b) >= MaxProxyHeader && wholeN == 0 && wholeErr == nil {
			t.Fatalf("%q: %d, %v", kept, wholeN, wholeErr)
		}
	})
}
