package codec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// roles are both roles of the endpoint that decodes.
var roles = []Role{Server, Client}

// testPool is a BufferPool that counts, poisons what comes back and hands out the same buffers
// again, so that who uses one after Put sees it.
type testPool struct {
	free    []*Buffer
	lent    map[*Buffer]bool
	gets    int
	lengths []int // of the buffers that came back, in order
}

// poison is what a buffer is filled with that is not lent, and an input that is over.
const poison = 0xDB

func (p *testPool) Get() *Buffer {
	p.gets++
	if p.lent == nil {
		p.lent = make(map[*Buffer]bool)
	}
	b := new(Buffer)
	if n := len(p.free); n > 0 {
		b = p.free[n-1]
		p.free = p.free[:n-1]
	}
	p.lent[b] = true
	return b
}

func (p *testPool) Put(b *Buffer) {
	if !p.lent[b] {
		panic("Put of a buffer that is not lent")
	}
	delete(p.lent, b)
	p.lengths = append(p.lengths, len(b.B))
	fill(b.B[:cap(b.B)], poison)
	b.B = b.B[:0]
	p.free = append(p.free, b)
}

// wantNoneLent fails unless every Get was followed by a Put.
func (p *testPool) wantNoneLent(t testing.TB) {
	t.Helper()
	if len(p.lent) != 0 {
		t.Errorf("%d buffers of %d have not been given back", len(p.lent), p.gets)
	}
}

func fill(p []byte, b byte) {
	for i := range p {
		p[i] = b
	}
}

// unlimited is the configuration of a decoder that is not to run into a limit.
func unlimited(role Role, pool BufferPool) *DecoderConfig {
	return &DecoderConfig{Role: role, MaxMessage: 1 << 62, MaxFragments: 1 << 31, Buffers: pool}
}

// newDecoder returns a decoder that is at the start of a connection.
func newDecoder(cfg *DecoderConfig) *Decoder {
	d := new(Decoder)
	d.Reset(cfg)
	return d
}

// unhex returns the bytes of a hexadecimal string with spaces.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// frame is a frame as it comes over the wire from a server: the hexadecimal bytes of its header,
// and its payload.
type frame struct{ head, payload string }

// appendFor appends f as the peer of role sends it: to a server masked with testKey, all else equal.
func (f frame) appendFor(dst []byte, role Role) []byte {
	at := len(dst)
	dst = append(dst, unhex(f.head)...)
	if role == Client {
		return append(dst, f.payload...)
	}
	dst[at+1] |= bitMask
	key := testKey.Bytes()
	dst = append(dst, key[:]...)
	at = len(dst)
	dst = append(dst, f.payload...)
	maskBytes(dst[at:], key)
	return dst
}

// wireFor returns frames as the peer of role sends them.
func wireFor(role Role, frames ...frame) []byte {
	var wire []byte
	for _, f := range frames {
		wire = f.appendFor(wire, role)
	}
	return wire
}

// appendTo appends a frame as the peer of role sends it, by the encoder that is tested.
func appendTo(dst []byte, role Role, fin bool, op Opcode, payload []byte) []byte {
	if role == Client {
		return append(AppendHeader(dst, fin, op, len(payload)), payload...)
	}
	at := len(dst)
	dst = AppendMaskedFrame(dst, op, payload, testKey)
	if !fin {
		dst[at] &^= bitFin
	}
	return dst
}

// event is a message as a decoder handed it out.
type event struct {
	op      Opcode
	payload string
}

func (e event) String() string { return fmt.Sprintf("%v %q", e.op, e.payload) }

// outcome is what a decoder made of an input.
type outcome struct {
	events []event
	err    error
	last   int // the index of the piece that the error was found in
}

// decodePieces decodes wire in pieces of the given lengths, and what is left as one more. Each piece
// is overwritten when it is over, as the input of an event loop is.
func decodePieces(t testing.TB, cfg *DecoderConfig, wire []byte, lengths ...int) (o outcome) {
	t.Helper()
	return decodePiecesBy(t, newDecoder(cfg), wire, lengths...)
}

// decodePiecesBy is decodePieces by a decoder that is at the start of a connection, which it releases.
func decodePiecesBy(t testing.TB, d *Decoder, wire []byte, lengths ...int) (o outcome) {
	t.Helper()
	defer d.Release()
	for _, n := range append(lengths, len(wire)) {
		n = min(n, len(wire))
		piece := slices.Clone(wire[:n])
		wire = wire[n:]
		if o.err = decodePiece(t, d, piece, &o.events); o.err != nil {
			return o
		}
		fill(piece, poison)
		if d.Idle() && d.buf != nil {
			t.Error("an idle decoder owns a buffer")
		}
		o.last++
	}
	return o
}

// decodePiece calls Decode until it wants more, as it is meant to be called.
func decodePiece(t testing.TB, d *Decoder, p []byte, events *[]event) error {
	t.Helper()
	for {
		before, input := snapshot(d), slices.Clone(p)
		m, n, err := d.Decode(p)
		if err != nil {
			if now := snapshot(d); n == 0 && !before.handedOut && now != before {
				t.Errorf("%v: the state was %+v and is %+v", err, before, now)
			}
			wantUnchanged(t, d, p[n:], input[n:], err)
			return err
		}
		if m.Opcode == Continuation {
			if n != len(p) || m.Payload != nil {
				t.Fatalf("Decode = %v, %d with %d bytes in", m, n, len(p))
			}
			return nil
		}
		*events = append(*events, event{m.Opcode, string(m.Payload)})
		p = p[n:]
	}
}

// state is a decoder's in a form that can be compared.
type state struct {
	Decoder
	kept string
}

func snapshot(d *Decoder) state {
	s := state{Decoder: *d}
	clear(s.carry[s.carried:]) // what is there means nothing
	if d.buf != nil {
		s.kept = string(d.buf.B)
		s.buf = nil
	}
	return s
}

// wantUnchanged fails unless Decode, which has just given err, has left rest as it was in input, and
// d so that the same call gives the same error again and changes nothing.
func wantUnchanged(t testing.TB, d *Decoder, rest, input []byte, err error) {
	t.Helper()
	if !bytes.Equal(rest, input) {
		t.Errorf("%v: the input was % x and is % x", err, input, rest)
	}
	after := snapshot(d)
	for range 2 {
		m, n, again := d.Decode(rest)
		if n != 0 || again != err || m.Payload != nil || m.Opcode != Continuation {
			t.Errorf("Decode = %v, %d, %v after %v", m, n, again, err)
		}
		if !bytes.Equal(rest, input) {
			t.Errorf("%v again: the input was % x and is % x", err, input, rest)
		}
		if now := snapshot(d); now != after {
			t.Errorf("%v again: the state was %+v and is %+v", err, after, now)
		}
	}
}

// splits calls f with the lengths of the pieces of inputs of n bytes: whole, each in two, and all of
// one, two, three, five and seven bytes.
func splits(n int, f func(lengths ...int)) {
	f(n)
	for i := range n {
		f(i, n-i)
	}
	for _, size := range []int{1, 2, 3, 5, 7} {
		f(slices.Repeat([]int{size}, n/size)...)
	}
}

// wantEvents fails unless decoding wire gives want, however it is split.
func wantEvents(t *testing.T, cfg DecoderConfig, wire []byte, want ...event) {
	t.Helper()
	splits(len(wire), func(lengths ...int) {
		t.Helper()
		pool := new(testPool)
		cfg.Buffers = pool
		o := decodePieces(t, &cfg, wire, lengths...)
		if o.err != nil || !slices.Equal(o.events, want) {
			t.Fatalf("% x to a %v in %v:\ngot  %v, %v\nwant %v", wire, cfg.Role, lengths, o.events, o.err, want)
		}
		pool.wantNoneLent(t)
	})
}

// wantError fails unless decoding wire gives want and then err, found in the piece with the byte
// before at, neither earlier nor later, however it is split.
func wantError(t *testing.T, cfg DecoderConfig, wire []byte, at int, err error, want ...event) {
	t.Helper()
	splits(len(wire), func(lengths ...int) {
		t.Helper()
		pool := new(testPool)
		cfg.Buffers = pool
		o := decodePieces(t, &cfg, wire, lengths...)
		if o.err != err || !slices.Equal(o.events, want) {
			t.Fatalf("% x to a %v in %v:\ngot  %v, %v\nwant %v, %v", wire, cfg.Role, lengths, o.events, o.err, want, err)
		}
		if piece := pieceOf(at, lengths); o.last != piece {
			t.Fatalf("% x to a %v in %v: error in piece %d, want it in %d", wire, cfg.Role, lengths, o.last, piece)
		}
		pool.wantNoneLent(t)
	})
}

// pieceOf returns the index of the piece that has the byte before at.
func pieceOf(at int, lengths []int) int {
	for i, n := range lengths {
		if at <= n && n > 0 {
			return i
		}
		at -= n
	}
	return len(lengths)
}
