package bench

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
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

// newPayloads makes the messages of a loop. Different numbers of loops give different ones.
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
	p.fill(o.Deflate)
	p.buf = make([]byte, 0, o.Size.max())
	return p
}

// fill makes up what messages are windows of: random characters, or, for what is to be compressed, lines
// of JSON with random numbers in them.
func (p *payloads) fill(compressible bool) {
	if !compressible {
		for i := range p.block {
			p.block[i] = ' ' + byte(p.rand.IntN('~'-' '))
		}
		return
	}
	for at := 0; at < len(p.block); {
		line := fmt.Sprintf(`{"id":%d,"user":"user-%d","x":%.3f,"text":"hello world!"} `, p.rand.IntN(1e6), p.rand.IntN(1000), p.rand.Float64())
		at += copy(p.block[at:], line)
	}
}

// next returns a message: the one with the number seq of the connection with the number conn.
func (p *payloads) next(conn int, seq uint64) []byte {
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
	seal(p.buf, conn, seq)
	return p.buf
}

// seal writes the number of a message and a checksum over the first VerifyLen bytes of b.
func seal(b []byte, conn int, seq uint64) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], seq)
	hex.Encode(b[:16], n[:])
	sum := checksum(b, conn)
	hex.Encode(b[16:VerifyLen], sum[:])
}

// checksum covers a message but for the place where the checksum stands, and the connection: on
// another one the message is a wrong one.
func checksum(b []byte, conn int) (sum [4]byte) {
	c := crc32.Update(uint32(conn), crc32.IEEETable, b[:16])
	binary.BigEndian.PutUint32(sum[:], crc32.Update(c, crc32.IEEETable, b[VerifyLen:]))
	return sum
}

// unseal returns the number of a message, and whether it came back as it was sent on the connection.
func unseal(b []byte, conn int) (seq uint64, intact bool) {
	var n [VerifyLen / 2]byte
	if len(b) < VerifyLen {
		return 0, false
	}
	if _, err := hex.Decode(n[:], b[:VerifyLen]); err != nil || [4]byte(n[8:]) != checksum(b, conn) {
		return 0, false
	}
	return binary.BigEndian.Uint64(n[:8]), true
}
