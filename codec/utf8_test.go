package codec

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// beginnings returns the set of all proper beginnings of the encoding of one
// code point, found by encoding every code point there is.
var beginnings = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool)
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		code := utf8.AppendRune(nil, r)
		for n := 1; n < len(code); n++ {
			set[string(code[:n])] = true
		}
	}
	return set
})

// canContinue is the slow oracle: p is valid, or valid text followed by the
// beginning of a code point.
func canContinue(p []byte) bool {
	if utf8.Valid(p) {
		return true
	}
	for n := 1; n <= 3 && n <= len(p); n++ {
		whole, part := p[:len(p)-n], p[len(p)-n:]
		if utf8.Valid(whole) && beginnings()[string(part)] {
			return true
		}
	}
	return false
}

// firstBad returns the index of the first byte of p after which no
// continuation is valid, len(p) when there is none.
func firstBad(p []byte) int {
	for i := range p {
		if !canContinue(p[:i+1]) {
			return i
		}
	}
	return len(p)
}

// checkPieces writes the pieces of p, whose lengths are given, and fails
// unless exactly the piece with byte bad is refused, which leaves the
// validator as it was.
func checkPieces(t *testing.T, p []byte, bad int, lengths ...int) {
	t.Helper()
	var v UTF8Validator
	start := 0
	for _, n := range lengths {
		before := v
		end := start + n
		ok := v.Write(p[start:end])
		if want := end <= bad; ok != want {
			t.Fatalf("% x in %v: Write(bytes %d to %d) = %v, want %v", p, lengths, start, end, ok, want)
		}
		if !ok {
			if v != before {
				t.Fatalf("% x in %v: a refused Write changed the state", p, lengths)
			}
			return
		}
		start = end
	}
	if got, want := v.Complete(), utf8.Valid(p[:start]); got != want {
		t.Fatalf("% x in %v: Complete() = %v, want %v", p, lengths, got, want)
	}
}

// checkEverySplit writes p whole, in every two pieces and byte by byte.
func checkEverySplit(t *testing.T, p []byte) {
	t.Helper()
	if got, want := ValidUTF8(p), utf8.Valid(p); got != want {
		t.Fatalf("ValidUTF8(% x) = %v, want %v", p, got, want)
	}
	bad := firstBad(p)
	checkPieces(t, p, bad, len(p))
	for i := range p {
		checkPieces(t, p, bad, i, len(p)-i)
	}
	single := make([]int, len(p))
	for i := range single {
		single[i] = 1
	}
	checkPieces(t, p, bad, single...)
}

func TestUTF8Cases(t *testing.T) {
	for _, c := range utf8Cases {
		t.Run(c.id, func(t *testing.T) {
			p, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := ValidUTF8(p); got != c.valid {
				t.Errorf("ValidUTF8(% x) = %v, want %v", p, got, c.valid)
			}
			checkEverySplit(t, p)
		})
	}
}

// The byte at which a text fails decides when a peer hears of it (RFC 6455
// section 8.1 wants it failed; Autobahn 6.4 wants it at once).
func TestUTF8FailsAtFirstBadByte(t *testing.T) {
	tests := []struct {
		name string
		text string
		bad  int
	}{
		{"above U+10FFFF", "\xf4\x90\x80\x80", 1},
		{"overlong two bytes, C0", "\xc0\x80", 0},
		{"overlong two bytes, C1", "\xc1\xbf", 0},
		{"overlong three bytes", "\xe0\x80\x80", 1},
		{"overlong three bytes, last", "\xe0\x9f\xbf", 1},
		{"overlong four bytes", "\xf0\x80\x80\x80", 1},
		{"overlong four bytes, last", "\xf0\x8f\xbf\xbf", 1},
		{"first surrogate", "\xed\xa0\x80", 1},
		{"F5", "\xf5\x80\x80\x80", 0},
		{"F8", "\xf8\x88\x80\x80\x80", 0},
		{"FE", "\xfe", 0},
		{"FF", "\xff", 0},
		{"lone continuation", "a\x80", 1},
		{"two-byte sequence cut off", "\xc3a", 1},
		{"three-byte sequence cut off", "\xe4\xb8a", 2},
		{"four-byte sequence cut off", "\xf0\x9f\x98a", 3},
		{"start byte within a sequence", "\xe4\xb8\xe4\xb8\x80", 2},
		{"after valid text", "Hello-µ@ßöäüàá-UTF-8!!\xed\xa0\x80edited", 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v UTF8Validator
			got := 0
			for got < len(tt.text) && v.Write([]byte{tt.text[got]}) {
				got++
			}
			if got != tt.bad {
				t.Errorf("% x fails at byte %d, want %d", tt.text, got, tt.bad)
			}
			checkEverySplit(t, []byte(tt.text))
		})
	}
}

// Every case again with text of all small lengths before and after it, so
// that it meets each path of the word-wise loops and each border of a word.
func TestUTF8CasesWithinText(t *testing.T) {
	fillers := []string{strings.Repeat("x", 140), "x" + strings.Repeat("ü", 70)}
	for _, c := range utf8Cases {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		for _, filler := range fillers {
			for before := range len(filler) {
				for _, after := range []int{0, 1, 7, 8, 31, 33, 65, 139} {
					text := append([]byte(filler[:before]), p...)
					text = append(text, filler[:after]...)
					if got, want := ValidUTF8(text), utf8.Valid(text); got != want {
						t.Fatalf("case %s: ValidUTF8(% x) = %v, want %v", c.id, text, got, want)
					}
				}
			}
		}
	}
}

// ASCII between the start of a code point and its rest is an error at its
// first byte, however long it is and wherever the words of the fast path lie.
func TestUTF8CodePointTornByASCII(t *testing.T) {
	filler := strings.Repeat("x", 150)
	for _, code := range []string{"ü", "世", "😀"} {
		for cut := 1; cut < len(code); cut++ {
			for before := range 10 {
				for between := 1; between < len(filler); between++ {
					head := filler[:before] + code[:cut]
					text := []byte(head + filler[:between] + code[cut:])
					if ValidUTF8(text) {
						t.Fatalf("ValidUTF8(% x) = true", text)
					}
					checkPieces(t, text, len(head), len(head), between)
				}
			}
		}
	}
}

// Every sequence of one, two and three bytes.
func TestUTF8EveryShortSequence(t *testing.T) {
	check := func(p []byte) {
		if ValidUTF8(p) != utf8.Valid(p) {
			t.Fatalf("ValidUTF8(% x) = %v", p, ValidUTF8(p))
		}
	}
	for a := range 256 {
		check([]byte{byte(a)})
		for b := range 256 {
			checkEverySplit(t, []byte{byte(a), byte(b)})
			p := []byte{byte(a), byte(b), 0}
			for c := range 256 {
				p[2] = byte(c)
				check(p)
			}
		}
	}
}

// Every sequence of four bytes that lie at the borders of RFC 3629's ranges.
func TestUTF8FourBytesAtBorders(t *testing.T) {
	borders := []byte{
		0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
		0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
	}
	for _, a := range borders {
		for _, b := range borders {
			for _, c := range borders {
				for _, d := range borders {
					p := []byte{a, b, c, d}
					if ValidUTF8(p) != utf8.Valid(p) {
						t.Fatalf("ValidUTF8(% x) = %v", p, ValidUTF8(p))
					}
				}
			}
		}
	}
}

// Every code point is valid, in one piece and byte by byte.
func TestUTF8EveryCodePoint(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		p := utf8.AppendRune(nil, r)
		var v UTF8Validator
		for i := range p {
			if !v.Write(p[i:i+1]) || v.Complete() != (i == len(p)-1) {
				t.Fatalf("U+%04X fails or ends at byte %d", r, i)
			}
		}
		if !ValidUTF8(p) {
			t.Fatalf("U+%04X is not valid", r)
		}
	}
}

func TestUTF8Empty(t *testing.T) {
	var v UTF8Validator
	if !v.Write(nil) || !v.Complete() || !ValidUTF8(nil) {
		t.Error("the empty text is not valid")
	}
	if !v.Write([]byte{0xe4}) || !v.Write(nil) || v.Complete() {
		t.Error("an empty piece within a code point is not neutral")
	}
}

func TestUTF8ValidatorIsSmall(t *testing.T) {
	if n := reflect.TypeFor[UTF8Validator]().Size(); n > 4 {
		t.Errorf("a validator takes %d bytes of every connection, want at most 4", n)
	}
}

func TestUTF8AllocatesNothing(t *testing.T) {
	text := []byte(strings.Repeat("Grüße, 世界 😀 ", 50))
	n := testing.AllocsPerRun(100, func() {
		var v UTF8Validator
		if !v.Write(text) || !ValidUTF8(text) {
			t.Fatal("not valid")
		}
	})
	if n != 0 {
		t.Errorf("validation allocates %v times", n)
	}
}

// FuzzUTF8 compares any split of a text with the whole and with unicode/utf8.
// Each byte of cuts is the length of one piece.
func FuzzUTF8(f *testing.F) {
	f.Add([]byte("Hello-µ@ßöäüàá-UTF-8!!"), []byte{3, 7})
	f.Add([]byte("κόσμε\xf4\x90\x80\x80"), []byte{11, 1})
	f.Add([]byte(strings.Repeat("a", 100)+"世界😀"), []byte{64, 32, 5})
	f.Add(bytes.Repeat([]byte("\xf0\x9f\x98\x80"), 20), []byte{1, 2, 3, 4, 5, 6, 7})
	f.Fuzz(func(t *testing.T, p, cuts []byte) {
		if got, want := ValidUTF8(p), utf8.Valid(p); got != want {
			t.Fatalf("ValidUTF8(% x) = %v, want %v", p, got, want)
		}
		var lengths []int
		rest := len(p)
		for _, c := range cuts {
			n := min(int(c), rest)
			lengths = append(lengths, n)
			rest -= n
		}
		lengths = append(lengths, rest)
		checkPieces(t, p, firstBad(p), lengths...)
	})
}
