package codec

import (
	"encoding/binary"
	"sync/atomic"
)

// MaxHeader is the longest frame header, in bytes: 2, 8 of extended length, 4 of masking key.
const MaxHeader = 14

// AppendFrame appends a whole unmasked frame with FIN set to dst: a message in one frame, or a
// control frame, as a server sends them (RFC 6455 5.2). The length is minimally encoded. A control
// frame's payload must not be longer than [MaxControlPayload]; that is for the caller to keep.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	dst = AppendHeader(dst, true, op, len(payload))
	return append(dst, payload...)
}

// AppendHeader appends the header of an unmasked frame whose payload of n bytes follows. fin is
// false for a fragment that is not the last (RFC 6455 5.4).
func AppendHeader(dst []byte, fin bool, op Opcode, n int) []byte {
	return appendHeader(dst, fin, op, n, 0)
}

// AppendMaskedFrame appends a whole frame with FIN set to dst, as a client sends them: masked with
// key, which must be fresh for every frame and come from a cryptographic source, see [NewMaskKey]
// (RFC 6455 5.3). payload is not changed.
func AppendMaskedFrame(dst []byte, op Opcode, payload []byte, key MaskKey) []byte {
	dst = appendHeader(dst, true, op, len(payload), bitMask)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(key))
	return appendMasked(dst, payload, key)
}

func appendHeader(dst []byte, fin bool, op Opcode, n int, mask byte) []byte {
	b0 := byte(op)
	if fin {
		b0 |= bitFin
	}
	switch {
	case n < len16:
		return append(dst, b0, mask|byte(n))
	case n <= 0xFFFF:
		return append(dst, b0, mask|len16, byte(n>>8), byte(n))
	default:
		dst = append(dst, b0, mask|len64)
		return binary.BigEndian.AppendUint64(dst, uint64(n))
	}
}

// HeaderLen is the length of the header of a frame with n bytes of payload, as role sends it.
func HeaderLen(role Role, n int) int {
	length := 2
	switch {
	case n > 0xFFFF:
		length = 10
	case n >= len16:
		length = 4
	}
	if role == Client {
		length += 4
	}
	return length
}

// Prepared is a message encoded once, header and payload, for many receivers. It is immutable and
// safe for use from any goroutine. Its compressed forms are made when they are asked for, see
// [Deflater.PreparedFrame].
type Prepared struct {
	frame    []byte
	deflated atomic.Pointer[deflatedFrames]
	header   int
	op       Opcode
}

// Prepare encodes a message or control frame as a server sends it. It copies payload.
func Prepare(op Opcode, payload []byte) *Prepared {
	h := HeaderLen(Server, len(payload))
	return &Prepared{
		frame:  AppendFrame(make([]byte, 0, h+len(payload)), op, payload),
		header: h,
		op:     op,
	}
}

// Frame returns the encoded frame. It must not be changed.
func (p *Prepared) Frame() []byte { return p.frame }

// Opcode returns the opcode that was prepared.
func (p *Prepared) Opcode() Opcode { return p.op }

// Payload returns the payload. It must not be changed.
func (p *Prepared) Payload() []byte { return p.frame[p.header:] }
