package codec

import "encoding/binary"

// The text of a message must be UTF-8 (RFC 6455 section 8.1), whole only at
// the end of the message. It is recognised by a state machine (RFC 3629
// section 4, where the ranges of second bytes are given):
//
//	start ──00..7F──▶ start
//	start ──C2..DF──▶ tail1 ──────────80..BF──▶ start
//	start ──E0──────▶ afterE0 ──A0..BF──▶ tail1     (below is overlong)
//	start ──E1..EF──▶ tail2 ────80..BF──▶ tail1     (but not ED)
//	start ──ED──────▶ afterED ──80..9F──▶ tail1     (above are surrogates)
//	start ──F0──────▶ afterF0 ──90..BF──▶ tail2     (below is overlong)
//	start ──F1..F3──▶ tail3 ────80..BF──▶ tail2
//	start ──F4──────▶ afterF4 ──80..8F──▶ tail2     (above U+10FFFF)
//	any other byte ─▶ reject, which nothing leaves
//
// So reject is entered at the first byte which no continuation can mend.
//
// A state's number is where its successor lies in the word that utf8Next
// holds for a byte: the step s = utf8Next[b] >> s costs one shift, because
// the load does not wait for s. Six bits hold each successor, and a shift
// heeds just the low six bits of its count, so what lies above is harmless.
const (
	utf8Start   = 6 * iota // between code points; the zero value
	utf8Tail1              // one continuation byte is missing
	utf8Tail2              // two are missing
	utf8Tail3              // three are missing
	utf8AfterE0            // two are missing, the next is A0..BF
	utf8AfterED            // two are missing, the next is 80..9F
	utf8AfterF0            // three are missing, the next is 90..BF
	utf8AfterF4            // three are missing, the next is 80..8F
	utf8Reject             // not UTF-8, whatever follows
	utf8States  = iota

	utf8StateMask = 63
)

// nonASCII has the bits that are set in no ASCII byte.
const nonASCII = 0x8080808080808080

// utf8Next holds, for each byte, the successors of all states.
var utf8Next = utf8Transitions()

func utf8Transitions() [256]uint64 {
	var next [256]uint64
	for b := range next {
		for state := range utf8States {
			next[b] |= utf8Reject << (6 * state)
		}
	}
	add := func(from uint64, first, last byte, to uint64) {
		for b := int(first); b <= int(last); b++ {
			next[b] ^= (utf8Reject ^ to) << from
		}
	}
	add(utf8Start, 0x00, 0x7F, utf8Start)
	add(utf8Start, 0xC2, 0xDF, utf8Tail1)
	add(utf8Start, 0xE0, 0xE0, utf8AfterE0)
	add(utf8Start, 0xE1, 0xEC, utf8Tail2)
	add(utf8Start, 0xED, 0xED, utf8AfterED)
	add(utf8Start, 0xEE, 0xEF, utf8Tail2)
	add(utf8Start, 0xF0, 0xF0, utf8AfterF0)
	add(utf8Start, 0xF1, 0xF3, utf8Tail3)
	add(utf8Start, 0xF4, 0xF4, utf8AfterF4)
	add(utf8Tail1, 0x80, 0xBF, utf8Start)
	add(utf8Tail2, 0x80, 0xBF, utf8Tail1)
	add(utf8Tail3, 0x80, 0xBF, utf8Tail2)
	add(utf8AfterE0, 0xA0, 0xBF, utf8Tail1)
	add(utf8AfterED, 0x80, 0x9F, utf8Tail1)
	add(utf8AfterF0, 0x90, 0xBF, utf8Tail2)
	add(utf8AfterF4, 0x80, 0x8F, utf8Tail2)
	return next
}

// UTF8Validator checks that a text which arrives in pieces is UTF-8
// (RFC 3629; RFC 6455 section 8.1). It fails at the first byte which no valid
// continuation can follow: at C0, at the second byte of F4 90, at the second
// of ED A0. Pieces may end inside a code point.
//
// The zero value is ready for a new text; assign it to start anew. A
// validator is one byte, keeps no reference to the text and is not safe for
// use from several goroutines at once.
type UTF8Validator struct {
	state uint8
}

// Write goes on with p, the next bytes of the text. It returns false when
// the text with p has ceased to be the beginning of any valid one; the text
// fails with close code 1007 then (RFC 6455 section 8.1). The validator's
// state is unchanged when Write returns false.
func (v *UTF8Validator) Write(p []byte) bool {
	state := utf8Scan(uint64(v.state), p)
	if state == utf8Reject {
		return false
	}
	v.state = uint8(state)
	return true
}

// Complete reports whether the text may end here: no code point is
// unfinished. The empty text is complete.
func (v *UTF8Validator) Complete() bool {
	return v.state == utf8Start
}

// ValidUTF8 reports whether p is a whole valid text (RFC 3629). It gives the
// same answer as utf8.Valid and is made for the payloads of messages: it
// is faster on text that is not all ASCII. It is safe from any goroutine.
func ValidUTF8(p []byte) bool {
	return utf8Scan(utf8Start, p) == utf8Start
}

// utf8Scan runs the state machine over p from state and returns the state it
// ends in. ASCII is passed eight bytes at a time, then 64 and 32.
func utf8Scan(state uint64, p []byte) uint64 {
	// With the capacity equal to the length the compiler need not work out
	// both for each slice below; with > in place of >= it need not guard
	// against a slice that begins past the end.
	p = p[:len(p):len(p)]
	for len(p) >= 8 {
		if state&utf8StateMask == utf8Start && binary.LittleEndian.Uint64(p)&nonASCII == 0 {
			p = p[8:]
			for len(p) > 64 && ascii32((*[32]byte)(p)) && ascii32((*[32]byte)(p[32:])) {
				p = p[64:]
			}
			if len(p) > 32 && ascii32((*[32]byte)(p)) {
				p = p[32:]
			}
			continue
		}
		state = utf8Next[p[0]] >> (state & utf8StateMask)
		state = utf8Next[p[1]] >> (state & utf8StateMask)
		state = utf8Next[p[2]] >> (state & utf8StateMask)
		state = utf8Next[p[3]] >> (state & utf8StateMask)
		p = p[4:]
	}
	for _, b := range p {
		state = utf8Next[b] >> (state & utf8StateMask)
	}
	return state & utf8StateMask
}

// ascii32 reports whether all of p is ASCII.
func ascii32(p *[32]byte) bool {
	w := binary.LittleEndian.Uint64(p[0:]) | binary.LittleEndian.Uint64(p[8:]) |
		binary.LittleEndian.Uint64(p[16:]) | binary.LittleEndian.Uint64(p[24:])
	return w&nonASCII == 0
}
