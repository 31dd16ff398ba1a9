package codec

import "encoding/binary"

// Message is what a [Decoder] hands out: a whole data message or a control frame.
type Message struct {
	// Opcode is Text, Binary, Close, Ping or Pong.
	Opcode Opcode
	chunk  chunkFlags
	// Payload is unmasked; a text message's is valid UTF-8. It aliases the decoder's input or its
	// buffer and is valid until the next call of Decode. Its bytes may be changed; an append to it
	// copies.
	Payload []byte
}

// Buffer holds a payload that has not arrived whole.
type Buffer struct{ B []byte }

// BufferPool lends a [Decoder] its buffers. Put gets back what Get gave, grown perhaps, and as long
// as it was used, so that a pool can learn what sizes there are. Both are called from the goroutine
// that calls the decoder.
type BufferPool interface {
	Get() *Buffer // of length 0
	Put(*Buffer)
}

// DecoderConfig is what the decoders of many connections have in common. It must not change while
// a decoder uses it.
type DecoderConfig struct {
	// Role is the role of the endpoint that decodes: a Server refuses unmasked frames, a Client
	// masked ones.
	Role Role
	// MaxMessage is the largest message accepted, in bytes of payload, all fragments together. It
	// is compared as soon as a frame's header is there. 0 accepts empty messages only. For a
	// compressed message it holds before and after decompression; before, with what compression
	// adds to a message that is noise.
	MaxMessage uint64
	// MaxFragments is the largest number of frames that one message may have, empty ones included
	// (RFC 6455 10.4). 0 and 1 accept no continuation.
	MaxFragments uint32
	// Buffers lends buffers while a payload is incomplete.
	Buffers BufferPool
	// Inflater decompresses messages, once permessage-deflate was agreed on (RFC 7692); nil refuses
	// compressed ones. With context takeover it belongs to one connection, and so does the
	// DecoderConfig then.
	Inflater *Inflater
	// Stream, if set, has long messages handed out in chunks.
	Stream *Streaming

	stream *stream // if this is a copy for the time in which a message is handed out in chunks
}

// Decoder parses the frames of one direction of one connection (RFC 6455 5.2), whatever pieces they
// arrive in, and assembles their payloads to messages. It is a machine of four states:
//
//	        ┌────────────── no extended length, not masked ──────────────┐
//	        │                                                            ▼
//	──▶ header ──▶ extended length ──▶ mask ───────────────────────▶ payload
//	      ▲ │ 126 or 127               ▲                                 │
//	      │ └──────── up to 125 ───────┘                                 │
//	      └────────────────────── end of the frame ──────────────────────┘
//
// The handshake comes before it and is [RequestParser]'s.
//
// A frame that lies whole in the input is unmasked there and handed out without a copy, unless it is
// compressed. Otherwise the payload waits in a pooled buffer that grows with what has arrived, never
// with what was declared; a partial header waits inside the Decoder. Between messages a Decoder owns
// no buffer.
//
// Each error is a [*CloseError] and is found at the first byte that shows it: the limit and the
// framing rules at the header, bad UTF-8 inside an unfinished frame. Only a compressed message that is not
// streamed is looked into when it has come whole. An error leaves the decoder
// and its input as they were: n bytes are consumed, and the same call with the rest gives the same
// error again. (Inside a compressed message that is streamed the input is left so, and the decoder gives
// the same error to whatever comes.)
//
// A Decoder is not safe for use from several goroutines at once. It is meant to be embedded and takes
// 48 bytes where pointers have 64 bits.
type Decoder struct {
	cfg       *DecoderConfig
	buf       *Buffer // the message so far, then the partial control payload; nil when neither
	remaining uint64  // bytes of the current frame's payload that have not arrived
	fragments uint32  // frames of the current message so far
	key       MaskKey // of the current frame, rotated to the next byte
	utf8      UTF8Validator
	carry     [8]byte // the first bytes of a header part that has not arrived whole
	carried   uint8
	state     decoderState
	b0, b1    byte  // the first two bytes of the current frame
	first     byte  // RSV1 and opcode of the unfinished message's first frame; 0 when there is none
	control   uint8 // bytes at the end of buf that belong to a control frame
	handedOut bool  // what is in buf has been handed out and is due to be dropped
}

// What the first two bytes of the current frame, and the first of its message, say (RFC 6455 5.2).

func (d *Decoder) frame() Opcode   { return Opcode(d.b0 & opBits) }
func (d *Decoder) fin() bool       { return d.b0&bitFin != 0 }
func (d *Decoder) masked() bool    { return d.b1&bitMask != 0 }
func (d *Decoder) message() Opcode { return Opcode(d.first & opBits) } // Continuation when there is none
func (d *Decoder) deflated() bool  { return d.first&bitRSV1 != 0 }

type decoderState uint8

const (
	stateHeader decoderState = iota
	stateExtendedLength
	stateMask
	statePayload
)

// Reset makes d ready for a new connection. d must be new or have been released.
func (d *Decoder) Reset(cfg *DecoderConfig) { *d = Decoder{cfg: cfg} }

// Release gives d's buffers, if it has any, back to the pools. What Decode handed out is no longer
// valid. It is to be called when the connection ends, and may be called again; the only other call
// after it is Reset.
func (d *Decoder) Release() {
	d.releaseBuffer()
	d.releaseStream()
}

func (d *Decoder) releaseBuffer() {
	if d.buf != nil {
		d.cfg.Buffers.Put(d.buf)
		d.buf = nil
	}
}

// Idle reports whether d stands between two messages, with nothing waiting.
func (d *Decoder) Idle() bool {
	return d.state == stateHeader && d.carried == 0 && d.message() == Continuation
}

// Decode consumes bytes of p up to the end of one message, chunk or control frame and returns it with the
// number of bytes consumed. Where p ends earlier all of p is consumed and the message is the zero
// Message, whose Opcode is Continuation. Payloads are unmasked in place, in p.
//
// It is meant to be called in a loop until it returns the zero Message: that last call also gives
// back the buffer of a message that was assembled.
func (d *Decoder) Decode(p []byte) (m Message, n int, err error) {
	if d.handedOut {
		d.dropHandedOut()
	}
	for {
		var used int
		switch d.state {
		case stateHeader:
			used, err = d.header(p[n:])
		case stateExtendedLength:
			used, err = d.extendedLength(p[n:])
		case stateMask:
			used, err = d.mask(p[n:])
		case statePayload:
			var done bool
			m, used, done, err = d.payload(p[n:])
			if done || err != nil {
				return m, n + used, err
			}
			if d.state == statePayload { // the rest has not arrived
				return Message{}, n + used, nil
			}
		}
		if err != nil {
			return Message{}, n, err
		}
		n += used
		if n == len(p) && d.state != statePayload {
			return Message{}, n, nil
		}
	}
}

// take returns the next want bytes of the header, from p or, where they came in pieces, from the
// carry, and how many bytes of p that is. b is nil when some are missing; what there is has been
// carried then.
func (d *Decoder) take(p []byte, want int) (b []byte, used int) {
	if d.carried == 0 && len(p) >= want {
		return p[:want], want
	}
	used = copy(d.carry[d.carried:want], p)
	if int(d.carried)+used < want {
		d.carried += uint8(used)
		return nil, used
	}
	return d.carry[:want], used
}

// enter leaves the current header part for the next state.
func (d *Decoder) enter(s decoderState) {
	d.state = s
	d.carried = 0
}

func (d *Decoder) header(p []byte) (used int, err error) {
	b, used := d.take(p, 2)
	if b == nil {
		return used, nil
	}
	b0, deflated := d.takeRSV1(b[0])
	b1 := b[1]
	op, length := Opcode(b0&opBits), uint64(b1&lenBits)
	if err = checkHeader(b0, b1, d.cfg.Role, d.message() != Continuation); err != nil {
		return 0, err
	}
	if op == Continuation && d.fragments >= d.cfg.MaxFragments && !d.streaming() {
		return 0, ErrTooManyFragments
	}
	if length < len16 {
		if err = d.admit(op, length, deflated); err != nil {
			return 0, err
		}
	}

	d.b0, d.b1 = b[0], b1
	switch op {
	case Continuation:
		d.fragments++
	case Text, Binary:
		d.first = b[0] &^ bitFin
		d.fragments = 1
	}
	if length >= len16 {
		d.enter(stateExtendedLength)
	} else {
		d.enterPayload(length)
	}
	return used, nil
}

func (d *Decoder) extendedLength(p []byte) (used int, err error) {
	want := 2
	if d.b1&lenBits == len64 {
		want = 8
	}
	b, used := d.take(p, want)
	if b == nil {
		return used, nil
	}
	var length uint64
	if want == 2 {
		length = uint64(binary.BigEndian.Uint16(b))
	} else {
		length = binary.BigEndian.Uint64(b)
	}
	if err = checkLength(length, want); err != nil {
		return 0, err
	}
	if err = d.admit(d.frame(), length, d.deflated()); err != nil {
		return 0, err
	}
	d.enterPayload(length)
	return used, nil
}

// admit compares the message with a frame of length more bytes with the limit. The length stays a
// uint64 until here, and the sum cannot overflow: length is below 1<<63.
func (d *Decoder) admit(op Opcode, length uint64, deflated bool) error {
	limit, have := d.cfg.MaxMessage, uint64(d.assembled())
	if d.cfg.Stream != nil {
		limit, have = d.cfg.Stream.Max, d.arrived()
	}
	if deflated {
		limit = deflatedLimit(limit)
	}
	if !op.IsControl() && have+length > limit {
		return ErrMessageTooBig
	}
	return nil
}

// enterPayload leaves the length of the current frame for its masking key or, where it has none, for
// its payload of length bytes.
func (d *Decoder) enterPayload(length uint64) {
	d.remaining = length
	if d.masked() {
		d.enter(stateMask)
	} else {
		d.enter(statePayload)
	}
}

func (d *Decoder) mask(p []byte) (used int, err error) {
	b, used := d.take(p, 4)
	if b == nil {
		return used, nil
	}
	d.key = MaskKeyOf([4]byte(b))
	d.enter(statePayload)
	return used, nil
}
