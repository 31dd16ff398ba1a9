package codec

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// payloadSizes are the sizes of the mask benchmarks, by name.
var payloadSizes = []struct {
	name string
	n    int
}{
	{"8B", 8},
	{"16B", 16},
	{"64B", 64},
	{"128B", 128},
	{"1KiB", 1 << 10},
	{"16KiB", 16 << 10},
	{"64KiB", 64 << 10},
	{"1MiB", 1 << 20},
}

// pageAligned returns n bytes that start off bytes after a page boundary: Go
// places an allocation of more than 32 KiB on pages of its own.
func pageAligned(n, off int) []byte {
	return make([]byte, n+off+64<<10)[off:][:n:n]
}

// maskByteLoop is the baseline: one byte at a time.
func maskByteLoop(p []byte, key MaskKey) MaskKey {
	for i := range p {
		p[i] ^= byte(key)
		key = key.rotate(1)
	}
	return key
}

// maskXORBytes masks through crypto/subtle.XORBytes (SIMD, no assembly of our
// own) with the key expanded into a block. It is here to show that it does
// not pay: it is slower than Mask up to 64 KiB and even with it at 1 MiB.
func maskXORBytes(p []byte, key MaskKey) MaskKey {
	var block [1024]byte
	next := key.rotate(len(p))
	k := key.word()
	for i := 0; i < len(block) && i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(block[i:], k)
	}
	for len(p) > 0 {
		p = p[subtle.XORBytes(p, p, block[:]):]
	}
	return next
}

// maskWithByteTail is Mask with tails of 8, 4 and 1 bytes in place of the
// overlapping last word.
func maskWithByteTail(p []byte, key MaskKey) MaskKey {
	k := key.word()
	for len(p) >= 64 {
		q := (*[64]byte)(p)
		binary.LittleEndian.PutUint64(q[0:], binary.LittleEndian.Uint64(q[0:])^k)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^k)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^k)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^k)
		binary.LittleEndian.PutUint64(q[32:], binary.LittleEndian.Uint64(q[32:])^k)
		binary.LittleEndian.PutUint64(q[40:], binary.LittleEndian.Uint64(q[40:])^k)
		binary.LittleEndian.PutUint64(q[48:], binary.LittleEndian.Uint64(q[48:])^k)
		binary.LittleEndian.PutUint64(q[56:], binary.LittleEndian.Uint64(q[56:])^k)
		p = p[64:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	if len(p) >= 4 {
		binary.LittleEndian.PutUint32(p, binary.LittleEndian.Uint32(p)^uint32(key))
		p = p[4:]
	}
	return maskByteLoop(p, key)
}

func BenchmarkMask(b *testing.B) {
	kernels := []struct {
		name string
		mask func([]byte, MaskKey) MaskKey
	}{
		{"words", Mask},
		{"bytes", maskByteLoop},
		{"xorbytes", maskXORBytes},
	}
	for _, size := range payloadSizes {
		for _, off := range []int{0, 1, 3} {
			where := fmt.Sprintf("%s/offset%d", size.name, off)
			if off == 0 {
				where = size.name + "/aligned"
			}
			p, q := pageAligned(size.n, off), pageAligned(size.n, off)
			for _, k := range kernels {
				b.Run(k.name+"/"+where, func(b *testing.B) {
					b.SetBytes(int64(size.n))
					key := testKey
					for b.Loop() {
						key = k.mask(p, key)
					}
				})
			}
			b.Run("copy/"+where, func(b *testing.B) {
				b.SetBytes(int64(size.n))
				for b.Loop() {
					copy(p, q)
				}
			})
		}
	}
}

// BenchmarkMaskVaried masks payloads of 0 to max bytes in an order that the
// branch predictor does not know, as they come from many clients.
func BenchmarkMaskVaried(b *testing.B) {
	kernels := []struct {
		name string
		mask func([]byte, MaskKey) MaskKey
	}{
		{"words", Mask},
		{"bytetail", maskWithByteTail},
		{"bytes", maskByteLoop},
	}
	for _, most := range []int{16, 64, 125, 512} {
		const count = 4096
		random := rand.New(rand.NewPCG(1, 2))
		space := make([]byte, count*most)
		var payloads [count][]byte
		for i := range payloads {
			n := random.IntN(most + 1)
			payloads[i], space = space[:n:n], space[n:]
		}
		for _, k := range kernels {
			b.Run(fmt.Sprintf("%s/upto%dB", k.name, most), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					k.mask(payloads[i%count], testKey)
				}
			})
		}
	}
}

// BenchmarkMaskSend builds a masked frame of a 10-byte header and a payload:
// copying and then masking in place against both in one pass.
func BenchmarkMaskSend(b *testing.B) {
	const header = 10
	for _, size := range payloadSizes {
		src, dst := pageAligned(size.n, 0), pageAligned(size.n+header, 0)
		b.Run("append/"+size.name, func(b *testing.B) {
			b.SetBytes(int64(size.n))
			for b.Loop() {
				frame := append(dst[:header], src...)
				Mask(frame[header:], testKey)
			}
		})
		b.Run("onepass/"+size.name, func(b *testing.B) {
			b.SetBytes(int64(size.n))
			for b.Loop() {
				copyMasked(dst[header:], src, testKey)
			}
		})
	}
}
