package codec

import "slices"

// payload takes what p has of the current frame's payload: unmasks it, checks it, and hands it out
// (done) or keeps it until the rest of the message is there.
func (d *Decoder) payload(p []byte) (m Message, used int, done bool, err error) {
	if d.cfg.Stream != nil && d.streams() {
		return d.streamPayload(p)
	}
	chunk := p[:min(uint64(len(p)), d.remaining)]
	last := uint64(len(chunk)) == d.remaining // of the frame
	kept := d.keeps(last)
	payload, key := d.takePayload(chunk, kept)
	if d.frame().IsControl() {
		m, done, err = d.controlPayload(payload, last, kept)
	} else {
		m, done, err = d.dataPayload(payload, last, kept)
	}
	if err != nil {
		d.untakePayload(chunk, kept)
		return Message{}, 0, false, err
	}
	d.advance(len(chunk), key)
	if last {
		d.enter(stateHeader)
	}
	return m, len(chunk), done, nil
}

// keeps reports whether what has arrived of the current frame's payload goes to the buffer; last is whether
// that is all of it, or the rest. What is whole is handed out where it arrived.
func (d *Decoder) keeps(last bool) bool {
	if d.frame().IsControl() {
		return !last || d.control > 0
	}
	return !last || !d.fin() || d.assembled() > 0
}

// takePayload unmasks chunk, where it is or, if it is to be kept, on its way to the buffer. It returns it there,
// and the key for what follows.
func (d *Decoder) takePayload(chunk []byte, keep bool) (payload []byte, key MaskKey) {
	if !keep {
		return d.unmask(chunk, len(chunk))
	}
	if d.frame().IsControl() {
		d.control += uint8(len(chunk))
	}
	return d.keep(chunk), d.key.rotate(len(chunk))
}

// untakePayload undoes takePayload.
func (d *Decoder) untakePayload(chunk []byte, kept bool) {
	switch {
	case !kept:
		d.remask(chunk, d.key)
	case d.frame().IsControl():
		d.drop(len(chunk))
	default:
		d.shorten(len(chunk))
	}
}

// dataPayload handles a part of a data frame's payload, which is the end of what has been kept or, if it was
// not kept, a whole message.
func (d *Decoder) dataPayload(payload []byte, last, kept bool) (m Message, done bool, err error) {
	complete := last && d.fin()
	if d.deflated() {
		return d.deflatedPayload(payload, complete, kept)
	}
	if !kept {
		if d.message() == Text && !ValidUTF8(payload) {
			return Message{}, false, ErrTextUTF8
		}
		return d.finish(payload), true, nil
	}
	if d.message() == Text {
		before := d.utf8
		if !d.utf8.Write(payload) || (complete && !d.utf8.Complete()) {
			d.utf8 = before
			return Message{}, false, ErrTextUTF8
		}
	}
	if !complete {
		return Message{}, false, nil
	}
	d.handedOut = true
	return d.finish(d.buf.B), true, nil
}

// finish returns the message that is complete and forgets it. The first frame of the next one sets
// fragments, and utf8 is at the beginning of a text because this one is complete.
func (d *Decoder) finish(payload []byte) Message {
	m := handOut(d.message(), payload)
	d.first = 0
	return m
}

// controlPayload handles a part of a control frame's payload, all of it if it was not kept. A control frame that
// comes in pieces waits behind the message that it interrupts, in the same buffer.
func (d *Decoder) controlPayload(payload []byte, last, kept bool) (m Message, done bool, err error) {
	if kept {
		payload = d.controlKept()
	}
	if d.frame() == Close {
		if err = checkClose(payload, last); err != nil {
			return Message{}, false, err
		}
	}
	if !last {
		return Message{}, false, nil
	}
	d.handedOut = kept
	return handOut(d.frame(), payload), true, nil
}

// handOut returns a message whose payload has no room behind it: an append would overwrite what
// follows in the input or in the buffer.
func handOut(op Opcode, payload []byte) Message {
	return Message{Opcode: op, Payload: slices.Clip(payload)}
}

// checkClose checks a close payload, or the first bytes of one.
func checkClose(payload []byte, last bool) error {
	if !last {
		return checkClosePrefix(payload)
	}
	_, _, err := ParseClose(payload)
	return err
}

// controlKept is the part of the control payload that has been kept.
func (d *Decoder) controlKept() []byte {
	if d.buf == nil {
		return nil
	}
	return d.buf.B[d.assembled():]
}

// assembled is the number of bytes kept of the unfinished message.
func (d *Decoder) assembled() int {
	if d.buf == nil {
		return 0
	}
	return len(d.buf.B) - int(d.control)
}

// keep appends chunk to the buffer, unmasked, and returns it there. The buffer doubles, so that a message
// costs the same to copy whatever fragments it comes in; a declared length by itself reserves nothing. Where
// nothing comes behind that length the buffer stops at it, and has room for all once an eighth has arrived: few
// bytes are copied again then. So it never has more than eight times what has arrived, or minBuffer.
func (d *Decoder) keep(chunk []byte) []byte {
	if len(chunk) == 0 {
		return nil
	}
	if d.buf == nil {
		d.buf = d.cfg.Buffers.Get()
	}
	b := d.buf.B
	if need := len(b) + len(chunk); need > cap(b) {
		grown := max(2*need, minBuffer)
		if all := uint64(len(b)) + d.remaining; d.lastKept() && all <= uint64(max(8*need, minBuffer)) {
			grown = int(all)
		}
		b = append(make([]byte, 0, grown), b...)
	}
	d.buf.B = appendMasked(b, chunk, d.key)
	return d.buf.B[len(b):]
}

// minBuffer is the least that a buffer grows to, in bytes, unless less than that will be kept.
const minBuffer = 512

// lastKept reports whether the current frame is the last to be kept in the buffer: the end of its
// message, or a control frame that interrupts none.
func (d *Decoder) lastKept() bool {
	return d.fin() && (!d.frame().IsControl() || d.message() == Continuation)
}

// dropHandedOut drops what Decode handed out from the buffer.
func (d *Decoder) dropHandedOut() {
	d.handedOut = false
	if d.control > 0 {
		d.drop(int(d.control))
	} else {
		d.releaseBuffer()
	}
}

// drop drops the last n bytes that were kept of a control payload.
func (d *Decoder) drop(n int) {
	d.control -= uint8(n)
	d.shorten(n)
}

// shorten drops the last n bytes of the buffer. When these are all it is given back, at the length that was
// used.
func (d *Decoder) shorten(n int) {
	switch {
	case n == 0:
	case n == len(d.buf.B):
		d.releaseBuffer()
	default:
		d.buf.B = d.buf.B[:len(d.buf.B)-n]
	}
}
