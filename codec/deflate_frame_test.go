package codec

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// compressible returns n bytes of text that becomes shorter.
func compressible(n int) []byte { return sampleText(sampleTexts[1].line, n) }

func TestAppendDeflatedHeader(t *testing.T) {
	for _, row := range []struct {
		fin  bool
		op   Opcode
		n    int
		want string
	}{
		{true, Text, 7, "c1 07"},
		{false, Text, 3, "41 03"},
		{true, Binary, 126, "c2 7e 00 7e"},
		{false, Binary, 65536, "42 7f 00 00 00 00 00 01 00 00"},
	} {
		got := AppendDeflatedHeader([]byte("dst"), row.fin, row.op, row.n)
		if want := append([]byte("dst"), unhex(row.want)...); !bytes.Equal(got, want) {
			t.Errorf("% x, want % x", got, want)
		}
	}
}

// A frame is compressed when that pays, and otherwise what AppendFrame appends; the peer reads it either way.
// The lengths are such that the header of the compressed payload is shorter than that of the payload, or as
// long.
func TestDeflaterAppendFrame(t *testing.T) {
	noise := deflateSamples[4].make
	for _, takeover := range []bool{false, true} {
		for _, row := range []struct {
			name       string
			op         Opcode
			payload    []byte
			compressed bool
		}{
			{"below the threshold", Text, compressible(99), false},
			{"at the threshold", Text, compressible(100), true},
			{"length in 2 bytes, compressed in 1", Text, compressible(300), true},
			{"length in 2 bytes, compressed too", Text, compressible(3000), true},
			{"length in 8 bytes, compressed in 2", Binary, compressible(70000), true},
			{"length in 8 bytes, compressed in 1", Binary, make([]byte, 70000), true},
			{"length in 8 bytes, compressed too", Binary, append(noise(70000), make([]byte, 9000)...), true},
			{"noise", Binary, noise(5000), false},
			{"6 ping", Ping, make([]byte, 125), false},
			{"6 close", Close, append([]byte{3, 0xe8}, bytes.Repeat([]byte{'x'}, 120)...), false},
		} {
			for _, role := range roles { // of the endpoint that sends
				t.Run(fmt.Sprintf("takeover=%t/%v/%s", takeover, role, row.name), func(t *testing.T) {
					p := DeflateParams{ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover}
					d := (&Deflate{Threshold: 100}).NewDeflater(p, role)
					original := slices.Clone(row.payload)
					wire := []byte("dst")
					for range 2 { // the second has a context
						if role == Client {
							wire = d.AppendMaskedFrame(wire, row.op, row.payload, testKey)
						} else {
							wire = d.AppendFrame(wire, row.op, row.payload)
						}
					}
					if !bytes.Equal(row.payload, original) {
						t.Error("the payload has been changed")
					}
					if got := wire[3]&bitRSV1 != 0; got != row.compressed {
						t.Errorf("compressed: %t", got)
					}
					if saved := HeaderLen(role, len(original)) + len(original) - (len(wire)-3)/2; (saved > 0) != row.compressed {
						t.Errorf("%d bytes saved", saved)
					}
					if n := len(row.payload); takeover && (d.sent != nil) != row.compressed {
						t.Errorf("remembers %d bytes of %d", len(d.sent), n)
					}
					receiver := Client - role
					o := decodePiecesBy(t, inflating(unlimited(receiver, new(testPool)), p), wire[3:])
					want := event{row.op, string(original)}
					if o.err != nil || !slices.Equal(o.events, []event{want, want}) {
						t.Errorf("the peer decodes %d events, %v", len(o.events), o.err)
					}
				})
			}
		}
	}
}

// Messages with context takeover, prepared ones and others, compressed and not, in any order.
func TestPreparedFrameInContext(t *testing.T) {
	eachDeflateParams(t, func(t *testing.T, p DeflateParams) {
		d := new(Deflate).NewDeflater(p, Server)
		news := Prepare(Text, compressible(1000))
		short := Prepare(Text, []byte("short"))
		noise := Prepare(Binary, deflateSamples[4].make(300))
		var wire []byte
		var want []event
		for n := range 20 {
			own := compressible(100 + 50*n)
			wire = d.AppendFrame(wire, Text, own)
			want = append(want, event{Text, string(own)})
			for _, prepared := range []*Prepared{short, news, noise} {
				wire = append(wire, d.PreparedFrame(prepared)...)
				want = append(want, event{prepared.Opcode(), string(prepared.Payload())})
			}
		}
		o := decodePiecesBy(t, inflating(unlimited(Client, new(testPool)), p), wire)
		if o.err != nil || !slices.Equal(o.events, want) {
			t.Errorf("%d events of %d, %v", len(o.events), len(want), o.err)
		}
	})
}

func TestPreparedFrameOnce(t *testing.T) {
	payload := compressible(2000)
	p := Prepare(Text, payload)
	var group sync.WaitGroup
	frames := make([][]byte, 64)
	for n := range frames {
		group.Go(func() {
			frames[n] = new(Deflate).NewDeflater(paramsOf(n%2 == 0, uint8(8+n%8)), Server).PreparedFrame(p)
		})
	}
	group.Wait()
	for n, frame := range frames {
		if &frame[0] != &frames[n%8][0] {
			t.Errorf("frame %d is not the one that was made for its window", n)
		}
		if n < 8 {
			for _, other := range frames[:n] {
				if &frame[0] == &other[0] {
					t.Error("two windows share a frame")
				}
			}
		}
		if cap(frame) > len(frame)+64 { // the allocator rounds up
			t.Errorf("a frame of %d bytes keeps %d", len(frame), cap(frame))
		}
		o := decodePiecesBy(t, inflating(unlimited(Client, new(testPool)), noTakeover), frame)
		if o.err != nil || !slices.Equal(o.events, []event{{Text, string(payload)}}) {
			t.Errorf("frame %d: %v", n, o.err)
		}
		if frame[0] != 0xc1 || len(frame) > len(payload)/2 {
			t.Errorf("frame %d is not compressed: %d bytes", n, len(frame))
		}
	}
}

func TestPreparedFrameAsItIs(t *testing.T) {
	d := new(Deflate).NewDeflater(noTakeover, Server)
	for _, p := range []*Prepared{
		Prepare(Text, compressible(255)), Prepare(Binary, deflateSamples[4].make(1000)), Prepare(Ping, []byte("p")), Prepare(Text, nil),
	} {
		if frame := d.PreparedFrame(p); &frame[0] != &p.Frame()[0] {
			t.Errorf("%v of %d bytes is a frame of its own", p.Opcode(), len(p.Payload()))
		}
	}
}

// twoPool is a BufferPool for one decoder that allocates nothing itself: a compressed message and what it
// becomes.
type twoPool struct{ free []*Buffer }

func newTwoPool() *twoPool { return &twoPool{[]*Buffer{new(Buffer), new(Buffer)}} }

func (p *twoPool) Get() *Buffer {
	b := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return b
}

func (p *twoPool) Put(b *Buffer) {
	b.B = b.B[:0]
	p.free = append(p.free, b)
}

// An echo of compressed messages allocates nothing.
func TestDeflateEchoAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has sync.Pool forget")
	}
	payload := compressible(600)
	for _, p := range []DeflateParams{noTakeover, {}, {ServerMaxWindowBits: 9, ClientMaxWindowBits: 9}} {
		for _, size := range []int{1 << 20, 50} {
			peer := new(Deflate).NewDeflater(p, Client)
			e := &echoer{Decoder: inflating(unlimited(Server, newTwoPool()), p)}
			d := new(Deflate).NewDeflater(p, Server)
			prepared := Prepare(Text, payload)
			var wire, piece []byte
			echo := func() {
				wire = peer.AppendMaskedFrame(wire[:0], Text, payload, testKey)
				e.output = e.output[:0]
				for rest := wire; len(rest) > 0; {
					piece, rest = rest[:min(size, len(rest))], rest[min(size, len(rest)):]
					for {
						m, n, err := e.Decode(piece)
						if err != nil {
							t.Fatal(err)
						}
						if m.Opcode == Continuation {
							break
						}
						e.output = d.AppendFrame(e.output, m.Opcode, m.Payload)
						e.output = append(e.output, d.PreparedFrame(prepared)...)
						piece = piece[n:]
					}
				}
				if len(e.output) == 0 {
					t.Fatal("no echo")
				}
			}
			for range 20 {
				echo()
			}
			if n := testing.AllocsPerRun(100, echo); n != 0 {
				t.Errorf("%v, pieces of %d: an echo allocates %v times", p, size, n)
			}
		}
	}
}

// FuzzInflateDecoder holds that what a peer compresses and sends in any fragments, with control frames between
// them and messages that are not compressed, is decoded as it was in any pieces, and that any bytes in the
// payload give the same outcome in any pieces.
func FuzzInflateDecoder(f *testing.F) {
	f.Add([]byte("Hello, hello, hello"), []byte{3, 0}, []byte{1, 2}, uint8(0), true, uint16(0))
	f.Add(compressible(500), []byte{100, 2, 50}, []byte{1, 1, 1, 1, 1, 200}, uint8(9), false, uint16(20))
	f.Add(pattern(900), []byte{255, 255}, []byte{7, 7, 7, 0, 90}, uint8(15), true, uint16(300))
	f.Add([]byte{0xff, 0xc3, 0}, []byte{1, 1, 1}, []byte{}, uint8(12), false, uint16(2))
	f.Fuzz(func(t *testing.T, payload, fragments, cuts []byte, bits uint8, takeover bool, flip uint16) {
		p := paramsOf(takeover, minWindowBits+bits%8)
		d := (&Deflate{Threshold: -1}).NewDeflater(p, Server)
		op := Binary
		if ValidUTF8(payload) {
			op = Text
		}
		var wire []byte
		var want []event
		for range 2 {
			compressed := d.AppendMessage(nil, payload)
			if at := int(flip); at > 0 && at <= len(compressed) {
				compressed[at-1] ^= 1 << (flip & 7) // and then only the outcomes are compared
			}
			for n, length := range lengthsOf(fragments, len(compressed)) {
				if n == 0 {
					wire = AppendDeflatedHeader(wire, false, op, length)
				} else {
					wire = AppendHeader(wire, false, Continuation, length)
				}
				wire = append(wire, compressed[:length]...)
				compressed = compressed[length:]
				wire = AppendFrame(wire, Ping, payload[:min(length, len(payload), MaxControlPayload)])
				want = append(want, event{Ping, string(payload[:min(length, len(payload), MaxControlPayload)])})
			}
			wire = AppendHeader(wire, true, Continuation, 0)
			wire = AppendFrame(wire, op, payload)
			want = append(want, event{op, string(payload)}, event{op, string(payload)})
		}
		pool := new(testPool)
		cfg := unlimited(Client, pool)
		cfg.MaxMessage = 1 << 20
		decode := func(lengths ...int) outcome { return decodePiecesBy(t, inflating(cfg, p), wire, lengths...) }
		whole := decode()
		if flip == 0 && (whole.err != nil || !slices.Equal(whole.events, want)) {
			t.Fatalf("%d events of %d, %v", len(whole.events), len(want), whole.err)
		}
		for _, o := range []outcome{decode(slices.Repeat([]int{1}, len(wire))...), decode(lengthsOf(cuts, len(wire))...)} {
			if o.err != whole.err || !slices.Equal(o.events, whole.events) {
				t.Fatalf("whole: %d events, %v; split: %d, %v", len(whole.events), whole.err, len(o.events), o.err)
			}
		}
		pool.wantNoneLent(t)
	})
}
