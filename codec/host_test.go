package codec

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSplitHost(t *testing.T) {
	for _, row := range []struct {
		hostport, host, port string
		ok                   bool
	}{
		{"a", "a", "", true},
		{"Example.COM:80", "Example.COM", "80", true},
		{"a:", "a", "", true},
		{"a:0", "a", "0", true},
		{"a:65535", "a", "65535", true},
		{"a:00080", "a", "00080", true},
		{"1.2.3.4:9", "1.2.3.4", "9", true},
		{"999.1.1.1", "999.1.1.1", "", true}, // a reg-name
		{"a_b~!$&'()*+,;=", "a_b~!$&'()*+,;=", "", true},
		{"%c3%A9", "%c3%A9", "", true},
		{"[::1]", "[::1]", "", true},
		{"[::1]:443", "[::1]", "443", true},
		{"[::1]:", "[::1]", "", true},
		{"", "", "", false},
		{":80", "", "", false},
		{"a:65536", "", "", false},
		{"a:99999999999999999999", "", "", false},
		{"a:8o", "", "", false},
		{"a:-1", "", "", false},
		{"a:1:2", "", "", false},
		{"::1", "", "", false},
		{"a b", "", "", false},
		{"u@a", "", "", false},
		{"a/", "", "", false},
		{"a%", "", "", false},
		{"a%4", "", "", false},
		{"a%4g", "", "", false},
		{"\xe9", "", "", false},
		{"[::1", "", "", false},
		{"[]", "", "", false},
		{"[::1]a", "", "", false},
		{"[::1]80", "", "", false},
		{"[a]", "", "", false},
		{"[fe80::1%25eth0]", "", "", false}, // RFC 9110 has no zones
		{"[v1.a]", "", "", false},
		{"a]", "", "", false},
	} {
		host, port, ok := splitHost([]byte(row.hostport))
		if string(host) != row.host || string(port) != row.port || ok != row.ok {
			t.Errorf("splitHost(%q) = %q, %q, %t; want %q, %q, %t", row.hostport, host, port, ok, row.host, row.port, row.ok)
		}
	}
}

var ipv6Seeds = []string{
	"", ":", "::", ":::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8",
	"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:", ":1", "12345::", "::abCD", "::g", "1:2:3:4:5:6:1.2.3.4",
	"1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::1.2.3.4",
	"::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::01.2.3.4", "::1.2.3.04", "::0.0.0.0", "::1.2.3.", "::1..3.4",
	"::1.2.3.1000", "::1.2.3.4:5", "1.2.3.4", "::1:", "::1:::", "1:2:3:4:5:6:7:8::", "::%1", "::.1.2.3", "::1.2.3.4x",
}

func TestValidIPv6(t *testing.T) {
	for _, s := range ipv6Seeds {
		compareIPv6(t, s)
	}
}

// FuzzIPv6 compares validIPv6 with net/netip, which takes zones as well.
func FuzzIPv6(f *testing.F) {
	for _, s := range ipv6Seeds {
		f.Add(s)
	}
	f.Fuzz(compareIPv6)
}

func compareIPv6(t *testing.T, s string) {
	addr, err := netip.ParseAddr(s)
	want := err == nil && addr.Is6() && !strings.Contains(s, "%")
	if got := validIPv6([]byte(s)); got != want {
		t.Errorf("validIPv6(%q) = %t, want %t", s, got, want)
	}
}
