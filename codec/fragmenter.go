package codec

import "encoding/binary"

// Fragmenter encodes one message in fragments, whose number and lengths need not be known when the first is sent
// (RFC 6455 5.4). Between them control frames may be sent, and nothing else. It is not safe for use from several
// goroutines at once.
type Fragmenter struct {
	deflater *Deflater // nil: the message is not compressed
	before   []byte    // what the next fragment may refer to
	role     Role
	next     Opcode // of the next frame: the message's, then Continuation
}

// fragmentContext is how many bytes of what was sent a Fragmenter remembers at most. They stand in for a compressor
// of some 800 KiB that would have to be kept for as long as the message takes.
const fragmentContext = 8 << 10

// NewFragmenter returns an encoder for a message of type op, Text or Binary, as the endpoint in role sends it. d
// compresses it, unless it is nil. d must be used for nothing else until the last fragment, and what the
// Fragmenter returns must be sent in that order.
func NewFragmenter(op Opcode, role Role, d *Deflater) *Fragmenter {
	f := &Fragmenter{role: role, next: op, deflater: d}
	if d != nil {
		f.remember(d.sent)
	}
	return f
}

// Append appends the next fragment to dst: a frame with the payload p, or its compressed form, of which FIN says
// that it is the last. A client's is masked with a fresh key. A compressed fragment is flushed, so that the peer can
// decompress it as soon as it is there.
func (f *Fragmenter) Append(dst, p []byte, last bool) []byte {
	if f.deflater != nil && f.next != Continuation && last && !f.deflater.Wants(len(p)) {
		f.deflater = nil
	}
	if f.deflater == nil {
		return f.frame(append(dst, make([]byte, MaxHeader)...), len(dst), p, last)
	}
	at := len(dst)
	dst = f.compress(append(dst, make([]byte, MaxHeader)...), p, last)
	return f.frame(dst, at, nil, last)
}

// frame makes what lies in dst from at on a frame, behind room for the longest header, with p behind it.
func (f *Fragmenter) frame(dst []byte, at int, p []byte, last bool) []byte {
	dst = append(dst, p...)
	payload := dst[at+MaxHeader:]
	var head []byte
	if f.role == Client {
		key := NewMaskKey()
		head = appendHeader(dst[:at], last, f.next, len(payload), bitMask)
		head = binary.LittleEndian.AppendUint32(head, uint32(key))
		Mask(payload, key)
	} else {
		head = appendHeader(dst[:at], last, f.next, len(payload), 0)
	}
	if f.deflater != nil && f.next != Continuation { // RFC 7692 6: on the first fragment only
		head[at] |= bitRSV1
	}
	f.next = Continuation
	return append(head, payload...)
}

// compress appends the compressed form of p. RFC 7692 7.2.1: the end of the message alone is cut off. An end that
// comes by itself is that of an empty block (7.2.3.6).
func (f *Fragmenter) compress(dst, p []byte, last bool) []byte {
	switch {
	case len(p) > 0:
	case last:
		return append(dst, 0)
	default:
		return dst
	}
	dst = f.deflater.compress(dst, p, f.before)
	if !last {
		dst = append(dst, deflateTail...)
	}
	f.deflater.remember(p)
	f.remember(p)
	return dst
}

func (f *Fragmenter) remember(p []byte) {
	f.before = slideWindow(f.before, p, min(fragmentContext, 1<<f.deflater.bits))
}
