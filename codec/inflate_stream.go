package codec

import "sync"

// inflateStream decompresses (RFC 1951) what arrives in pieces, to pieces: it stops where its input ends, at any
// bit, or its output is full, and goes on from there.
//
//	──▶ block ──┬─▶ stored length ─▶ stored ──────────────────▶ block
//	            ├─▶ (fixed codes) ─▶ symbols ◀──▶ copy
//	            └─▶ counts ─▶ code lengths ─▶ lengths ─▶ symbols ─▶ block
//
// Each step takes what it needs at once or nothing: no more than 48 bits, of the 64 that wait in bits.
type inflateStream struct {
	bits      uint64 // that have been read and not yet used, from the least significant one
	n         uint   // how many these are
	state     inflateState
	final     bool // BFINAL of the current block, or of the one before when there is none
	left      int  // bytes of a stored block, or of a match
	distance  int  // of the match
	literals  *huffman
	distances *huffman
	window    []byte // what came before the output that is being made

	// The header of a block with codes of its own.
	codes                         [2]huffman
	lengths                       [literalSymbols + distanceSymbols]uint8
	nLiterals, nDistances, nCodes int
	at                            int // lengths that have been read
}

type inflateState uint8

const (
	inflateBlock inflateState = iota
	inflateStoredLength
	inflateStored
	inflateCounts
	inflateCodeLengths
	inflateLengths
	inflateSymbols
	inflateCopy
)

// inflateStreams are lent for one message at a time; each has some 40 KiB.
var inflateStreams = sync.Pool{New: func() any { return new(inflateStream) }}

// reset makes s ready for a message that may refer to window, of which it keeps a copy.
func (s *inflateStream) reset(window []byte) {
	s.bits, s.n, s.state, s.final = 0, 0, inflateBlock, false
	s.window = append(s.window[:0], window...)
}

// handOver takes out to be what came before the output that is made from here on.
func (s *inflateStream) handOver(out []byte) {
	s.window = slideWindow(s.window, out, 1<<maxWindowBits)
}

// whole reports whether the input ends where a block does.
func (s *inflateStream) whole() bool { return s.state == inflateBlock && s.n == 0 }

// ended reports whether that is a block with BFINAL set.
func (s *inflateStream) ended() bool { return s.whole() && s.final }

// inflate decompresses bytes of in and appends them to out, which holds the output since handOver, until in is used
// up or it is full: it has room bytes, and there is another one to come. It returns how much of in was used.
func (s *inflateStream) inflate(out, in []byte, room int) (_ []byte, used int, full bool, fault *CloseError) {
	for more := true; more; {
		for s.n <= 56 && used < len(in) {
			s.bits |= uint64(in[used]) << s.n
			s.n += 8
			used++
		}
		switch s.state {
		case inflateBlock:
			more, fault = s.block()
		case inflateStoredLength:
			more, fault = s.storedLength()
		case inflateStored:
			var n int
			out, n = s.stored(out, in[used:], room)
			used += n
			full = s.left > 0 && len(out) == room && (s.n > 0 || used < len(in))
			more = s.left == 0
			if more {
				s.state = inflateBlock
			}
		case inflateCounts:
			more, fault = s.counts()
		case inflateCodeLengths:
			more, fault = s.codeLengths()
		case inflateLengths:
			more, fault = s.length()
		case inflateSymbols:
			out, more, full, fault = s.symbols(out, room)
		case inflateCopy:
			out = s.copy(out, room)
			full = s.left > 0
		}
		if fault != nil || full {
			return out, used, full, fault
		}
		more = more || used < len(in)
	}
	return out, used, false, nil
}

// take returns the next n bits, at most 16. ok is false, and nothing is taken, where there are fewer.
func (s *inflateStream) take(n uint) (v int, ok bool) {
	if s.n < n {
		return 0, false
	}
	v = int(s.bits & (1<<n - 1))
	s.drop(n)
	return v, true
}

func (s *inflateStream) drop(n uint) {
	s.bits >>= n
	s.n -= n
}

// block reads the header of a block (RFC 1951 3.2.3). RFC 7692 7.2.1 allows blocks with BFINAL set, and the next
// block begins at the byte after such a one.
func (s *inflateStream) block() (more bool, fault *CloseError) {
	if s.final {
		s.drop(s.n & 7)
	}
	header, ok := s.take(3)
	if !ok {
		return false, nil
	}
	s.final = header&1 == 1
	switch header >> 1 {
	case 0:
		s.drop(s.n & 7)
		s.state = inflateStoredLength
	case 1:
		s.literals, s.distances = fixedLiterals, fixedDistances
		s.state = inflateSymbols
	case 2:
		s.state = inflateCounts
	default:
		return false, ErrDeflate
	}
	return true, nil
}

// storedLength reads the length of a block without compression, and its complement (RFC 1951 3.2.4).
func (s *inflateStream) storedLength() (more bool, fault *CloseError) {
	if s.n < 32 {
		return false, nil
	}
	length, _ := s.take(16)
	complement, _ := s.take(16)
	if length^complement != 0xFFFF {
		return false, ErrDeflate
	}
	s.left = length
	s.state = inflateStored
	return true, nil
}

// stored copies bytes of a block without compression: those that have been read ahead, and then of in.
func (s *inflateStream) stored(out, in []byte, room int) (_ []byte, used int) {
	for s.left > 0 && s.n > 0 && len(out) < room {
		b, _ := s.take(8) // the bits are whole bytes here
		out = append(out, byte(b))
		s.left--
	}
	if s.n == 0 {
		used = min(s.left, len(in), room-len(out))
		out = append(out, in[:used]...)
		s.left -= used
	}
	return out, used
}

// counts reads how many code lengths there are (RFC 1951 3.2.7).
func (s *inflateStream) counts() (more bool, fault *CloseError) {
	if s.n < 14 {
		return false, nil
	}
	literals, _ := s.take(5)
	distances, _ := s.take(5)
	codes, _ := s.take(4)
	s.nLiterals, s.nDistances, s.nCodes = literals+257, distances+1, codes+4
	if s.nLiterals > 286 || s.nDistances > 30 {
		return false, ErrDeflate
	}
	clear(s.lengths[:])
	s.at = 0
	s.state = inflateCodeLengths
	return true, nil
}

// codeLengths reads the code that the code lengths are written in.
func (s *inflateStream) codeLengths() (more bool, fault *CloseError) {
	for ; s.at < s.nCodes; s.at++ {
		n, ok := s.take(3)
		if !ok {
			return false, nil
		}
		s.lengths[codeOrder[s.at]] = uint8(n)
	}
	if !s.codes[0].init(s.lengths[:len(codeOrder)]) {
		return false, ErrDeflate
	}
	s.at = 0
	s.state = inflateLengths
	return true, nil
}

var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// length reads the next code length, or several that are the same.
func (s *inflateStream) length() (more bool, fault *CloseError) {
	all := s.nLiterals + s.nDistances
	if s.at == all {
		if !s.codes[0].init(s.lengths[:s.nLiterals]) || !s.codes[1].init(s.lengths[s.nLiterals:all]) {
			return false, ErrDeflate
		}
		s.literals, s.distances = &s.codes[0], &s.codes[1]
		s.state = inflateSymbols
		return true, nil
	}
	symbol, n := s.codes[0].next(s.bits, s.n)
	var extra uint
	times, value := 1, uint8(symbol)
	switch {
	case n == 0:
		return false, nil
	case n > maxCodeBits:
		return false, ErrDeflate
	case symbol == 16:
		if s.at == 0 {
			return false, ErrDeflate
		}
		extra, times, value = 2, 3, s.lengths[s.at-1]
	case symbol == 17:
		extra, times, value = 3, 3, 0
	case symbol == 18:
		extra, times, value = 7, 11, 0
	}
	if s.n < n+extra {
		return false, nil
	}
	s.drop(n)
	repeated, _ := s.take(extra)
	times += repeated
	if s.at+times > all {
		return false, ErrDeflate
	}
	for range times {
		s.lengths[s.at] = value
		s.at++
	}
	return true, nil
}

// symbols reads literals and matches up to a match, the end of the block or that of what there is. more is
// false where only more bits help, full is true where only more room does.
func (s *inflateStream) symbols(out []byte, room int) (_ []byte, more, full bool, fault *CloseError) {
	for {
		symbol, n := s.literals.next(s.bits, s.n)
		switch {
		case n == 0:
			return out, false, false, nil
		case n > maxCodeBits || symbol > 285:
			return out, false, false, ErrDeflate
		case symbol < 256 && len(out) == room:
			return out, false, true, nil
		case symbol < 256:
			s.drop(n)
			out = append(out, byte(symbol))
			continue
		case symbol == 256:
			s.drop(n)
			s.state = inflateBlock
			return out, true, false, nil
		}
		length := lengthCodes[symbol-257]
		b, have := s.bits>>n, s.n-n
		if have > s.n || have < uint(length.extra) {
			return out, false, false, nil
		}
		s.left = int(length.base) + int(b&(1<<length.extra-1))
		b, have = b>>length.extra, have-uint(length.extra)
		symbol, n = s.distances.next(b, have)
		switch {
		case n == 0:
			return out, false, false, nil
		case n > maxCodeBits || symbol > 29:
			return out, false, false, ErrDeflate
		}
		distance := distanceCodes[symbol]
		b, have = b>>n, have-n
		if have < uint(distance.extra) {
			return out, false, false, nil
		}
		s.distance = int(distance.base) + int(b&(1<<distance.extra-1))
		s.bits, s.n = b>>distance.extra, have-uint(distance.extra)
		if s.distance > len(s.window)+len(out) {
			return out, false, false, ErrDeflate
		}
		s.state = inflateCopy
		return out, true, false, nil
	}
}

// copy copies a match, as far as there is room: from the window, and then from out.
func (s *inflateStream) copy(out []byte, room int) []byte {
	n := min(s.left, room-len(out))
	s.left -= n
	if before := s.distance - len(out); before > 0 {
		from := s.window[len(s.window)-before:]
		from = from[:min(n, before)]
		out = append(out, from...)
		n -= len(from)
	}
	for at := len(out) - s.distance; n > 0; {
		from := out[at:] // which has become longer by what it was before
		from = from[:min(n, len(from))]
		out = append(out, from...)
		n -= len(from)
	}
	if s.left == 0 {
		s.state = inflateSymbols
	}
	return out
}

// rangeCode is what a code for lengths or distances stands for: base, and a number of extra bits more.
type rangeCode struct {
	base  uint16
	extra uint8
}

// The codes of RFC 1951 3.2.5.
var (
	lengthCodes   = rangeCodes(29, 3, 4)
	distanceCodes = rangeCodes(30, 1, 2)
)

// rangeCodes returns n codes from base on, of which steps double what they range over.
func rangeCodes(n, base, steps int) []rangeCode {
	codes := make([]rangeCode, n)
	for i := range codes {
		extra := max(i/steps-1, 0)
		codes[i] = rangeCode{uint16(base), uint8(extra)}
		base += 1 << extra
	}
	if steps == 4 {
		codes[n-1] = rangeCode{258, 0} // which could be written otherwise, too
	}
	return codes
}
