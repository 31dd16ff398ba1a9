package codec

import (
	"strings"
	"testing"
)

// TestClasses spells out the grammar of each class another way than the table does.
func TestClasses(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		in := func(set string) bool { return c < 0x80 && strings.ContainsRune(set, rune(c)) }
		digit := c >= '0' && c <= '9'
		alphanumeric := digit || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		visible := c > 0x20 && c < 0x7f
		name := alphanumeric || in("-._~!$&'()*+,;=")
		for _, row := range []struct {
			class string
			bit   uint8
			want  bool
		}{
			{"token", classToken, visible && !in(`"(),/:;<=>?@[\]{}`)},
			{"text", classText, c > 0x20 && c != 0x7f},
			{"digit", classDigit, digit},
			{"hex", classHex, digit || in("abcdefABCDEF")},
			{"name", className, name},
			{"host", classHost, name || in(":[]%")},
			{"path", classPath, visible && !in("\"#%<>?\\`{}")},
			{"query", classQuery, visible && !in(`"#%<>`)},
		} {
			if got := classes[c]&row.bit != 0; got != row.want {
				t.Errorf("byte %#02x in %s: %t, want %t", c, row.class, got, row.want)
			}
		}
		if isLetter(c) != (alphanumeric && !digit) {
			t.Errorf("isLetter(%#02x) = %t", c, isLetter(c))
		}
	}
}

func TestEqualFold(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"Upgrade", "uPGRADE", true},
		{"a", "b", false},
		{"a", "aa", false},
		{"@", "`", false},
		{"[", "{", false},
		{"-", "\r", false},
		{"K", "\u212a", false},
		{"1", "\x11", false},
	} {
		if got := equalFold(row.a, []byte(row.b)); got != row.want {
			t.Errorf("equalFold(%q, %q) = %t, want %t", row.a, row.b, got, row.want)
		}
	}
}

func TestValidValue(t *testing.T) {
	for _, row := range []struct {
		value string
		want  bool
	}{
		{"", true},
		{"a", true},
		{"a b\tc", true},
		{"\xe9", true},
		{" a", false},
		{"a ", false},
		{"\t", false},
		{"a\rb", false},
		{"a\nb", false},
		{"a\x00b", false},
		{"a\x7fb", false},
	} {
		if got := validValue(row.value); got != row.want {
			t.Errorf("validValue(%q) = %t, want %t", row.value, got, row.want)
		}
	}
}
