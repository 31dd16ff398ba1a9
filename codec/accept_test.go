package codec

import (
	"encoding/base64"
	"testing"
)

func TestAcceptKey(t *testing.T) {
	for _, row := range []struct{ from, key, accept string }{
		{"RFC 6455 1.3", "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"Firefox 44", "BE/bv0JO2wBVnABhxQO5kQ==", "qBPI+1rPa4lNhVJ0cztOjbvugAQ="},
	} {
		if got := string(AcceptKey([]byte(row.key))); got != row.accept {
			t.Errorf("%s: AcceptKey(%q) = %q, want %q", row.from, row.key, got, row.accept)
		}
		if got := string(AppendAccept([]byte("x"), []byte(row.key))); got != "x"+row.accept {
			t.Errorf("%s: AppendAccept = %q", row.from, got)
		}
	}
	// A key too long for the array on the stack is joined all the same: sha1("k"*100 + GUID) by another program.
	long := make([]byte, 100)
	for i := range long {
		long[i] = 'k'
	}
	if got, want := string(AcceptKey(long)), "rWzVOVhJgr+k5nChyKqRW0+OIwk="; got != want {
		t.Errorf("AcceptKey of 100 bytes = %q, want %q", got, want)
	}
}

func TestNewKey(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		key := NewKey()
		if !validKey(key) || seen[key] {
			t.Fatalf("NewKey() = %q, not valid or not new", key)
		}
		seen[key] = true
	}
}

func TestValidKey(t *testing.T) {
	for _, row := range []struct {
		rule, key string
		want      bool
	}{
		{"RFC sample", "dGhlIHNhbXBsZSBub25jZQ==", true},
		{"every kind of digit", "azAZ09+/azAZ09+/azAZ0w==", true},
		{"empty", "", false},
		{"15 bytes", "dGhlIHNhbXBsZSBub25j", false},
		{"17 bytes", "dGhlIHNhbXBsZSBub25jZWE=", false},
		{"18 bytes", "dGhlIHNhbXBsZSBub25jZWFh", false},
		{"no padding", "dGhlIHNhbXBsZSBub25jZQ", false},
		{"padding of one", "dGhlIHNhbXBsZSBub25jZQ=A", false},
		{"padding too early", "dGhlIHNhbXBsZSBub25jZ===", false},
		{"pad bits not zero", "dGhlIHNhbXBsZSBub25jZR==", false},
		{"URL alphabet", "dGhlIHNhbXBsZSBub25-_Q==", false},
		{"white space within", "dGhlIHNhbXBs SBub25jZQ==", false},
		{"NUL within", "dGhlIHNhbXBs\x00SBub25jZQ==", false},
	} {
		if got := validKey(row.key); got != row.want {
			t.Errorf("%s: validKey(%q) = %t, want %t", row.rule, row.key, got, row.want)
		}
		decoded, err := base64.StdEncoding.Strict().DecodeString(row.key)
		if got := err == nil && len(decoded) == 16; got != row.want {
			t.Errorf("%s: encoding/base64 has another opinion of %q", row.rule, row.key)
		}
	}
}
