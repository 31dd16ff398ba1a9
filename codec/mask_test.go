package codec

import (
	"bytes"
	"testing"
)

// testKey has four different bytes, so that a rotation by any amount shows.
var testKey = MaskKeyOf([4]byte{0x37, 0xfa, 0x21, 0x3d})

// maskBytes is RFC 6455 section 5.3 word for word: octet i of the payload is
// XORed with octet i modulo 4 of the key.
func maskBytes(p []byte, key [4]byte) {
	for i := range p {
		p[i] ^= key[i%4]
	}
}

// pattern returns n bytes in which no two neighbourhoods look alike.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}

// RFC 6455 section 5.7: a single-frame masked text message "Hello".
func TestMaskRFCExample(t *testing.T) {
	p := []byte("Hello")
	Mask(p, testKey)
	if want := []byte{0x7f, 0x9f, 0x4d, 0x51, 0x58}; !bytes.Equal(p, want) {
		t.Fatalf("masked Hello = % x, want % x", p, want)
	}
}

func TestMaskKeyWireOrder(t *testing.T) {
	wire := [4]byte{1, 2, 3, 4}
	key := MaskKeyOf(wire)
	if key != 0x04030201 {
		t.Errorf("MaskKeyOf(% x) = %#x, want 0x04030201", wire, uint32(key))
	}
	if got := key.Bytes(); got != wire {
		t.Errorf("Bytes() = % x, want % x", got, wire)
	}
}

// Every length up to a few unrolled blocks at every offset from a word:
// p is masked as by the byte loop, its neighbours keep their values, and the
// returned key is the one for the byte after p.
func TestMaskEveryLengthAndOffset(t *testing.T) {
	const margin = 8
	for n := range 300 {
		for off := range 8 {
			buf := pattern(off + margin + n + margin)
			want := bytes.Clone(buf)
			start := off + margin
			maskBytes(want[start:start+n], testKey.Bytes())

			next := Mask(buf[start:start+n], testKey)
			if !bytes.Equal(buf, want) {
				t.Fatalf("length %d, offset %d: got % x, want % x", n, off, buf, want)
			}
			wire, got := testKey.Bytes(), next.Bytes()
			for i := range got {
				if got[i] != wire[(n+i)%4] {
					t.Fatalf("length %d: next key % x, key % x", n, got, wire)
				}
			}
		}
	}
}

// Every length up to a few unrolled blocks, from any offset to any other, is copied as the byte loop masks it;
// the source and what stands around keep their values.
func TestCopyMasked(t *testing.T) {
	for n := range 200 {
		for from := range 8 {
			for to := range 8 {
				src, dst := pattern(from+n+8), make([]byte, to+n+8)
				fill(dst, poison)
				want := bytes.Clone(dst)
				copy(want[to:], src[from:from+n])
				maskBytes(want[to:to+n], testKey.Bytes())

				copyMasked(dst[to:to+n], src[from:from+n], testKey)
				if !bytes.Equal(dst, want) || !bytes.Equal(src, pattern(from+n+8)) {
					t.Fatalf("length %d, from offset %d to %d: % x, want % x", n, from, to, dst, want)
				}
			}
		}
	}
}

// appendMasked gives the same on both sides of onePass, in a buffer that has room and in one that has not.
func TestAppendMasked(t *testing.T) {
	for _, n := range []int{0, 1, 63, onePass - 1, onePass, onePass + 1, 3*onePass + 7} {
		for _, key := range []MaskKey{0, testKey} {
			for _, room := range []int{0, n, 2 * n} {
				want := append([]byte("head"), pattern(n)...)
				maskBytes(want[4:], key.Bytes())
				dst := append(make([]byte, 0, 4+room), "head"...)
				got := appendMasked(dst, pattern(n), key)
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes, key %#x, room for %d: not as the byte loop masks them", n, uint32(key), room)
				}
				if n > 0 && room >= n && &got[0] != &dst[0] {
					t.Errorf("%d bytes with room for %d were moved", n, room)
				}
			}
		}
	}
}

func TestMaskTwiceRestores(t *testing.T) {
	p := pattern(1000)
	Mask(p, testKey)
	if bytes.Equal(p, pattern(1000)) {
		t.Fatal("Mask changed nothing")
	}
	Mask(p, testKey)
	if !bytes.Equal(p, pattern(1000)) {
		t.Fatal("masking twice did not restore the payload")
	}
}

// Any split into three gives the same as the whole.
func TestMaskResumes(t *testing.T) {
	const n = 100
	want := pattern(n)
	maskBytes(want, testKey.Bytes())
	for i := range n + 1 {
		for j := i; j <= n; j++ {
			p := pattern(n)
			key := Mask(p[:i], testKey)
			key = Mask(p[i:j], key)
			key = Mask(p[j:], key)
			if !bytes.Equal(p, want) {
				t.Fatalf("split at %d and %d: got % x, want % x", i, j, p, want)
			}
			if key != testKey { // n is a multiple of 4
				t.Fatalf("split at %d and %d: final key %#x", i, j, uint32(key))
			}
		}
	}
}

func TestMaskAllocatesNothing(t *testing.T) {
	p := pattern(1000)
	if n := testing.AllocsPerRun(100, func() { Mask(p, testKey) }); n != 0 {
		t.Errorf("Mask allocates %v times", n)
	}
}

// FuzzMask compares Mask over any split, starting at any offset, with the
// byte loop over the whole. Each byte of cuts is the length of one piece.
func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x3d21fa37), []byte{2}, byte(1))
	f.Add(pattern(200), uint32(0xff00ff01), []byte{64, 3, 0, 7, 9}, byte(3))
	f.Add(pattern(5000), uint32(1), []byte{255, 1, 200}, byte(0))
	f.Fuzz(func(t *testing.T, p []byte, k uint32, cuts []byte, off byte) {
		key := MaskKey(k)
		want := bytes.Clone(p)
		maskBytes(want, key.Bytes())

		got := append(make([]byte, off%8), p...)[off%8:]
		copied := make([]byte, len(p))
		copyMasked(copied, got, key)
		if !bytes.Equal(copied, want) || !bytes.Equal(got, p) {
			t.Fatalf("key %#x: copied % x, want % x", k, copied, want)
		}
		rest, next := got, key
		for _, c := range cuts {
			n := min(int(c), len(rest))
			next = Mask(rest[:n], next)
			rest = rest[n:]
		}
		next = Mask(rest, next)

		if !bytes.Equal(got, want) {
			t.Fatalf("key %#x, cuts %v: got % x, want % x", k, cuts, got, want)
		}
		if whole := Mask(bytes.Clone(p), key); next != whole {
			t.Fatalf("next key %#x after a split, %#x after the whole", uint32(next), uint32(whole))
		}
	})
}
