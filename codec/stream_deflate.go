package codec

import "math"

// streamDeflated is streamPayload for a compressed message. What is decompressed waits in d's buffer until it is
// longer than Streaming.From, and is handed out from then on as soon as it is there.
func (d *Decoder) streamDeflated(p []byte) (m Message, used int, done bool, err error) {
	if d.cfg.stream == nil {
		d.leaseStream()
	}
	for {
		n, full, fault := d.inflatePiece(p[used:])
		used += n
		if fault != nil {
			return Message{}, used, false, fault
		}
		last := d.remaining == 0
		if last && d.fin() && !full {
			if full, fault = d.inflateEnd(); fault != nil {
				return Message{}, used, false, fault
			}
			if !full && d.message() == Text && !d.utf8.Complete() {
				d.cfg.stream.fault = ErrTextUTF8
				return Message{}, used, false, ErrTextUTF8
			}
			if !full {
				d.enter(stateHeader)
				return d.inflatedLast(), used, true, nil
			}
		}
		if full {
			return d.inflated(), used, true, nil
		}
		if last {
			d.enter(stateHeader)
		}
		if last || used == len(p) {
			if d.inflatedLong() {
				return d.inflated(), used, true, nil
			}
			return Message{}, used, false, nil
		}
	}
}

// inflatePiece decompresses the first bytes of p and returns how many, and whether there is no room for more
// output.
func (d *Decoder) inflatePiece(p []byte) (n int, full bool, fault *CloseError) {
	piece, _ := d.unmask(p, inflatePiece)
	n, full, fault = d.inflate(piece)
	if fault != nil {
		n = 0
	}
	next := d.key.rotate(n)
	d.remask(piece[n:], next)
	d.advance(n, next)
	d.cfg.stream.arrived += uint64(n)
	return n, full, fault
}

// inflateEnd decompresses what the sender cut off the end of the message. It leaves the rest for later where full
// is true.
func (d *Decoder) inflateEnd() (full bool, fault *CloseError) {
	s := d.cfg.stream
	if s.ending == 0 && s.inflate.ended() { // see inflation.message
		return false, nil
	}
	n, full, fault := d.inflate([]byte(deflateTail[s.ending:]))
	s.ending += n
	if !full && fault == nil && !s.inflate.whole() {
		s.fault = ErrDeflate
		fault = s.fault
	}
	return full, fault
}

// inflate decompresses in to d's buffer and returns how much of it was used, all of it unless the buffer is full.
func (d *Decoder) inflate(in []byte) (used int, full bool, fault *CloseError) {
	s := d.cfg.stream
	if s.fault != nil {
		return 0, false, s.fault
	}
	if d.buf == nil {
		d.buf = d.cfg.Buffers.Get()
	}
	left := d.cfg.Stream.Max - s.made // of the limit
	room := uint64(inflateChunk)
	if !s.begun {
		room = max(room, min(d.cfg.Stream.From, math.MaxInt64-1)+1)
	}
	if left < room {
		room = left + 1
	}
	before := d.buf.B
	d.buf.B, used, full, fault = s.inflate.inflate(before, in, int(room))
	have := len(d.buf.B)
	switch {
	case d.message() == Text && !d.utf8.Write(d.buf.B[len(before):min(uint64(have), left)]):
		fault = ErrTextUTF8
	case uint64(have) > left:
		fault = ErrMessageTooBig
	}
	s.fault = fault
	full = full || have == int(room)
	if have == 0 {
		d.releaseBuffer()
	}
	return used, full, fault
}

// inflatedLong reports whether what has been decompressed is to be handed out though more is to come.
func (d *Decoder) inflatedLong() bool {
	n := uint64(d.assembled())
	return n > 0 && (d.cfg.stream.begun || n > d.cfg.Stream.From)
}

// inflated hands out what has been decompressed as a chunk.
func (d *Decoder) inflated() Message {
	s := d.cfg.stream
	s.inflate.handOver(d.buf.B)
	s.made += uint64(len(d.buf.B))
	d.handedOut = true
	return d.chunk(d.buf.B, false)
}

// inflatedLast hands out the rest of a message that is complete: as its final chunk, or whole.
func (d *Decoder) inflatedLast() Message {
	var payload []byte
	if d.buf != nil {
		payload = d.buf.B
		d.handedOut = true
	}
	if d.cfg.Inflater.size > 0 {
		d.cfg.stream.inflate.handOver(payload)
		d.cfg.Inflater.window = slideWindow(d.cfg.Inflater.window[:0], d.cfg.stream.inflate.window, d.cfg.Inflater.size)
	}
	if d.streaming() || uint64(len(payload)) > d.cfg.Stream.From {
		return d.chunk(payload, true)
	}
	d.releaseStream()
	return d.finish(payload)
}
