package codec

import (
	"encoding/binary"
	"slices"
	"sync"
)

// AppendDeflatedHeader appends the header of the first frame of a compressed message, unmasked: that of
// AppendHeader with RSV1 set (RFC 7692 6). The fragments after it have the header of AppendHeader.
func AppendDeflatedHeader(dst []byte, fin bool, op Opcode, n int) []byte {
	at := len(dst)
	dst = AppendHeader(dst, fin, op, n)
	dst[at] |= bitRSV1
	return dst
}

// AppendFrame appends a whole frame as a server sends it: a message compressed, if it has Threshold bytes at
// least and becomes shorter, and anything else as the function AppendFrame does (RFC 7692 6: each message may
// be sent either way). The frame must be sent.
func (d *Deflater) AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	dst, header := d.appendFrame(dst, op, payload, Server)
	if header == 0 {
		return AppendFrame(dst, op, payload)
	}
	return dst
}

// AppendMaskedFrame is AppendFrame for a client. key is as the function AppendMaskedFrame has it.
func (d *Deflater) AppendMaskedFrame(dst []byte, op Opcode, payload []byte, key MaskKey) []byte {
	at := len(dst)
	dst, header := d.appendFrame(dst, op, payload, Client)
	if header == 0 {
		return AppendMaskedFrame(dst, op, payload, key)
	}
	dst[at+1] |= bitMask
	at += header
	binary.LittleEndian.PutUint32(dst[at-4:], uint32(key))
	Mask(dst[at:], key)
	return dst
}

// appendFrame appends a compressed frame with a header for role, of which the masking key and its bit are still
// to be set. It returns the length of the header, or 0, and dst as it was, where the frame is better not
// compressed.
func (d *Deflater) appendFrame(dst []byte, op Opcode, payload []byte, role Role) (frame []byte, header int) {
	if op.IsControl() || !d.Wants(len(payload)) { // RFC 7692 6: MUST NOT be set on control frames
		return dst, 0
	}
	at, room := len(dst), HeaderLen(role, len(payload))
	dst = append(dst, make([]byte, room)...)
	dst = d.compress(dst, payload, d.sent)
	n := len(dst) - at - room
	if n >= len(payload) {
		return dst[:at], 0
	}
	d.remember(payload)
	header = HeaderLen(role, n)
	copy(dst[at+header:], dst[at+room:])
	AppendDeflatedHeader(dst[:at], true, op, n)
	return dst[:at+header+n], header
}

// PreparedFrame returns p as a server sends it where d's parameters were agreed on: AppendFrame, without
// context. It is compressed at most once for each size of window, whatever the number of connections and
// goroutines. The frame is shared and must not be changed; and it must be sent.
func (d *Deflater) PreparedFrame(p *Prepared) []byte {
	if p.op.IsControl() || !d.Wants(len(p.Payload())) {
		return p.frame
	}
	frame := p.deflatedFrame(d.bits)
	if frame[0]&bitRSV1 != 0 {
		d.remember(p.Payload())
	}
	return frame
}

// deflatedFrames are the compressed forms of a Prepared, one for each size of window.
type deflatedFrames [maxWindowBits - minWindowBits + 1]struct {
	once  sync.Once
	frame []byte
}

// deflatedFrame returns p compressed for a window of 1<<bits bytes, or as it is where that is shorter.
func (p *Prepared) deflatedFrame(bits uint8) []byte {
	frames := p.deflated.Load()
	if frames == nil {
		p.deflated.CompareAndSwap(nil, new(deflatedFrames))
		frames = p.deflated.Load()
	}
	f := &frames[bits-minWindowBits]
	f.once.Do(func() {
		d := Deflater{bits: bits}
		f.frame = p.frame
		if frame, header := d.appendFrame(make([]byte, 0, len(p.frame)), p.op, p.Payload(), Server); header > 0 {
			f.frame = slices.Clone(frame) // it is shorter than the room that it had
		}
	})
	return f.frame
}
