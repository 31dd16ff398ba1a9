package codec

import (
	"slices"
	"testing"
)

// TestHuffmanLengths holds which lengths make a code (RFC 1951 3.2.2, 3.2.7).
func TestHuffmanLengths(t *testing.T) {
	for _, row := range []struct {
		name    string
		lengths []uint8
		ok      bool
	}{
		{"none", []uint8{0, 0, 0}, true},
		{"one of one bit", []uint8{0, 1}, true},
		{"one of two bits", []uint8{2}, false},
		{"two", []uint8{1, 0, 1}, true},
		{"three of one bit", []uint8{1, 1, 1}, false},
		{"complete", []uint8{2, 1, 3, 3}, true},
		{"one is missing", []uint8{2, 1, 3}, false},
		{"one too many", []uint8{2, 1, 3, 3, 3}, false},
		{"too many, and the longest would fit", []uint8{1, 1, 1, 15}, false},
		{"fifteen bits", []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15}, true},
	} {
		if got := new(huffman).init(row.lengths); got != row.ok {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}

// TestHuffmanCodes holds that each code is found by its bits and no fewer, also by the slow way, and that a bit
// without a code is none.
func TestHuffmanCodes(t *testing.T) {
	lengths := []uint8{3, 3, 0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 2, 3}
	h := new(huffman)
	if !h.init(lengths) {
		t.Fatal("no code")
	}
	codes := prefixCode(toInts(lengths))
	if len(codes) != len(lengths)-1 {
		t.Fatalf("%d codes", len(codes))
	}
	for code, symbol := range codes {
		n := uint(lengths[symbol])
		var b uint64 // the code from its most significant bit on
		for i := range n {
			b |= uint64(code>>(n-1-i)&1) << i
		}
		for have := range n {
			if _, length := h.next(b&(1<<have-1), have); length != 0 {
				t.Errorf("symbol %d by %d bits of %d", symbol, have, n)
			}
		}
		for _, next := range []func(uint64, uint) (int, uint){h.next, h.long} {
			if got, length := next(b|1<<60, 64); got != symbol || length != n {
				t.Errorf("symbol %d of %d bits is %d of %d", symbol, n, got, length)
			}
		}
	}
	one := new(huffman)
	one.init([]uint8{1})
	if _, length := one.next(1<<20-1, 20); length <= maxCodeBits {
		t.Errorf("no code is one of %d bits", length)
	}
}

func toInts(lengths []uint8) (all []int) {
	for _, n := range lengths {
		all = append(all, int(n))
	}
	return all
}

// A header that breaks a rule is a fault before anything comes behind it.
func TestInflateStreamHeaderFaults(t *testing.T) {
	tested := 0
	for _, row := range allInflateFaults(t) {
		if !slices.Contains([]string{"3.2.2", "3.2.7"}, row.rule[:5]) {
			continue
		}
		tested++
		s := new(inflateStream)
		s.reset(nil)
		if _, _, _, fault := s.inflate(nil, []byte(row.compressed), 100); fault != ErrDeflate {
			t.Errorf("%s: %v", row.rule, fault)
		}
	}
	if tested != 8 {
		t.Errorf("%d rules", tested)
	}
}
