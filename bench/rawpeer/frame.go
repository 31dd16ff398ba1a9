package rawpeer

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The opcodes (RFC 6455 5.2); 3 to 7 and 11 to 15 are reserved.
const (
	OpContinuation = 0
	OpText         = 1
	OpBinary       = 2
	OpClose        = 8
	OpPing         = 9
	OpPong         = 10
)

// The reserved bits of a header, as Frame.RSV has them.
const (
	RSV1 = 4
	RSV2 = 2
	RSV3 = 1
)

// LengthForm is how many bits a payload length is written in (RFC 6455 5.2).
type LengthForm int

const (
	Minimal  LengthForm = 0 // the fewest that do, which the RFC demands
	Length7  LengthForm = 7
	Length16 LengthForm = 16
	Length64 LengthForm = 64
)

// Frame is a frame, legal or not.
type Frame struct {
	FIN    bool
	RSV    byte // the three bits of RSV1, RSV2, RSV3
	Opcode byte
	Masked bool
	Key    [4]byte
	// Form is never Minimal in a frame that was read.
	Form LengthForm
	// Declared is the length that the header claims, where it is not that of Payload. It is cut down to
	// what Form holds. nil in frames that were read.
	Declared *uint64
	// Payload is unmasked. A frame that was read owns its bytes.
	Payload []byte
}

// defaultKey masks the frames of the constructors. It has four different bytes, none of them zero.
var defaultKey = [4]byte{0x37, 0xfa, 0x21, 0x3d} // the example of RFC 6455 5.7

// NewFrame returns a masked frame with FIN.
func NewFrame(opcode byte, payload []byte) Frame {
	return Frame{FIN: true, Opcode: opcode, Masked: true, Key: defaultKey, Payload: payload}
}

// Text returns a text message in one frame.
func Text(s string) Frame { return NewFrame(OpText, []byte(s)) }

// Binary returns a binary message in one frame.
func Binary(p []byte) Frame { return NewFrame(OpBinary, p) }

// Continuation returns the last fragment of a message.
func Continuation(p []byte) Frame { return NewFrame(OpContinuation, p) }

// Ping returns a ping.
func Ping(p []byte) Frame { return NewFrame(OpPing, p) }

// Pong returns a pong.
func Pong(p []byte) Frame { return NewFrame(OpPong, p) }

// CloseFrame returns a close frame with a code and a reason, whether or not they may be sent.
func CloseFrame(code int, reason string) Frame {
	return NewFrame(OpClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// More returns f without FIN: more fragments follow.
func (f Frame) More() Frame { f.FIN = false; return f }

// WithRSV returns f with these reserved bits.
func (f Frame) WithRSV(bits byte) Frame { f.RSV = bits; return f }

// WithForm returns f with its length written in this form.
func (f Frame) WithForm(form LengthForm) Frame { f.Form = form; return f }

// WithDeclared returns f with a header that claims n bytes of payload.
func (f Frame) WithDeclared(n uint64) Frame { f.Declared = &n; return f }

// WithKey returns f masked with key.
func (f Frame) WithKey(key [4]byte) Frame { f.Masked, f.Key = true, key; return f }

// Unmasked returns f without a mask, which a client MUST NOT send (RFC 6455 5.1).
func (f Frame) Unmasked() Frame { f.Masked, f.Key = false, [4]byte{}; return f }

// Fragments returns the message p in frames of at most size bytes; an empty one is one frame.
func Fragments(opcode byte, p []byte, size int) []Frame {
	var frames []Frame
	for part := range slices.Chunk(p, max(size, 1)) {
		frames = append(frames, NewFrame(OpContinuation, part).More())
	}
	if len(frames) == 0 {
		frames = []Frame{NewFrame(OpContinuation, nil)}
	}
	frames[0].Opcode = opcode
	frames[len(frames)-1].FIN = true
	return frames
}

// AppendHeader appends the header of f.
func (f *Frame) AppendHeader(dst []byte) []byte {
	first := f.RSV&7<<4 | f.Opcode&15
	if f.FIN {
		first |= 0x80
	}
	var mask byte
	if f.Masked {
		mask = 0x80
	}
	n := uint64(len(f.Payload))
	if f.Declared != nil {
		n = *f.Declared
	}
	form := f.Form
	if form == Minimal {
		form = minimal(n)
	}
	switch form {
	case Length64:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), n)
	case Length16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = append(dst, first, mask|byte(n&127))
	}
	if f.Masked {
		dst = append(dst, f.Key[:]...)
	}
	return dst
}

// Append appends the whole of f.
func (f *Frame) Append(dst []byte) []byte {
	dst = f.AppendHeader(dst)
	at := len(dst)
	dst = append(dst, f.Payload...)
	if f.Masked {
		mask(dst[at:], f.Key)
	}
	return dst
}

// Bytes returns frames as they go over the wire.
func Bytes(frames ...Frame) []byte {
	n := 0
	for i := range frames {
		n += 14 + len(frames[i].Payload)
	}
	dst := make([]byte, 0, n)
	for i := range frames {
		dst = frames[i].Append(dst)
	}
	return dst
}

// WriteFrame writes frames with one write.
func (c *Conn) WriteFrame(frames ...Frame) error {
	_, err := c.Write(Bytes(frames...))
	return err
}

// ReadFrame reads a frame as it is; it judges nothing but its size: a payload above limit bytes is an
// error. Memory is spent on what arrives, not on what the header claims. The error at the end of the
// stream is io.EOF between frames and io.ErrUnexpectedEOF inside one; EndOf sorts errors.
func (c *Conn) ReadFrame(limit uint64) (Frame, error) {
	var b [8]byte
	if _, err := io.ReadFull(c.r, b[:2]); err != nil {
		return Frame{}, err
	}
	f := Frame{
		FIN: b[0]&0x80 != 0, RSV: b[0] >> 4 & 7, Opcode: b[0] & 15,
		Masked: b[1]&0x80 != 0, Form: Length7,
	}
	n := uint64(b[1] & 127)
	if n >= 126 {
		f.Form = Length16
		if n == 127 {
			f.Form = Length64
		}
		wide := b[8-f.Form/8:]
		clear(b[:])
		if _, err := io.ReadFull(c.r, wide); err != nil {
			return Frame{}, inside(err)
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	if n > limit {
		return Frame{}, fmt.Errorf("a frame of %d bytes, above the limit of %d", n, limit)
	}
	if f.Masked {
		if _, err := io.ReadFull(c.r, f.Key[:]); err != nil {
			return Frame{}, inside(err)
		}
	}
	f.Payload = make([]byte, 0, min(n, 1<<16))
	for uint64(len(f.Payload)) < n {
		if len(f.Payload) == cap(f.Payload) {
			f.Payload = slices.Grow(f.Payload, 1)
		}
		at := len(f.Payload)
		f.Payload = f.Payload[:min(n, uint64(cap(f.Payload)))]
		if _, err := io.ReadFull(c.r, f.Payload[at:]); err != nil {
			return Frame{}, inside(err)
		}
	}
	if f.Masked {
		mask(f.Payload, f.Key)
	}
	return f, nil
}

// NonMinimal reports whether the length was written in more bits than it needs.
func (f *Frame) NonMinimal() bool { return f.Form != minimal(uint64(len(f.Payload))) }

// IsControl reports whether the opcode is one of control frames, reserved ones too.
func (f *Frame) IsControl() bool { return f.Opcode&8 != 0 }

// CloseCode returns the code of a close frame, 0 when it has none.
func (f *Frame) CloseCode() int {
	if len(f.Payload) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(f.Payload))
}

func minimal(n uint64) LengthForm {
	switch {
	case n < 126:
		return Length7
	case n < 1<<16:
		return Length16
	}
	return Length64
}

// inside makes of an end of the stream one in the midst of a frame.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// mask masks or unmasks (RFC 6455 5.3), eight bytes at a time: the suites send many MiB.
func mask(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}
