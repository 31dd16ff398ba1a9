package codec

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// addresses writes out what a list gave, "-" for an element without an address.
func addresses(list []netip.AddrPort) string {
	var out []string
	for _, a := range list {
		switch {
		case !a.IsValid():
			out = append(out, "-")
		case a.Port() == 0:
			out = append(out, a.Addr().String())
		default:
			out = append(out, a.String())
		}
	}
	return strings.Join(out, " ")
}

var goodForwarded = []struct{ rule, value, want string }{
	{"4 address", "for=192.0.2.60", "192.0.2.60"},
	{"4 names in any case", "For=192.0.2.60;PROTO=http;by=203.0.113.43", "192.0.2.60"},
	{"4 IPv6 with a port", `For="[2001:db8:cafe::17]:4711"`, "[2001:db8:cafe::17]:4711"},
	{"4 obfuscated", `for="_gazonk"`, "-"},
	{"4 two elements", "for=192.0.2.43, for=198.51.100.17", "192.0.2.43 198.51.100.17"},
	{"4 all parameters", "for=192.0.2.43;by=203.0.113.60;proto=http;host=example.com", "192.0.2.43"},
	{"4 empty pairs", ";for=192.0.2.43;;", "192.0.2.43"},
	{"4 no for", "proto=https", "-"},
	{"4 only semicolons", ";", "-"},
	{"4 quoted pairs", `for="192\.0.2.\43"`, "192.0.2.43"},
	{"4 comma and semicolon inside quotes", `for=1.1.1.1;secret="a,b;for=\"2.2.2.2\"", for=3.3.3.3`, "1.1.1.1 3.3.3.3"},
	{"5.3 host in quotes", `host="example.com:8080";for=1.1.1.1`, "1.1.1.1"},
	{"5.4 proto", "proto=web+x-1.0;for=1.1.1.1", "1.1.1.1"},
	{"5.5 extension with an empty value", `x="";for=1.1.1.1`, "1.1.1.1"},
	{"6 IPv4 with a port", `for="192.0.2.43:47011"`, "192.0.2.43:47011"},
	{"6 port with zeros", `for="192.0.2.43:00080"`, "192.0.2.43:80"},
	{"6 obfuscated port", `for="192.0.2.43:_a"`, "192.0.2.43"},
	{"6.2 unknown", "for=unknown, for=UNKNOWN", "- -"},
	{"6.2 unknown with a port", `for="unknown:80"`, "-"},
	{"6.3 obfuscated with a port", `for="_a.b-c_1:80"`, "-"},
	{"RFC 9110 5.6.1.2 empty elements", " ,, for=1.1.1.1 ,\t, for=2.2.2.2,", "1.1.1.1 2.2.2.2"},
	{"empty", "", ""},
}

func TestForwarded(t *testing.T) {
	for _, row := range goodForwarded {
		t.Run(row.rule, func(t *testing.T) {
			got, err := AppendForwarded(nil, []byte(row.value))
			if err != nil || addresses(got) != row.want {
				t.Errorf("%s: %s, %v; want %s", row.value, addresses(got), err, row.want)
			}
		})
	}
}

var badForwarded = []struct{ rule, value string }{
	{"4 no value", "for"},
	{"4 empty token", "for="},
	{"4 no name", "=1.1.1.1"},
	{"4 colon outside quotes", "for=192.0.2.43:47011"},
	{"4 IPv6 outside quotes", "for=[::1]"},
	{"4 parameter twice", "for=1.1.1.1;For=2.2.2.2"},
	{"4 space before a semicolon", "for=1.1.1.1 ;proto=http"},
	{"4 space after a semicolon", "for=1.1.1.1; proto=http"},
	{"4 space around the equals sign", "for = 1.1.1.1"},
	{"4 two elements without a comma", "for=1.1.1.1 for=2.2.2.2"},
	{"4 open quotes", `for="1.1.1.1`},
	{"4 open quotes with a backslash", `for="1.1.1.1\`},
	{"4 text behind quotes", `for="1.1.1.1"x`},
	{"4 control byte in quotes", "x=\"\x01\";for=1.1.1.1"},
	{"4 escaped control byte", "x=\"\\\x01\";for=1.1.1.1"},
	{"5.1 by is no node", "by=here;for=1.1.1.1"},
	{"5.3 host", `host="a b";for=1.1.1.1`},
	{"5.4 proto", "proto=1http;for=1.1.1.1"},
	{"5.4 proto with a character that no scheme has", "proto=ht~tp;for=1.1.1.1"},
	{"6 name", "for=localhost"},
	{"6 empty", `for=""`},
	{"6 IPv6 without brackets", `for="::1"`},
	{"6 IPv6 without an end", `for="[::1"`},
	{"6 text behind IPv6", `for="[::1]80"`},
	{"6 IPv4 in brackets", `for="[1.1.1.1]"`},
	{"6 IPv6 with a zone", `for="[fe80::1%eth0]"`},
	{"6 heading zero", "for=01.1.1.1"},
	{"6 empty port", `for="1.1.1.1:"`},
	{"6 port too large", `for="1.1.1.1:65536"`},
	{"6 port of six digits", `for="1.1.1.1:000080"`},
	{"6 port is no number", `for="1.1.1.1:http"`},
	{"6.3 obfuscated and empty", "for=_"},
	{"6.3 obfuscated byte", "for=_a!"},
	{"the second is bad", "for=1.1.1.1, for=x"},
}

func TestForwardedRefused(t *testing.T) {
	before := []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:9")}
	for _, row := range badForwarded {
		t.Run(row.rule, func(t *testing.T) {
			if got, err := AppendForwarded(before, []byte(row.value)); err != error(errForwarded) || len(got) != 1 {
				t.Errorf("%s: %s, %v", row.value, addresses(got), err)
			}
		})
	}
}

func TestXForwardedFor(t *testing.T) {
	for _, row := range []struct{ value, want string }{
		{"203.0.113.195", "203.0.113.195"},
		{"203.0.113.195, 2001:db8::1,198.51.100.178", "203.0.113.195 2001:db8::1 198.51.100.178"},
		{"203.0.113.195:80, [2001:db8::1]:81, [2001:db8::2]", "203.0.113.195:80 [2001:db8::1]:81 2001:db8::2"},
		{"unknown, _x, ' OR 1=1, 1.1.1.1", "- - - 1.1.1.1"},
		{"\"1.1.1.1\", 1.1.1.1.1, 01.1.1.1, 1.1.1.1:65536, fe80::1%eth0, [::1", "- - - - - -"},
		{"1.1.1.1,, ,2.2.2.2,", "1.1.1.1 2.2.2.2"},
		{"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
		{"", ""},
	} {
		if got := addresses(AppendXForwardedFor(nil, []byte(row.value))); got != row.want {
			t.Errorf("%q: %s, want %s", row.value, got, row.want)
		}
	}
}

// FuzzForwarded holds that lists may be split over fields at the commas between elements, that what was in
// dst stays, and that no value changes.
func FuzzForwarded(f *testing.F) {
	for _, row := range goodForwarded {
		f.Add(row.value, goodForwarded[1].value)
	}
	for _, row := range badForwarded {
		f.Add(row.value, `x="`)
	}
	f.Add("1.1.1.1, [::1]:80", "::1")
	f.Fuzz(func(t *testing.T, a, b string) {
		bytesA := []byte(a)
		first, errA := AppendForwarded(nil, bytesA)
		both, errB := AppendForwarded(first, []byte(b))
		if errB != nil && !slices.Equal(both, first) {
			t.Fatalf("%q and then %q, which is refused: %v and then %v", a, b, first, both)
		}
		if errA == nil && errB == nil {
			joined, err := AppendForwarded(nil, []byte(a+","+b))
			if err != nil || !slices.Equal(joined, both) {
				t.Fatalf("%q and %q: %v; joined: %v, %v", a, b, both, joined, err)
			}
		}
		xs := AppendXForwardedFor(AppendXForwardedFor(nil, bytesA), []byte(b))
		if joined := AppendXForwardedFor(nil, []byte(a+","+b)); !slices.Equal(joined, xs) {
			t.Fatalf("%q and %q: %v; joined: %v", a, b, xs, joined)
		}
		if string(bytesA) != a {
			t.Fatalf("%q has become %q", a, bytesA)
		}
	})
}
