package codec

// Classes of bytes in an HTTP head, as bits: one table look-up answers every "may this byte stand here".
const (
	classToken uint8 = 1 << iota // tchar (RFC 9110 5.6.2)
	classText                    // field-vchar: VCHAR / obs-text (RFC 9110 5.5)
	classDigit                   // DIGIT (RFC 5234 B.1)
	classHex                     // HEXDIG, either case (RFC 5234 B.1, RFC 3986 2.1)
	className                    // unreserved / sub-delims: a reg-name without its escapes (RFC 3986 3.2.2)
	classHost                    // every byte of uri-host [":" port]: className and ":[]%"
	classPath                    // a path without its escapes
	classQuery                   // a query without its escapes
)

// classes holds the classes of every byte.
//
// classPath and classQuery are wider than RFC 3986: they hold what the URL Standard leaves unescaped as
// well ("|" and "[" in a path, "{" in a query), for browsers send these. They hold no control byte, no
// space, no obs-text, no '#', and none of the bytes that no browser sends.
var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	add := func(class uint8, bytes string) {
		for i := range len(bytes) {
			t[bytes[i]] |= class
		}
	}
	const (
		digits    = "0123456789"
		letters   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		name      = digits + letters + "-._~" + "!$&'()*+,;="
		urlPath   = name + ":@/" + "|[]^"
		urlQuery  = urlPath + "?" + "{}\\`"
		tokenOnly = "!#$%&'*+-.^_`|~"
	)
	add(classToken, digits+letters+tokenOnly)
	add(classDigit|classHex, digits)
	add(classHex, "abcdefABCDEF")
	add(className, name)
	add(classHost, name+":[]%")
	add(classPath, urlPath)
	add(classQuery, urlQuery)
	for c := 0x21; c <= 0xff; c++ {
		if c != 0x7f {
			t[c] |= classText
		}
	}
	return t
}

// all reports whether every byte of s is of class.
func all[T string | []byte](s T, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// run returns the offset of the first byte of b from i on that is not of class.
func run(b []byte, i int, class uint8) int {
	for i < len(b) && classes[b[i]]&class != 0 {
		i++
	}
	return i
}

// validToken reports whether s is a token (RFC 9110 5.6.2).
func validToken[T string | []byte](s T) bool {
	return len(s) > 0 && all(s, classToken)
}

// validValue reports whether s is a field-value (RFC 9110 5.5): no control byte but HTAB, and no white
// space at either end, for a recipient would cut that off.
func validValue(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&classText == 0 && !isSpace(s[i]) {
			return false
		}
	}
	return s == "" || !isSpace(s[0]) && !isSpace(s[len(s)-1])
}

// isSpace reports whether c is white space inside a line: SP or HTAB (RFC 9110 5.6.3).
func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// isLetter reports whether c is an ASCII letter.
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// equalFold reports whether a and b are equal but for the case of ASCII letters. Unlike bytes.EqualFold it
// knows no other letters: U+212A (KELVIN SIGN) is not a "k" on the wire.
func equalFold[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (a[i]|0x20 != b[i]|0x20 || !isLetter(a[i])) {
			return false
		}
	}
	return true
}

// skipSpace cuts white space off the front of s.
func skipSpace[T string | []byte](s T) T {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return s[i:]
}

// trimSpace cuts white space off both ends of b.
func trimSpace(b []byte) []byte {
	b = skipSpace(b)
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
