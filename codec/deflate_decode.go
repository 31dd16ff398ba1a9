package codec

import "math"

// takeRSV1 returns whether the message is compressed that a frame with the first byte b0 belongs to: RSV1 of
// its first frame says so (RFC 7692 6). There it is taken off b0; anywhere else it stays, and breaks the rules.
func (d *Decoder) takeRSV1(b0 byte) (rest byte, deflated bool) {
	switch Opcode(b0 & opBits) {
	case Text, Binary:
		if d.cfg.Inflater == nil {
			return b0, false
		}
		return b0 &^ bitRSV1, b0&bitRSV1 != 0
	}
	return b0, d.deflated()
}

// deflatedPayload handles a part of a compressed message, as dataPayload does. It waits until all of it is
// there, and is decompressed then.
func (d *Decoder) deflatedPayload(compressed []byte, complete, kept bool) (m Message, done bool, err error) {
	if !complete {
		return Message{}, false, nil
	}
	if kept {
		compressed = d.buf.B
	}
	out := d.cfg.Buffers.Get()
	out.B, err = d.cfg.Inflater.AppendMessage(out.B, compressed, d.cfg.MaxMessage, d.message() == Text)
	if err != nil {
		d.cfg.Buffers.Put(out)
		return Message{}, false, err
	}
	d.releaseBuffer()
	d.buf = out
	d.handedOut = true
	return d.finish(out.B), true, nil
}

// deflatedLimit returns the largest compressed form of a message of limit bytes that is accepted: what zlib
// makes of noise, at its worst (its deflateBound).
func deflatedLimit(limit uint64) uint64 {
	const overhead = 64
	if limit > math.MaxInt64 { // no length is above
		return limit
	}
	return limit + limit/8 + limit/64 + overhead
}
