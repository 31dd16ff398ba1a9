package codec

import (
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Inflater decompresses what one endpoint receives over one connection (RFC 7692 7.2.2). Without context
// takeover it never changes: one may serve any number of decoders, from any goroutine. With context takeover it
// belongs to one connection.
type Inflater struct {
	size   int    // of the window, in bytes; 0 without context takeover
	window []byte // the last bytes of the messages so far
}

// statelessInflater is the one for all connections without context takeover.
var statelessInflater = new(Inflater)

// NewInflater returns a decompressor for what the endpoint in role receives once p has been agreed on. With
// context takeover by the peer it keeps up to the peer's window, as much of it as has been filled; otherwise it
// keeps nothing, and is the same for all.
func NewInflater(p DeflateParams, role Role) *Inflater {
	peer := Client
	if role == Client {
		peer = Server
	}
	takeover, bits := p.of(peer)
	if !takeover {
		return statelessInflater
	}
	// zlib takes a window of 8 bits for one of 9 when it compresses a raw stream: 256 bytes more take such a
	// peer at more than its word.
	return &Inflater{size: 1 << max(bits, minWindowBits+1)}
}

// Takeover reports whether i remembers what it has decompressed.
func (i *Inflater) Takeover() bool { return i.size > 0 }

// AppendMessage decompresses a whole message, which came as compressed in one frame or in several, and appends
// it to dst. limit is the largest message in bytes: of one that is larger no more than that is decompressed, or
// kept, and the error is ErrMessageTooBig. It is ErrDeflate for what is not a compressed message. text has the
// message checked for UTF-8 meanwhile; the error is ErrTextUTF8 then. The error is that of the first byte at
// fault. With an error dst comes back with the length that it had, and i is unchanged.
//
// It allocates nothing beyond the growth of dst, which doubles until limit, and with context takeover of the
// window.
func (i *Inflater) AppendMessage(dst, compressed []byte, limit uint64, text bool) ([]byte, error) {
	r := inflateReaders.Get().(*inflateReader)
	r.src = deflateSource{payload: compressed}
	r.out, r.start, r.limit = dst, len(dst), limit
	fault := r.message(i.window, text)
	dst, message := r.out[:r.start], r.out[r.start:]
	r.src, r.out = deflateSource{}, nil
	inflateReaders.Put(r)
	if fault != nil {
		return dst, fault
	}
	if i.size > 0 {
		i.window = slideWindow(i.window, message, i.size)
	}
	return dst[:len(dst)+len(message)], nil
}

// inflateReader is a decompressor of some 40 KiB. It is borrowed for one message at a time.
type inflateReader struct {
	src    deflateSource
	flate  io.ReadCloser
	out    []byte // where the message goes
	start  int    // of the message in out
	limit  uint64 // of its length
	probe  [1]byte
	window []byte // what the streams after the first of a message may refer to; nil unless there was one
}

var inflateReaders = sync.Pool{New: func() any {
	r := new(inflateReader)
	r.flate = flate.NewReader(&r.src)
	return r
}}

// reset begins a stream where src is, with window before it.
func (r *inflateReader) reset(window []byte) {
	_ = r.flate.(flate.Resetter).Reset(&r.src, window) // always nil
}

// message decompresses the message.
func (r *inflateReader) message(window []byte, text bool) *CloseError {
	var utf8 UTF8Validator
	r.reset(window)
	for streams := 1; ; streams++ {
		if fault := r.stream(&utf8, text); fault != nil {
			return fault
		}
		switch r.src.ended() {
		case deflateComplete:
			if text && !utf8.Complete() {
				return ErrTextUTF8
			}
			return nil
		case deflateBroken:
			return ErrDeflate
		}
		// A stream of 2 bytes costs as much as one of 1,000: who sends more of them than one in 64 bytes wants
		// to waste our time.
		if streams > 16+len(r.src.payload)/64 {
			return ErrDeflate
		}
		r.window = slideWindow(append(r.window[:0], window...), r.out[r.start:], 1<<maxWindowBits)
		r.reset(r.window)
	}
}

// stream decompresses up to the end of a block with BFINAL set.
func (r *inflateReader) stream(utf8 *UTF8Validator, text bool) *CloseError {
	for {
		before := len(r.out)
		end, fault := r.read()
		switch {
		case text && !utf8.Write(r.out[before:]):
			return ErrTextUTF8
		case end || fault != nil:
			return fault
		}
	}
}

// read decompresses some bytes and appends them to out. It looks beyond the limit, by one byte, before it says
// that the message is too big; and beyond the room that out has before it grows.
func (r *inflateReader) read() (end bool, fault *CloseError) {
	at := len(r.out)
	have := uint64(at - r.start)
	room := r.out[at : at+int(min(uint64(cap(r.out)-at), r.limit-have))]
	full := len(room) == 0
	if full {
		room = r.probe[:]
	}
	n, err := r.flate.Read(room)
	switch {
	case !full:
		r.out = r.out[:at+n]
	case n > 0 && have == r.limit:
		return false, ErrMessageTooBig
	case n > 0:
		r.grow()
		r.out = append(r.out, r.probe[0])
	}
	if err != nil && err != io.EOF {
		return false, ErrDeflate
	}
	return err == io.EOF, nil
}

// grow doubles the room for the message, within the limit. At first there is room for four times the compressed
// message.
func (r *inflateReader) grow() {
	have := len(r.out) - r.start
	grown := uint64(max(2*have, 4*len(r.src.payload), minBuffer))
	r.out = append(make([]byte, 0, r.start+int(min(grown, r.limit))), r.out...)
}
