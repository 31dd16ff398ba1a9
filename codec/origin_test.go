package codec

import (
	"net/url"
	"strings"
	"testing"
)

func TestOriginHost(t *testing.T) {
	for _, row := range []struct {
		origin, scheme, hostport string
		ok                       bool
	}{
		{"http://example.com", "http", "example.com", true},
		{"https://example.com:8443", "https", "example.com:8443", true},
		{"HTTP://[::1]:80", "HTTP", "[::1]:80", true},
		{"chrome-extension://abcdef", "chrome-extension", "abcdef", true},
		{"a+b.c-1://d", "a+b.c-1", "d", true},
		{"", "", "", false},
		{"null", "", "", false},
		{"example.com", "", "", false},
		{"//example.com", "", "", false},
		{"://a", "", "", false},
		{"1http://a", "", "", false},
		{"ht_tp://a", "", "", false},
		{"http:a", "", "", false},
		{"http:/a", "", "", false},
		{"http://", "", "", false},
		{"http://:80", "", "", false},
		{"http://a/", "", "", false},
		{"http://a?b", "", "", false},
		{"http://u@a", "", "", false},
		{"http://a http://b", "", "", false},
		{"http://a, http://b", "", "", false},
		{"file://", "", "", false},
		{"http://a:99999", "", "", false},
	} {
		scheme, hostport, ok := OriginHost([]byte(row.origin))
		if string(scheme) != row.scheme || string(hostport) != row.hostport || ok != row.ok {
			t.Errorf("OriginHost(%q) = %q, %q, %t; want %q, %q, %t", row.origin, scheme, hostport, ok, row.scheme, row.hostport, row.ok)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, row := range []struct {
		origin, host string
		want         bool
	}{
		{"http://a", "a", true},
		{"http://a", "A", true},
		{"HTTP://A", "a:80", true},
		{"http://a:80", "a", true},
		{"http://a:080", "a:80", true},
		{"http://a:", "a", true},
		{"https://a", "a", true},
		{"https://a", "a:443", true},
		{"https://a:443", "a", true},
		{"ws://a", "a:80", true},
		{"wss://a", "a:443", true},
		{"http://[::1]:9001", "[::1]:9001", true},
		{"http://[FE80::A]", "[fe80::a]", true},
		{"http://a", "a:443", false},
		{"https://a", "a:80", false},
		{"http://a:8080", "a", false},
		{"http://a", "a:8080", false},
		{"http://a", "b", false},
		{"http://a", "a.", false},
		{"http://a.b", "b", false},
		{"http://a", "aa", false},
		{"http://[::1]", "[::2]", false},
		{"http://[::1]", "::1", false},
		{"null", "null", false},
		{"", "", false},
		{"a", "a", false},
		{"http://a", "", false},
		{"http://a/", "a", false},
		{"http://u@a", "a", false},
		{"file://a", "a", false},
		{"chrome-extension://a", "a", false},
		{"http://a", "a:x", false},
	} {
		if got := SameOrigin([]byte(row.origin), []byte(row.host)); got != row.want {
			t.Errorf("SameOrigin(%q, %q) = %t, want %t", row.origin, row.host, got, row.want)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	for _, seed := range [][2]string{
		{"http://example.com", "example.com"},
		{"https://a:443", "A"},
		{"null", "null"},
		{"http://[::1]:9001", "[::1]:9001"},
		{"ws://u@a/", "a:80"},
		{"http://a b", "a"},
		{"http://%41", "%41"},
		{"chrome-extension://abc", "abc"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, origin, host string) {
		scheme, hostport, ok := OriginHost([]byte(origin))
		if !ok {
			if SameOrigin([]byte(origin), []byte(host)) {
				t.Errorf("SameOrigin(%q, %q), and the origin is malformed", origin, host)
			}
			return
		}
		if string(scheme)+"://"+string(hostport) != origin {
			t.Errorf("OriginHost(%q) = %q, %q", origin, scheme, hostport)
		}
		_, web := defaultPort(scheme)
		if got := SameOrigin([]byte(origin), hostport); got != web {
			t.Errorf("SameOrigin(%q, %q) = %t", origin, hostport, got)
		}
		if SameOrigin([]byte(origin), []byte(host)) && !SameOrigin([]byte(string(scheme)+"://"+host), hostport) {
			t.Errorf("SameOrigin(%q, %q), but not the other way round", origin, host)
		}
		if strings.Contains(origin, "%") { // net/url takes few escapes in a host
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.Host != string(hostport) || u.Scheme != strings.ToLower(string(scheme)) || u.Path != "" || u.User != nil {
			t.Errorf("url.Parse(%q) = %+v, %v", origin, u, err)
		}
	})
}
