package codec

import (
	"slices"
	"testing"
)

// growth watches the buffer of a decoder.
type growth struct {
	times, copied int
	cap, len      int
}

// look notes whether the buffer has grown since the last look. It has to be called after each byte.
func (g *growth) look(d *Decoder) {
	if d.buf == nil {
		*g = growth{times: g.times, copied: g.copied}
		return
	}
	if c := cap(d.buf.B); c > g.cap {
		g.times++
		g.copied += g.len
		g.cap = c
	}
	g.len = len(d.buf.B)
}

// decodeBytes feeds p byte by byte and returns how the buffer grew meanwhile.
func decodeBytes(t *testing.T, d *Decoder, p []byte) growth {
	t.Helper()
	var g growth
	for i := range p {
		if _, _, err := d.Decode(p[i : i+1]); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		g.look(d)
	}
	return g
}

// However small the fragments are that a message comes in, its bytes are copied twice at most.
func TestBufferGrowthIsAmortised(t *testing.T) {
	const n = 1 << 12
	inFrames := func(role Role, size int, between []byte) []byte {
		wire := appendTo(nil, role, false, Binary, nil)
		for range n / size {
			wire = appendTo(wire, role, false, Continuation, pattern(size))
			wire = append(wire, between...)
		}
		return wire
	}
	for _, role := range roles {
		ping := appendTo(nil, role, true, Ping, pattern(MaxControlPayload))
		tests := []struct {
			name string
			wire []byte
		}{
			{"fragments of 1 byte", inFrames(role, 1, nil)},
			{"fragments of 100 bytes", inFrames(role, 100, nil)},
			{"pings between fragments of 1 byte", inFrames(role, 1, ping)},
			{"one fragment", appendTo(nil, role, false, Binary, pattern(n))},
			{"one frame", appendTo(nil, role, true, Binary, pattern(n))},
		}
		for _, tt := range tests {
			t.Run(role.String()+"/"+tt.name, func(t *testing.T) {
				d := newDecoder(unlimited(role, new(testPool)))
				g := decodeBytes(t, d, tt.wire[:len(tt.wire)-1])
				if g.times > 5 || g.copied > 2*n {
					t.Errorf("grew %d times and copied %d bytes of %d", g.times, g.copied, n)
				}
			})
		}
	}
}

// A declared length by itself reserves nothing, and what has arrived at most twice its size.
func TestBufferGrowsWithWhatArrived(t *testing.T) {
	for _, fin := range []bool{true, false} {
		d := newDecoder(unlimited(Client, new(testPool)))
		header := unhex("02 7f 00 00 01 00 00 00 00 00")
		if fin {
			header[0] |= bitFin
		}
		if _, _, err := d.Decode(header); err != nil || d.buf != nil {
			t.Fatalf("a header alone: %v, buffer %v", err, d.buf)
		}
		for i := range 5000 {
			if _, _, err := d.Decode([]byte{0}); err != nil {
				t.Fatal(err)
			}
			if c := cap(d.buf.B); c > max(2*(i+1), minBuffer) {
				t.Fatalf("%d bytes have arrived and %d are reserved", i+1, c)
			}
		}
	}
}

// A message in one frame has its whole buffer once an eighth has arrived, and no sooner.
func TestBufferReservesTheRest(t *testing.T) {
	const n = 1 << 20
	for _, tt := range []struct{ first, cap, copied int }{
		{n / 8, n, 0},
		{n/8 - 1, n/4 - 2, n/8 - 1},
		{n / 16, n / 8, n / 16},
	} {
		for _, role := range roles {
			d := newDecoder(unlimited(role, new(testPool)))
			wire := appendTo(nil, role, true, Binary, pattern(n))
			header := len(wire) - n
			var g growth
			for _, piece := range [][]byte{wire[:header+tt.first], wire[header+tt.first : len(wire)-1]} {
				if _, _, err := d.Decode(piece); err != nil {
					t.Fatal(err)
				}
				if g.look(d); g.times == 1 && cap(d.buf.B) != tt.cap {
					t.Errorf("%v: %d bytes are reserved for %d", role, cap(d.buf.B), tt.first)
				}
			}
			if g.copied != tt.copied || cap(d.buf.B) != n {
				t.Errorf("%v, %d bytes and then the rest: %d are copied again, and in the end %d reserved",
					role, tt.first, g.copied, cap(d.buf.B))
			}
		}
	}
}

// Where nothing comes behind the current frame the buffer stops at its length.
func TestBufferStopsAtLength(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		want int
	}{
		{"one frame", appendTo(nil, Client, true, Binary, pattern(700)), 700},
		{"last fragment", appendTo(appendTo(nil, Client, false, Binary, pattern(10)),
			Client, true, Continuation, pattern(2000)), 2010},
		{"ping", appendTo(nil, Client, true, Ping, pattern(100)), 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDecoder(unlimited(Client, new(testPool)))
			decodeBytes(t, d, tt.wire[:len(tt.wire)-1])
			if c := cap(d.buf.B); c != tt.want {
				t.Errorf("%d bytes are reserved, want %d", c, tt.want)
			}
		})
	}
}

// Put sees the length that was used: a pool calibrates itself by it.
func TestBufferComesBackAsUsed(t *testing.T) {
	for _, role := range roles {
		ping := appendTo(nil, role, true, Ping, pattern(9))
		message := appendTo(nil, role, true, Binary, pattern(1000))
		fragments := appendTo(nil, role, false, Binary, pattern(30))
		fragments = append(fragments, ping...)
		fragments = appendTo(fragments, role, true, Continuation, pattern(40))

		pool := new(testPool)
		d := newDecoder(unlimited(role, pool))
		decodeBytes(t, d, slices.Concat(ping, message, fragments))
		if _, _, err := d.Decode(nil); err != nil {
			t.Fatal(err)
		}
		if want := []int{9, 1000, 70}; !slices.Equal(pool.lengths, want) {
			t.Errorf("%v: buffers came back with lengths %v, want %v", role, pool.lengths, want)
		}
		pool.wantNoneLent(t)
	}
}

// A payload has no room behind it, so that an append to it overwrites nothing.
func TestPayloadHasNoRoomBehind(t *testing.T) {
	for _, role := range roles {
		whole := appendTo(nil, role, true, Binary, pattern(20))
		empty := appendTo(nil, role, true, Text, nil)
		ping := appendTo(nil, role, true, Ping, pattern(5))
		fragments := appendTo(appendTo(nil, role, false, Binary, pattern(5)), role, true, Continuation, nil)
		wire := slices.Concat(whole, empty, ping, fragments, ping)
		for _, size := range []int{len(wire), 1} {
			d := newDecoder(unlimited(role, new(testPool)))
			handed := 0
			for piece := range slices.Chunk(slices.Clone(wire), size) {
				for {
					m, n, err := d.Decode(piece)
					if err != nil {
						t.Fatal(err)
					}
					if m.Opcode == Continuation {
						break
					}
					handed++
					if cap(m.Payload) != len(m.Payload) {
						t.Errorf("%v, pieces of %d: %v has %d bytes and room for %d",
							role, size, m.Opcode, len(m.Payload), cap(m.Payload))
					}
					piece = piece[n:]
				}
			}
			if handed != 5 {
				t.Errorf("%v, pieces of %d: %d messages", role, size, handed)
			}
		}
	}
}
