package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// MaskKey is the masking key of a frame (RFC 6455 section 5.3) in a form that
// can be rotated: byte i of the key in wire order is byte i of its
// little-endian encoding. It is a plain value; the zero key leaves a payload
// as it is.
type MaskKey uint32

// MaskKeyOf returns the key whose four bytes, in wire order, are b.
func MaskKeyOf(b [4]byte) MaskKey {
	return MaskKey(binary.LittleEndian.Uint32(b[:]))
}

// Bytes returns the four bytes of the key in wire order.
func (k MaskKey) Bytes() [4]byte {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(k))
	return b
}

// rotate returns the key for the byte that lies n bytes further on.
func (k MaskKey) rotate(n int) MaskKey {
	return MaskKey(bits.RotateLeft32(uint32(k), -8*(n&3)))
}

// word returns the key twice: the mask of eight bytes in little-endian order.
func (k MaskKey) word() uint64 {
	return uint64(k)<<32 | uint64(k)
}

// Mask XORs p in place with key (RFC 6455 section 5.3) and returns the key
// rotated by len(p) bytes, with which the next bytes of the same payload go
// on. A payload may thus be masked in pieces of any length and alignment.
// Masking twice with the same key restores p, so Mask unmasks as well.
//
// It keeps no reference to p and allocates nothing. Calls on distinct bytes
// may run in parallel.
func Mask(p []byte, key MaskKey) MaskKey {
	next := key.rotate(len(p))
	if len(p) < 8 {
		maskShort(p, key, next)
		return next
	}

	// The last eight bytes are read before the loops change them and written
	// after: where they overlap what the loops have written, they write the
	// same again. So no length needs a byte loop, whose branches the
	// processor cannot foresee when lengths vary.
	last := p[len(p)-8:]
	tail := binary.LittleEndian.Uint64(last) ^ next.word()
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
	for len(p) > 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	binary.LittleEndian.PutUint64(last, tail)
	return next
}

// onePass is from how many bytes on appendMasked masks while it copies. Fewer are copied at once, which is
// faster, and masked while they are in the cache.
const onePass = 4 << 10

// appendMasked appends p to dst, masked with key.
func appendMasked(dst, p []byte, key MaskKey) []byte {
	at := len(dst)
	if len(p) < onePass || key == 0 {
		dst = append(dst, p...)
		if key != 0 {
			Mask(dst[at:], key)
		}
		return dst
	}
	dst = slices.Grow(dst, len(p))[:at+len(p)]
	copyMasked(dst[at:], p, key)
	return dst
}

// copyMasked copies src to dst, which has the same length, masked with key.
func copyMasked(dst, src []byte, key MaskKey) {
	k := key.word()
	for len(src) >= 64 && len(dst) >= 64 {
		s, d := (*[64]byte)(src), (*[64]byte)(dst)
		binary.LittleEndian.PutUint64(d[0:], binary.LittleEndian.Uint64(s[0:])^k)
		binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:])^k)
		binary.LittleEndian.PutUint64(d[16:], binary.LittleEndian.Uint64(s[16:])^k)
		binary.LittleEndian.PutUint64(d[24:], binary.LittleEndian.Uint64(s[24:])^k)
		binary.LittleEndian.PutUint64(d[32:], binary.LittleEndian.Uint64(s[32:])^k)
		binary.LittleEndian.PutUint64(d[40:], binary.LittleEndian.Uint64(s[40:])^k)
		binary.LittleEndian.PutUint64(d[48:], binary.LittleEndian.Uint64(s[48:])^k)
		binary.LittleEndian.PutUint64(d[56:], binary.LittleEndian.Uint64(s[56:])^k)
		src, dst = src[64:], dst[64:]
	}
	copy(dst, src)
	Mask(dst, key) // which is where it was: 64 bytes are whole rounds of it
}

// maskShort masks fewer than eight bytes; next is the key after them. Four
// and more are two words that may overlap, as in Mask.
func maskShort(p []byte, key, next MaskKey) {
	if len(p) >= 4 {
		last := p[len(p)-4:]
		tail := binary.LittleEndian.Uint32(last) ^ uint32(next)
		binary.LittleEndian.PutUint32(p, binary.LittleEndian.Uint32(p)^uint32(key))
		binary.LittleEndian.PutUint32(last, tail)
		return
	}
	for i := range p {
		p[i] ^= byte(key)
		key >>= 8
	}
}
