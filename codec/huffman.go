package codec

import "math/bits"

// huffman is a prefix code of RFC 1951 3.2.2, made for codes that may come in pieces.
type huffman struct {
	fast    [1 << fastBits]uint16 // by the next bits: symbol<<4 | length; 0 where the code is longer, or none
	count   [maxCodeBits + 1]uint16
	symbols [literalSymbols]uint16 // in the order of their codes
}

const (
	fastBits        = 9
	maxCodeBits     = 15
	literalSymbols  = 288
	distanceSymbols = 32
)

// init makes the code in which symbol i has lengths[i] bits, 0 for a symbol that does not occur. It reports
// whether there is such a code, and it is complete. One code of one bit may be alone, and there may be none at
// all, as RFC 1951 3.2.7 has it for distances.
func (h *huffman) init(lengths []uint8) bool {
	clear(h.fast[:])
	clear(h.count[:])
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	var code, index, longest, used int
	var next, first [maxCodeBits + 1]int
	for n := 1; n <= maxCodeBits; n++ {
		code <<= 1
		next[n], first[n] = code, index-code
		code += int(h.count[n])
		index += int(h.count[n])
		if h.count[n] > 0 {
			longest, used = n, code
		}
		if code > 1<<n {
			return false
		}
	}
	if longest > 0 && used != 1<<longest && (longest != 1 || index != 1) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		code := next[n]
		next[n]++
		h.symbols[first[n]+code] = uint16(symbol)
		if n > fastBits {
			continue
		}
		// The bits of a code come from its most significant one on (RFC 1951 3.1.1).
		for at := int(bits.Reverse16(uint16(code)) >> (16 - n)); at < len(h.fast); at += 1 << n {
			h.fast[at] = uint16(symbol)<<4 | uint16(n)
		}
	}
	return true
}

// next returns the symbol that the n bits in b begin with, and the length of its code: 0 when that needs more
// bits, and more than maxCodeBits when there is none.
func (h *huffman) next(b uint64, n uint) (symbol int, length uint) {
	if e := h.fast[b&(1<<fastBits-1)]; e != 0 && uint(e&15) <= n {
		return int(e >> 4), uint(e & 15)
	}
	return h.long(b, n)
}

// long is next for any code: one bit after the other.
func (h *huffman) long(b uint64, n uint) (symbol int, length uint) {
	var code, first, index int
	for length = 1; length <= maxCodeBits; length++ {
		if length > n {
			return 0, 0
		}
		code |= int(b & 1)
		b >>= 1
		count := int(h.count[length])
		if code < first+count {
			return int(h.symbols[index+code-first]), length
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, length
}

// The codes of RFC 1951 3.2.6.
var fixedLiterals, fixedDistances = fixedHuffman()

func fixedHuffman() (literals, distances *huffman) {
	literals, distances = new(huffman), new(huffman)
	var lengths [literalSymbols]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	literals.init(lengths[:])
	for i := range lengths[:distanceSymbols] {
		lengths[i] = 5
	}
	distances.init(lengths[:distanceSymbols])
	return literals, distances
}
