package codec

import (
	"encoding/hex"
	"testing"
	"unicode/utf8"
)

// Violations that only the payload shows, found at its first byte that does.
var payloadFaults = []fault{
	{"8.1 text", ErrTextUTF8, []frame{{"81 03", "a\xff¶b"}}, nil},
	{"8.1 first byte", ErrTextUTF8, []frame{{"81 03", "\x80¶ab"}}, nil},
	{"8.1 surrogate", ErrTextUTF8, []frame{{"81 05", "a\xed\xa0¶\x80b"}}, nil},
	{"8.1 overlong", ErrTextUTF8, []frame{{"81 02", "\xc0¶\x80"}}, nil},
	{"8.1 above U+10FFFF", ErrTextUTF8, []frame{{"81 04", "\xf4\x90¶\x80\x80"}}, nil},
	{"8.1 text ends within a letter", ErrTextUTF8, []frame{{"81 03", "a\xe4\xb8¶"}}, nil},
	{"8.1 first fragment", ErrTextUTF8, []frame{{"01 03", "a\xff¶b"}}, nil},
	{"8.1 middle fragment", ErrTextUTF8, []frame{textHel, {"00 03", "l\xc3a¶"}}, nil},
	{"8.1 last fragment", ErrTextUTF8, []frame{textHel, {"80 03", "\xff¶ab"}}, nil},
	{"8.1 letter torn between fragments", ErrTextUTF8, []frame{{"01 01", "\xe4"}, {"00 02", "a¶b"}}, nil},
	{"8.1 letter torn, last fragment", ErrTextUTF8, []frame{{"01 01", "\xf4"}, {"80 02", "\x90¶b"}}, nil},
	{"8.1 letter torn, then a ping", ErrTextUTF8, []frame{{"01 01", "\xe4"}, ping, {"80 01", "a¶"}}, []event{{Ping, "up"}}},
	{"8.1 fragments end within a letter", ErrTextUTF8, []frame{{"01 01", "\xe4"}, {"80 01", "\xb8¶"}}, nil},
	{"8.1 last fragment, empty, after half a letter", ErrTextUTF8, []frame{{"01 01", "\xe4"}, {"80 00", "¶"}}, nil},
	{"8.1 second message", ErrTextUTF8, []frame{textHello, {"81 01", "\xff¶"}}, hello},
	{"8.1 message after a fragmented one", ErrTextUTF8, []frame{textHel, contLo, {"01 01", "\xff¶"}}, hello},
	{"8.1 inside a long frame", ErrTextUTF8, []frame{{"81 7e 00 80", exactly125 + "\xff¶bc"}}, nil},
	{"8.1 first fragment of a frame without an end", ErrTextUTF8, []frame{{"01 7f 00 00 00 01 00 00 00 00", "a\xff¶"}}, nil},

	{"7.4.2 code 0", ErrCloseCodeForbidden, []frame{{"88 02", "\x00\x00¶"}}, nil},
	{"7.4.2 code 999", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xe7¶"}}, nil},
	{"7.4.1 code 1004", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xec¶"}}, nil},
	{"7.4.1 code 1005", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xed¶"}}, nil},
	{"7.4.1 code 1006", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xee¶"}}, nil},
	{"7.4.1 code 1015", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xf7¶"}}, nil},
	{"7.4.2 code 1016", ErrCloseCodeForbidden, []frame{{"88 02", "\x03\xf8¶"}}, nil},
	{"7.4.2 code 1100", ErrCloseCodeForbidden, []frame{{"88 02", "\x04\x4c¶"}}, nil},
	{"7.4.2 code 2000", ErrCloseCodeForbidden, []frame{{"88 02", "\x07\xd0¶"}}, nil},
	{"7.4.2 code 2999", ErrCloseCodeForbidden, []frame{{"88 02", "\x0b\xb7¶"}}, nil},
	{"7.4.2 code 5000", ErrCloseCodeForbidden, []frame{{"88 02", "\x13\x88¶"}}, nil},
	{"7.4.2 code 65535", ErrCloseCodeForbidden, []frame{{"88 02", "\xff\xff¶"}}, nil},
	{"7.4.1 code 1005 with a reason", ErrCloseCodeForbidden, []frame{{"88 06", "\x03\xed¶long"}}, nil},
	{"7.4.1 code 1006 in a message", ErrCloseCodeForbidden, []frame{textHel, {"88 04", "\x03\xee¶no"}}, nil},
	{"5.5.1 reason", ErrCloseReasonUTF8, []frame{{"88 05", "\x03\xe8a\xff¶b"}}, nil},
	{"5.5.1 reason ends within a letter", ErrCloseReasonUTF8, []frame{{"88 04", "\x03\xe8\xe4\xb8¶"}}, nil},
	{"5.5.1 reason in a message", ErrCloseReasonUTF8, []frame{textHel, {"88 05", "\x03\xe8\xc0¶ab"}}, nil},
	{"5.5.1 reason within a letter of the text", ErrCloseReasonUTF8, []frame{{"01 01", "\xe4"}, {"88 03", "\x03\xe8\xb8¶"}}, nil},
}

func TestPayloadFaults(t *testing.T) {
	for _, role := range roles {
		for _, f := range payloadFaults {
			f.check(t, *unlimited(role, nil))
		}
	}
}

// The texts of the Autobahn test suite as messages of one frame and in fragments of one byte.
func TestTextCases(t *testing.T) {
	for _, role := range roles {
		for _, c := range utf8Cases {
			text, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			cfg := *unlimited(role, nil)
			whole := appendTo(nil, role, true, Text, text)
			fragments := appendTo(nil, role, false, Text, nil)
			failed := 0 // where the fragments fail
			bad := firstBad(text)
			for i := range text {
				fragments = appendTo(fragments, role, i == len(text)-1, Continuation, text[i:i+1])
				if i == min(bad, len(text)-1) {
					failed = len(fragments)
				}
			}
			t.Run(role.String()+"/"+c.id, func(t *testing.T) {
				if utf8.Valid(text) {
					wantEvents(t, cfg, whole, event{Text, string(text)})
					wantEvents(t, cfg, fragments, event{Text, string(text)})
					return
				}
				wantError(t, cfg, whole, len(whole)-max(len(text)-bad-1, 0), ErrTextUTF8)
				wantError(t, cfg, fragments, failed, ErrTextUTF8)
			})
		}
	}
}
