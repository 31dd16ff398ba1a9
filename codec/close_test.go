package codec

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var longestReason = strings.Repeat("ü", 60) + "abc"

var closePayloads = []struct {
	name    string
	payload string
	code    CloseCode
	reason  string
}{
	{"5.5.1 no body", "", CloseNoStatus, ""},
	{"5.5.1 code alone", "\x03\xe8", CloseNormal, ""},
	{"5.5.1 code and reason", "\x03\xe9bye", CloseGoingAway, "bye"},
	{"5.5.1 reason of more bytes than letters", "\x0b\xb8τέλος", 3000, "τέλος"},
	{"5.5 longest reason", "\x0f\xa0" + longestReason, 4000, longestReason},
	{"7.4.2 last private code", "\x13\x87", 4999, ""},
}

func TestParseAndAppendClose(t *testing.T) {
	for _, tt := range closePayloads {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			if code != tt.code || string(reason) != tt.reason || err != nil {
				t.Errorf("ParseClose(%q) = %d, %q, %v", tt.payload, code, reason, err)
			}
			p, err := AppendClose([]byte("dst"), tt.code, tt.reason)
			if string(p) != "dst"+tt.payload || err != nil {
				t.Errorf("AppendClose(%d, %q) = %q, %v", tt.code, tt.reason, p, err)
			}
		})
	}
}

func TestParseCloseErrors(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		err     error
	}{
		{"5.5.1 half a code", "\x03", ErrClosePayloadLength},
		{"7.4.1 reserved code", "\x03\xec", ErrCloseCodeForbidden},
		{"7.4.1 code never on the wire", "\x03\xee", ErrCloseCodeForbidden},
		{"7.4.2 code below 1000", "\x03\xe7", ErrCloseCodeForbidden},
		{"5.5.1 reason not UTF-8", "\x03\xe8\xff", ErrCloseReasonUTF8},
		{"5.5.1 reason cut within a letter", "\x03\xe8\xe4\xb8", ErrCloseReasonUTF8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			if code != 0 || reason != nil || err != tt.err {
				t.Errorf("ParseClose(%q) = %d, %q, %v; want %v", tt.payload, code, reason, err, tt.err)
			}
		})
	}
}

// What AppendClose refuses it refuses before it writes, and not as a violation of the peer's.
func TestAppendCloseErrors(t *testing.T) {
	anyError := errors.New("any")
	tests := []struct {
		name   string
		code   CloseCode
		reason string
		err    error
	}{
		{"5.5 reason of 124 bytes", CloseNormal, longestReason + "d", ErrCloseReasonTooLong},
		{"5.5 reason of 123 letters and 124 bytes", CloseNormal, strings.Repeat("a", 122) + "ü", ErrCloseReasonTooLong},
		{"5.5.1 reason not UTF-8", CloseNormal, "ab\xff", ErrCloseReasonNotValid},
		{"5.5.1 reason cut within a letter", 4999, "ab\xc3", ErrCloseReasonNotValid},
		{"7.4.1 code 1005 with a reason", CloseNoStatus, "why", anyError},
		{"7.4.1 code 1006", CloseAbnormal, "", anyError},
		{"7.4.1 code 1015", CloseTLSHandshake, "", anyError},
		{"7.4.2 code 0", 0, "", anyError},
		{"7.4.2 code 5000", 5000, "", anyError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := []byte("dst, and what lies behind it in the same array")
			dst := whole[:3]
			p, err := AppendClose(dst, tt.code, tt.reason)
			if err == nil || tt.err != anyError && err != tt.err {
				t.Errorf("error is %v, want %v", err, tt.err)
			}
			var violation *CloseError
			if errors.As(err, &violation) {
				t.Errorf("error %v is a *CloseError", err)
			}
			if len(p) != 3 || &p[0] != &dst[0] || string(whole) != "dst, and what lies behind it in the same array" {
				t.Errorf("dst is %q, and behind it %q", p, whole)
			}
		})
	}
}

// The first bytes of a payload are refused if and only if nothing that follows could mend them.
func TestCheckClosePrefix(t *testing.T) {
	for _, tt := range closePayloads {
		for n := range len(tt.payload) + 1 {
			if err := checkClosePrefix([]byte(tt.payload[:n])); err != nil {
				t.Errorf("%s: the first %d bytes: %v", tt.name, n, err)
			}
		}
	}
	for _, tt := range []struct {
		prefix string
		err    error
	}{
		{"\x03\xed", ErrCloseCodeForbidden},
		{"\x00\x00reason", ErrCloseCodeForbidden},
		{"\x03\xe8\xc0", ErrCloseReasonUTF8},
		{"\x03\xe8ab\xe4\xb8c", ErrCloseReasonUTF8},
	} {
		if err := checkClosePrefix([]byte(tt.prefix)); err != tt.err {
			t.Errorf("checkClosePrefix(%q) = %v, want %v", tt.prefix, err, tt.err)
		}
	}
}

// FuzzClose holds that ParseClose and AppendClose are each other's inverse, whatever the code and the
// reason, and that both refuse the same.
func FuzzClose(f *testing.F) {
	for _, tt := range closePayloads {
		f.Add(uint16(tt.code), tt.reason)
	}
	f.Add(uint16(1000), longestReason+"d")
	f.Add(uint16(1004), "")
	f.Add(uint16(1005), "x")
	f.Add(uint16(1007), "\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, number uint16, text string) {
		code := CloseCode(number)
		dst := []byte("0123456789")[:4]
		p, err := AppendClose(dst, code, text)
		empty := code == CloseNoStatus && text == ""
		good := empty || code.MayBeSent() && len(text) <= MaxCloseReason && utf8.ValidString(text)
		if (err == nil) != good || !bytes.HasPrefix(p, dst) || string(dst[:10]) != "0123456789" && err != nil {
			t.Fatalf("AppendClose(%d, %q) = %q, %v; array % x", code, text, p, err, dst[:10])
		}
		if good {
			gotCode, gotText, err := ParseClose(p[4:])
			if gotCode != code || string(gotText) != text || err != nil {
				t.Fatalf("ParseClose(%q) = %d, %q, %v", p[4:], gotCode, gotText, err)
			}
		}

		payload := append([]byte{byte(number >> 8), byte(number)}, text...)
		before := slices.Clone(payload)
		gotCode, reason, err := ParseClose(payload)
		if (err == nil) != (code.MayBeSent() && utf8.ValidString(text)) || !bytes.Equal(payload, before) {
			t.Fatalf("ParseClose(%q) = %d, %q, %v", payload, gotCode, reason, err)
		}
		for n := range payload {
			if prefixErr := checkClosePrefix(payload[:n]); prefixErr != nil && prefixErr != err {
				t.Fatalf("the first %d bytes of %q: %v, and all: %v", n, payload, prefixErr, err)
			}
		}
	})
}
