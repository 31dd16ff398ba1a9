package codec

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
// kept, and the error is ErrMessageTooBig. It is ErrDeflate for what is not a compressed message. text has
// the message checked for UTF-8 meanwhile; the error is ErrTextUTF8 then. The error is that of the first byte at
// fault. With an error dst comes back with the length that it had, and i is unchanged.
//
// It allocates nothing beyond the growth of dst, which doubles until limit, and with context takeover of the
// window.
func (i *Inflater) AppendMessage(dst, compressed []byte, limit uint64, text bool) ([]byte, error) {
	s := inflateStreams.Get().(*inflateStream)
	s.reset(nil)
	own := s.window
	s.window = i.window // which is only read
	m := inflation{
		stream: s,
		out:    dst[len(dst):],
		limit:  limit,
		text:   text,
		least:  max(4*len(compressed), minBuffer),
	}
	fault := m.message(compressed)
	s.window = own
	inflateStreams.Put(s)
	if fault != nil {
		return dst, fault
	}
	if i.size > 0 {
		i.window = slideWindow(i.window, m.out, i.size)
	}
	switch {
	case len(dst) == 0:
		return m.out, nil
	case !m.grown:
		return dst[:len(dst)+len(m.out)], nil
	}
	return append(dst, m.out...), nil
}

// inflation is a message that is being decompressed whole.
type inflation struct {
	stream *inflateStream
	out    []byte // the message
	limit  uint64 // of its length
	least  int    // bytes that out grows to at first
	grown  bool   // out is no longer where it was
	text   bool
	utf8   UTF8Validator
}

// message decompresses what was sent, and behind it what the sender has cut off.
func (m *inflation) message(compressed []byte) *CloseError {
	if fault := m.piece(compressed); fault != nil {
		return fault
	}
	// Where the last block of the payload has BFINAL set the sender need not add the empty block without it that
	// RFC 7692 7.2.3.4 shows. Nothing is missing then.
	if !m.stream.ended() {
		if fault := m.piece([]byte(deflateTail)); fault != nil {
			return fault
		}
	}
	switch {
	case !m.stream.whole():
		return ErrDeflate
	case m.text && !m.utf8.Complete():
		return ErrTextUTF8
	}
	return nil
}

// piece decompresses the next bytes of the message.
func (m *inflation) piece(in []byte) *CloseError {
	for {
		room := int(min(uint64(cap(m.out)), m.limit))
		before := len(m.out)
		out, used, full, fault := m.stream.inflate(m.out, in, room)
		in = in[used:]
		m.out = out
		switch {
		case m.text && !m.utf8.Write(out[before:]):
			return ErrTextUTF8
		case fault != nil || !full:
			return fault
		case uint64(len(out)) == m.limit:
			return ErrMessageTooBig
		}
		m.grow()
	}
}

// grow doubles the room for the message, within the limit.
func (m *inflation) grow() {
	room := min(uint64(max(2*len(m.out), m.least)), m.limit)
	m.out = append(make([]byte, 0, room), m.out...)
	m.grown = true
}
