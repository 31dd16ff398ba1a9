package codec

import (
	"errors"
	"fmt"
	"slices"
)

// inflated is what traceInflate makes of a stream.
type inflated struct {
	message  []byte
	farthest int // the largest distance
	finals   int // blocks with BFINAL set
}

// traceInflate is RFC 1951 written down once more, slowly, for the tests: it decompresses payload, with what
// the sender cut off behind it, and refuses a distance of more than size bytes or beyond what window holds.
// Blocks with BFINAL set do not end it (RFC 7692 7.2.1).
func traceInflate(payload, window []byte, size int) (got inflated, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("%v", e)
		}
	}()
	r := &bitReader{in: slices.Clip(slices.Concat(payload, []byte(deflateTail)))}
	got.message = slices.Clone(window)
	for r.at < len(r.in) || r.n > 0 {
		final := r.bits(1) == 1
		switch kind := r.bits(2); kind {
		case 0:
			r.n = 0
			n, complement := r.bits(16), r.bits(16)
			if n^complement != 0xFFFF {
				return got, errors.New("length of a stored block")
			}
			got.message = append(got.message, r.in[r.at:r.at+n]...)
			r.at += n
		case 1:
			r.codes(&got, fixedCodes(), prefixCode(slices.Repeat([]int{5}, 32)), size)
		case 2:
			literals, distances := r.dynamicCodes()
			r.codes(&got, literals, distances, size)
		default:
			return got, errors.New("block of type 3")
		}
		if final {
			got.finals++
			r.n = 0
		}
	}
	got.message = got.message[len(window):]
	return got, nil
}

// bitReader reads the bits of each byte from the least significant one (RFC 1951 3.1.1). It panics at the end.
type bitReader struct {
	in []byte
	at int
	n  int // bits left of the byte before at
}

func (r *bitReader) bits(n int) (v int) {
	for i := range n {
		if r.n == 0 {
			r.at++
			r.n = 8
		}
		v |= int(r.in[r.at-1]>>(8-r.n)&1) << i
		r.n--
	}
	return v
}

// prefixCode assigns the symbols of a Huffman code with these lengths (RFC 1951 3.2.2). A code is kept with a 1
// before it.
func prefixCode(lengths []int) map[int]int {
	codes := make(map[int]int)
	code := 0
	for length := 1; length <= 15; length++ {
		for symbol, n := range lengths {
			if n == length {
				codes[1<<length|code] = symbol
				code++
			}
		}
		code <<= 1
	}
	if _, one := codes[2]; code != 1<<16 && len(codes) != 0 && !(one && len(codes) == 1) { // 3.2.7: one may be alone
		panic("codes that leave some over, or want more than there are")
	}
	return codes
}

func (r *bitReader) symbol(codes map[int]int) int {
	code := 1
	for range 15 {
		code = code<<1 | r.bits(1)
		if symbol, ok := codes[code]; ok {
			return symbol
		}
	}
	panic("code that no symbol has")
}

// fixedCodes are those of RFC 1951 3.2.6.
func fixedCodes() map[int]int {
	return prefixCode(slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112),
		slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8)))
}

// dynamicCodes reads the codes of a block (RFC 1951 3.2.7).
func (r *bitReader) dynamicCodes() (literals, distances map[int]int) {
	nl, nd, nc := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	if nl > 286 || nd > 30 {
		panic("more codes than there are")
	}
	var lengths [19]int
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:nc] {
		lengths[symbol] = r.bits(3)
	}
	codes := prefixCode(lengths[:])
	var all []int
	for len(all) < nl+nd {
		switch symbol := r.symbol(codes); symbol {
		case 16:
			all = append(all, slices.Repeat(all[len(all)-1:], 3+r.bits(2))...)
		case 17:
			all = append(all, make([]int, 3+r.bits(3))...)
		case 18:
			all = append(all, make([]int, 11+r.bits(7))...)
		default:
			all = append(all, symbol)
		}
	}
	if len(all) > nl+nd {
		panic("more lengths than codes")
	}
	return prefixCode(all[:nl]), prefixCode(all[nl:])
}

// codes decompresses the rest of a block (RFC 1951 3.2.5).
func (r *bitReader) codes(got *inflated, literals, distances map[int]int, size int) {
	for {
		symbol := r.symbol(literals)
		if symbol == 256 {
			return
		}
		if symbol < 256 {
			got.message = append(got.message, byte(symbol))
			continue
		}
		length := 258
		if symbol < 285 {
			length = 3 + r.extended(symbol-257, 4)
		}
		far := r.symbol(distances)
		if symbol > 285 || far > 29 {
			panic("code that will never occur") // 3.2.6
		}
		distance := 1 + r.extended(far, 2)
		if distance > size || distance > len(got.message) {
			panic(fmt.Sprintf("distance %d in a window of %d bytes", distance, min(size, len(got.message))))
		}
		got.farthest = max(got.farthest, distance)
		for range length {
			got.message = append(got.message, got.message[len(got.message)-distance])
		}
	}
}

// extended returns what a length or distance code stands for, from 0, of which each power of two has steps
// codes.
func (r *bitReader) extended(code, steps int) int {
	if code < 2*steps {
		return code
	}
	extra := code/steps - 1
	return (steps+code%steps)<<extra + r.bits(extra)
}
