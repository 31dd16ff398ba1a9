package codec

import "sync"

// Streaming has a [Decoder] hand out long messages in chunks, as they arrive, instead of whole.
type Streaming struct {
	// From is the length, in bytes of payload and after decompression, beyond which a message is streamed.
	// Shorter ones are handed out whole, as are empty ones. Of a message that comes in fragments as many bytes
	// may be kept until it is known to be longer.
	From uint64
	// Max is the largest message accepted, in place of DecoderConfig.MaxMessage. MaxFragments does not hold for
	// a message once its first chunk has been handed out: its frames cost no memory.
	Max uint64
}

// Chunk is a part of a message that is streamed. The first one has First set and the last one Final; one that is
// both is the whole message. A connection may end before the final one comes.
//
// Chunks are cut where the bytes happen to have arrived, not where the sender's fragments end. Of a text all chunks
// together are valid UTF-8, and each is the continuation of such a text: it may begin and end inside a character.
// Only a final chunk, or one that is decompressed, can be empty or has a size of Weir's choice, of at most 32 KiB.
type Chunk struct {
	// Opcode is that of the message, Text or Binary, in each of its chunks.
	Opcode       Opcode
	First, Final bool
	// Payload is as Message.Payload has it.
	Payload []byte
}

// Chunk returns m as a chunk; ok is false where it is a whole message or a control frame.
func (m Message) Chunk() (c Chunk, ok bool) {
	c = Chunk{Opcode: m.Opcode, First: m.chunk&chunkFirst != 0, Final: m.chunk&chunkFinal != 0, Payload: m.Payload}
	return c, m.chunk != 0
}

// chunkFlags are 0 for what is no chunk.
type chunkFlags uint8

const (
	chunkAny chunkFlags = 1 << iota
	chunkFirst
	chunkFinal
)

// stream is what a Decoder needs besides for a message that is handed out in chunks, or is compressed and may yet
// be. It is lent until the message is complete.
type stream struct {
	cfg     DecoderConfig  // the Decoder's, with this stream
	shared  *DecoderConfig // what cfg is a copy of
	arrived uint64         // bytes of the message as it is sent, but for those in the Decoder's buffer of one not compressed
	begun   bool           // a chunk has been handed out

	// Of a compressed message only.
	inflate *inflateStream
	made    uint64      // decompressed bytes that have been handed out
	ending  int         // bytes of deflateTail that have been decompressed
	fault   *CloseError // after which there is nothing to be decompressed
}

var streams = sync.Pool{New: func() any { return new(stream) }}

// inflateChunk is the most that is decompressed to one chunk, once the first has been handed out.
const inflateChunk = 32 << 10

// inflatePiece is how much is unmasked at a time to be decompressed; of it what does not get its turn is masked again.
const inflatePiece = 4 << 10

// streams reports whether the current frame's payload is streamPayload's: from the frame on with which the message
// becomes too long to be handed out whole, or if it is compressed, when that is seen only later.
func (d *Decoder) streams() bool {
	switch {
	case d.frame().IsControl():
		return false
	case d.cfg.stream != nil || d.deflated():
		return true
	}
	return uint64(d.assembled())+d.remaining > d.cfg.Stream.From
}

// streaming reports whether a chunk of the unfinished message has been handed out.
func (d *Decoder) streaming() bool { return d.cfg.stream != nil && d.cfg.stream.begun }

// arrived is the number of bytes of the unfinished message that are there or have been handed out, as they were
// sent.
func (d *Decoder) arrived() uint64 {
	if d.cfg.stream != nil {
		return d.cfg.stream.arrived
	}
	return uint64(d.assembled())
}

// leaseStream borrows what a message that is streamed needs. It is kept behind the configuration, of which d uses
// a copy meanwhile, so that no Decoder has to have room for it.
func (d *Decoder) leaseStream() {
	s := streams.Get().(*stream)
	s.cfg, s.shared = *d.cfg, d.cfg
	s.cfg.stream = s
	if d.deflated() {
		s.inflate = inflateStreams.Get().(*inflateStream)
		s.inflate.reset(d.cfg.Inflater.window)
	}
	d.cfg = &s.cfg
}

func (d *Decoder) releaseStream() {
	if d.cfg == nil || d.cfg.stream == nil {
		return
	}
	s := d.cfg.stream
	d.cfg = s.shared
	if s.inflate != nil {
		inflateStreams.Put(s.inflate)
	}
	*s = stream{}
	streams.Put(s)
}

// streamPayload is payload for a message that is streamed.
func (d *Decoder) streamPayload(p []byte) (m Message, used int, done bool, err error) {
	if d.deflated() {
		return d.streamDeflated(p)
	}
	if n := d.assembled(); n > 0 { // kept before it was known that the message is long
		d.leaseStream()
		d.cfg.stream.arrived = uint64(n)
		d.handedOut = true
		return d.chunk(d.buf.B, false), 0, true, nil
	}
	chunk, key := d.unmask(p, len(p))
	final := uint64(len(chunk)) == d.remaining && d.fin()
	if d.message() == Text {
		before := d.utf8
		if !d.utf8.Write(chunk) || (final && !d.utf8.Complete()) {
			d.utf8 = before
			d.remask(chunk, d.key)
			return Message{}, 0, false, ErrTextUTF8
		}
	}
	if d.cfg.stream == nil {
		d.leaseStream()
	}
	d.cfg.stream.arrived += uint64(len(chunk))
	d.advance(len(chunk), key)
	if d.remaining == 0 {
		d.enter(stateHeader)
	}
	if len(chunk) == 0 && !final {
		return Message{}, 0, false, nil
	}
	return d.chunk(chunk, final), len(chunk), true, nil
}

// chunk returns the next chunk of the message, and forgets the message if it is the final one.
func (d *Decoder) chunk(payload []byte, final bool) Message {
	m := handOut(d.message(), payload)
	m.chunk = chunkAny
	if !d.cfg.stream.begun {
		m.chunk |= chunkFirst
	}
	d.cfg.stream.begun = true
	if final {
		m.chunk |= chunkFinal
		d.first = 0
		d.releaseStream()
	}
	return m
}

// unmask unmasks the first bytes of p, at most limit, that belong to the current frame's payload. It returns them
// with the key for those that follow.
func (d *Decoder) unmask(p []byte, limit int) (piece []byte, key MaskKey) {
	piece = p[:min(uint64(len(p)), uint64(limit), d.remaining)]
	if !d.masked() {
		return piece, d.key
	}
	return piece, Mask(piece, d.key)
}

// remask undoes unmask for bytes that begin where the key is key.
func (d *Decoder) remask(p []byte, key MaskKey) {
	if d.masked() {
		Mask(p, key)
	}
}

// advance leaves n bytes of the current frame's payload behind.
func (d *Decoder) advance(n int, key MaskKey) {
	d.remaining -= uint64(n)
	d.key = key
}
