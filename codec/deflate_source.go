package codec

import "io"

// deflateSource is what a decompressor reads: a payload, and behind it what its sender cut off, and an empty
// block that is the last of the stream, at which the decompressor stops.
type deflateSource struct {
	payload []byte
	at      int // in payload, and then in deflateEnd
}

// deflateEnd begins with the 4 octets that RFC 7692 7.2.2 has a receiver append.
const deflateEnd = deflateTail + "\x01" + deflateTail

// ReadByte implements io.ByteReader: where there is one, flate reads no byte that it need not.
func (s *deflateSource) ReadByte() (byte, error) {
	at := s.at
	if at < len(s.payload) {
		s.at++
		return s.payload[at], nil
	}
	at -= len(s.payload)
	if at < len(deflateEnd) {
		s.at++
		return deflateEnd[at], nil
	}
	return 0, io.EOF
}

// Read implements io.Reader, for blocks without compression.
func (s *deflateSource) Read(p []byte) (n int, err error) {
	if s.at < len(s.payload) {
		n = copy(p, s.payload[s.at:])
	} else if at := s.at - len(s.payload); at < len(deflateEnd) {
		n = copy(p, deflateEnd[at:])
	} else {
		return 0, io.EOF
	}
	s.at += n
	return n, nil
}

// deflateEnding is what it means for a message that a stream in it has ended.
type deflateEnding uint8

const (
	deflateGoesOn   deflateEnding = iota // a block with BFINAL set, but not the last
	deflateComplete                      // the end of the message
	deflateBroken                        // in the middle of what was appended
)

// ended returns what it means that the stream ended where s is now. RFC 7692 7.2.1 allows blocks with BFINAL
// set, and the next block begins at the byte after such a one.
func (s *deflateSource) ended() deflateEnding {
	switch beyond := s.at - len(s.payload); {
	case beyond < 0:
		return deflateGoesOn
	case beyond == len(deflateEnd):
		return deflateComplete
	case beyond == 0, beyond == len(deflateTail):
		// The last block of the payload has BFINAL set, and the sender did not add the empty block without it
		// that 7.2.3.4 shows. Nothing is missing.
		return deflateComplete
	}
	return deflateBroken
}
