package conform

import "strings"

// family is a set of payloads of one frame.
type family struct {
	name     string
	payloads []string
}

// sequences are the payloads of 6.5 to 6.23, by Autobahn's headings. Whether one is valid is for
// unicode/utf8 to say.
func sequences() []family {
	return []family{
		{"valid sequences", []string{"hello$world", "hello¢world", "hello€world", "hello\U00024B62world", kosme}},
		{"prefixes of a valid text", prefixes(kosme)},
		{"first sequence of a length", encodings([]int{0, 0x80, 0x800, 0x10000}, 1)},
		{"first sequence of length 5 and 6", encodings([]int{0x200000, 0x4000000}, 5)},
		{"last sequence of a length", encodings([]int{0x7f, 0x7ff, 0xffff, 0x10ffff}, 1)},
		{"last sequence of length 4, 5 and 6", encodings([]int{0x1fffff, 0x3ffffff, 0x7fffffff}, 4)},
		{"boundaries", []string{encode(0xd7ff, 3), encode(0xe000, 3), encode(0xfffd, 3), encode(0x10ffff, 4), encode(0x110000, 4)}},
		{"continuation bytes alone", continuations()},
		{"first bytes alone", []string{lonely(0xc0, 31), lonely(0xe0, 15), lonely(0xf0, 7), lonely(0xf8, 3), lonely(0xfc, 1)}},
		{"last continuation byte missing", incomplete()},
		{"incomplete sequences joined", []string{strings.Join(incomplete(), "")}},
		{"impossible bytes", []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		{"overlong slash", encodings([]int{'/', '/', '/', '/', '/'}, 2)},
		{"largest overlong sequences", encodings([]int{0x7f, 0x7ff, 0xffff, 0x1fffff, 0x3ffffff}, 2)},
		{"overlong NUL", encodings([]int{0, 0, 0, 0, 0}, 2)},
		{"single surrogates", surrogates()},
		{"paired surrogates", surrogatePairs()},
		{"noncharacters", noncharacters()},
		{"specials", specials()},
	}
}

// encode writes a code point as a sequence of n bytes, in the form that UTF-8 had before RFC 3629, which
// goes up to 6 bytes; too short a code point makes an overlong sequence.
func encode(cp, n int) string {
	if n == 1 {
		return string([]byte{byte(cp)})
	}
	b := make([]byte, n)
	for i := n - 1; i > 0; i-- {
		b[i] = 0x80 | byte(cp&0x3f)
		cp >>= 6
	}
	b[0] = byte(0xff<<(8-n)) | byte(cp)
	return string(b)
}

// encodings writes code points as sequences of n, n+1, n+2... bytes.
func encodings(cps []int, n int) (all []string) {
	for i, cp := range cps {
		all = append(all, encode(cp, n+i))
	}
	return all
}

func specials() (all []string) {
	for cp := 0xfff9; cp <= 0xffff; cp++ {
		all = append(all, encode(cp, 3))
	}
	return all
}

func prefixes(s string) (all []string) {
	for n := range len(s) {
		all = append(all, s[:n+1])
	}
	return all
}

// continuations are 80, bf, 80bf, 80bf80 and so on, and all from 80 to be.
func continuations() []string {
	all := []string{"\x80", "\xbf"}
	for n := 2; n <= 6; n++ {
		all = append(all, "\x80\xbf\x80\xbf\x80\xbf"[:n])
	}
	s := ""
	for c := 0x80; c < 0xbf; c++ {
		s += string([]byte{byte(c)})
	}
	return append(all, s)
}

// lonely are n first bytes from first on, each with a space behind.
func lonely(first byte, n int) (s string) {
	for i := range n {
		s += string([]byte{first + byte(i), ' '})
	}
	return s
}

// incomplete are the first and the last sequences of 2 to 6 bytes without their last byte.
func incomplete() (all []string) {
	for _, cp := range [][]int{{0, 0, 0, 0, 0}, {0x7ff, 0xffff, 0x1fffff, 0x3ffffff, 0x7fffffff}} {
		for _, s := range encodings(cp, 2) {
			all = append(all, s[:len(s)-1])
		}
	}
	return all
}

func surrogates() (all []string) {
	for _, cp := range []int{0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff} {
		all = append(all, encode(cp, 3))
	}
	return all
}

func surrogatePairs() (all []string) {
	for _, high := range []int{0xd800, 0xdb7f, 0xdb80, 0xdbff} {
		for _, low := range []int{0xdc00, 0xdfff} {
			all = append(all, encode(high, 3)+encode(low, 3))
		}
	}
	return all
}

// noncharacters are the last two code points of each plane.
func noncharacters() (all []string) {
	for plane := range 17 {
		n := 4
		if plane == 0 {
			n = 3
		}
		all = append(all, encode(plane<<16|0xfffe, n), encode(plane<<16|0xffff, n))
	}
	return all
}
