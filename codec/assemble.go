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
	masked := d.masked()
	key := d.key
	if masked {
		key = Mask(chunk, key)
	}
	if d.frame().IsControl() {
		m, done, err = d.controlPayload(chunk, last)
	} else {
		m, done, err = d.dataPayload(chunk, last)
	}
	if err != nil {
		if masked {
			Mask(chunk, d.key) // masking twice restores the input
		}
		return Message{}, 0, false, err
	}
	d.key = key
	d.remaining -= uint64(len(chunk))
	if last {
		d.enter(stateHeader)
	}
	return m, len(chunk), done, nil
}

// dataPayload handles a chunk of a data frame's payload.
func (d *Decoder) dataPayload(chunk []byte, last bool) (m Message, done bool, err error) {
	complete := last && d.fin()
	if d.deflated() {
		return d.deflatedPayload(chunk, complete)
	}
	if complete && d.assembled() == 0 { // whole, and still where it arrived
		if d.message() == Text && !ValidUTF8(chunk) {
			return Message{}, false, ErrTextUTF8
		}
		return d.finish(chunk), true, nil
	}
	if d.message() == Text {
		before := d.utf8
		if !d.utf8.Write(chunk) || (complete && !d.utf8.Complete()) {
			d.utf8 = before
			return Message{}, false, ErrTextUTF8
		}
	}
	d.keep(chunk)
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

// controlPayload handles a chunk of a control frame's payload. A control frame that comes in pieces
// waits behind the message that it interrupts, in the same buffer.
func (d *Decoder) controlPayload(chunk []byte, last bool) (m Message, done bool, err error) {
	payload := chunk
	kept := d.control > 0 || !last
	if kept {
		d.keep(chunk)
		d.control += uint8(len(chunk))
		payload = d.controlKept()
	}
	if d.frame() == Close {
		if err = checkClose(payload, last); err != nil {
			if kept {
				d.drop(len(chunk))
			}
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

// keep appends chunk to the buffer. The buffer doubles, so that it never has more than twice what
// has arrived and a message costs the same to copy whatever fragments it comes in; a declared length
// by itself reserves nothing. It stops at that length only where nothing comes behind it.
func (d *Decoder) keep(chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	if d.buf == nil {
		d.buf = d.cfg.Buffers.Get()
	}
	b := d.buf.B
	if need := len(b) + len(chunk); need > cap(b) {
		grown := max(2*need, minBuffer)
		if all := uint64(len(b)) + d.remaining; d.lastKept() && uint64(grown) > all {
			grown = int(all)
		}
		b = append(make([]byte, 0, grown), b...)
	}
	d.buf.B = append(b, chunk...)
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

// drop drops the last n bytes that were kept of a control payload. When these are all of the buffer it
// is given back, at the length that was used.
func (d *Decoder) drop(n int) {
	d.control -= uint8(n)
	if n == len(d.buf.B) {
		d.releaseBuffer()
	} else {
		d.buf.B = d.buf.B[:len(d.buf.B)-n]
	}
}
