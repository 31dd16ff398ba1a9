package bench

import (
	"encoding/hex"
	"hash/crc32"
	"math/rand/v2"

	"example.org/weir/codec"
)

// VerifyLen is how many bytes of a verified message its sequence number and checksum take: hex
// digits, so that the message remains text.
const VerifyLen = 24

// payloads makes the messages of one loop. The bytes it returns are valid until the next call.
type payloads struct {
	op     codec.Opcode
	sizes  Sizes
	lines  []string
	verify bool
	rand   *rand.Rand
	block  []byte // printable and random; messages are windows of it
	buf    []byte
	line   int
}

func newPayloads(o *Options, loop int) *payloads {
	p := &payloads{
		op:     codec.Text,
		sizes:  o.Size,
		lines:  o.Lines,
		verify: o.Verify,
		rand:   rand.New(rand.NewPCG(o.Seed, uint64(loop))),
	}
	if o.Binary {
		p.op = codec.Binary
	}
	p.block = make([]byte, o.Size.max()+64)
	for i := range p.block {
		p.block[i] = ' ' + byte(p.rand.IntN('~'-' '))
	}
	p.buf = make([]byte, 0, o.Size.max())
	return p
}

// next returns a message. seq is its number on its connection.
func (p *payloads) next(seq uint64) []byte {
	if len(p.lines) > 0 {
		p.buf = append(p.buf[:0], p.lines[p.line]...)
		p.line = (p.line + 1) % len(p.lines)
		return p.buf
	}
	n := p.sizes.pick(p.rand)
	window := p.block[seq%64:][:n]
	if !p.verify {
		return window
	}
	p.buf = append(p.buf[:0], window...)
	seal(p.buf, seq)
	return p.buf
}

// seal writes the sequence number and the checksum over the first VerifyLen bytes of b.
func seal(b []byte, seq uint64) {
	var n [8]byte
	for i := range n {
		n[i] = byte(seq >> (56 - 8*i))
	}
	hex.Encode(b[:16], n[:])
	hex.Encode(b[16:VerifyLen], checksum(b))
}

// checksum covers a message but for the place where the checksum stands.
func checksum(b []byte) []byte {
	sum := crc32.Update(crc32.ChecksumIEEE(b[:16]), crc32.IEEETable, b[VerifyLen:])
	return []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}
}

// unseal returns the sequence number of a message, and whether it came back as it was sent.
func unseal(b []byte) (seq uint64, intact bool) {
	if len(b) < VerifyLen {
		return 0, false
	}
	var n [12]byte
	if _, err := hex.Decode(n[:], b[:VerifyLen]); err != nil || [4]byte(n[8:]) != [4]byte(checksum(b)) {
		return 0, false
	}
	for _, d := range n[:8] {
		seq = seq<<8 | uint64(d)
	}
	return seq, true
}
