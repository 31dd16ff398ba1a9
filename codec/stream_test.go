package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// streamingConfig is one without limits but those of s.
func streamingConfig(role Role, pool BufferPool, s Streaming) *DecoderConfig {
	cfg := unlimited(role, pool)
	cfg.Stream = &s
	return cfg
}

// joiner puts chunks together to messages, and holds that they are what they say.
type joiner struct {
	t       testing.TB
	from    uint64 // Streaming.From
	within  bool
	op      Opcode
	utf8    UTF8Validator
	message []byte
	events  []event
	chunks  []string // of all messages
}

func (j *joiner) add(m Message) {
	c, ok := m.Chunk()
	if !ok {
		if !m.Opcode.IsControl() && (j.within || uint64(len(m.Payload)) > j.from) {
			j.t.Errorf("%d bytes came whole; within a message: %t", len(m.Payload), j.within)
		}
		j.events = append(j.events, event{m.Opcode, string(m.Payload)})
		return
	}
	if c.First == j.within || j.within && c.Opcode != j.op {
		j.t.Fatalf("a %v chunk is first: %t; within a message (%v): %t", c.Opcode, c.First, j.op, j.within)
	}
	if len(c.Payload) == 0 && !c.Final {
		j.t.Error("an empty chunk")
	}
	if c.Opcode == Text && !j.utf8.Write(c.Payload) {
		j.t.Errorf("the text is not UTF-8 as far as %q", c.Payload)
	}
	j.within, j.op = true, c.Opcode
	j.message = append(j.message, c.Payload...)
	j.chunks = append(j.chunks, string(c.Payload))
	if c.Final {
		if uint64(len(j.message)) <= j.from {
			j.t.Errorf("%d bytes came in chunks", len(j.message))
		}
		j.events = append(j.events, event{c.Opcode, string(j.message)})
		j.within, j.message, j.utf8 = false, nil, UTF8Validator{}
	}
}

// decodeChunks decodes wire as decodePieces does, and puts chunks together. What is handed out is overwritten, as
// a handler may do, and the decoder is released.
func decodeChunks(t testing.TB, d *Decoder, wire []byte, lengths ...int) (o outcome, chunks []string) {
	t.Helper()
	defer d.Release()
	j := &joiner{t: t, from: d.cfg.Stream.From}
	for _, n := range append(lengths, len(wire)) {
		n = min(n, len(wire))
		piece := slices.Clone(wire[:n])
		wire = wire[n:]
		rest := piece
		for {
			input := slices.Clone(rest)
			m, n, err := d.Decode(rest)
			if err != nil {
				if !bytes.Equal(rest[n:], input[n:]) {
					t.Errorf("%v: the input was % x and is % x", err, input[n:], rest[n:])
				}
				for range 2 {
					if m, k, again := d.Decode(rest[n:]); k != 0 || again != err || m.Payload != nil {
						t.Errorf("Decode = %v, %d, %v after %v", m, k, again, err)
					}
				}
				return outcome{events: j.events, err: err, last: o.last}, j.chunks
			}
			if m.Opcode == Continuation {
				break
			}
			j.add(m)
			fill(m.Payload, poison)
			rest = rest[n:]
		}
		fill(piece, poison)
		if d.Idle() && (d.buf != nil || d.cfg.stream != nil) {
			t.Error("an idle decoder owns a buffer")
		}
		o.last++
	}
	return outcome{events: j.events, last: o.last}, j.chunks
}

// TestStreamExchanges decodes all that is allowed, in chunks from any length on: together they are the messages.
func TestStreamExchanges(t *testing.T) {
	for _, role := range roles {
		for _, e := range slices.Concat(exchanges, inflateExchanges) {
			wire := wireFor(role, e.frames...)
			for _, from := range []uint64{0, 1, 3, 5, 125, 300} {
				splits(len(wire), func(lengths ...int) {
					pool := new(testPool)
					cfg := streamingConfig(role, pool, Streaming{From: from, Max: 1 << 20})
					cfg.Inflater = NewInflater(DeflateParams{}, role)
					o, _ := decodeChunks(t, newDecoder(cfg), wire, lengths...)
					if o.err != nil || !slices.Equal(o.events, e.want) {
						t.Fatalf("%s, from %d to a %v in %v: %v, %v", e.rule, from, role, lengths, o.events, o.err)
					}
					pool.wantNoneLent(t)
				})
			}
		}
	}
}

// TestStreamFaults holds that a fault is found in chunks as it is in whole messages, at the same byte.
func TestStreamFaults(t *testing.T) {
	for _, role := range roles {
		for _, f := range slices.Concat(headerFaults, payloadFaults) {
			wire, _ := f.wire(role)
			splits(len(wire), func(lengths ...int) {
				whole := decodePieces(t, unlimited(role, new(testPool)), wire, lengths...)
				for _, from := range []uint64{0, 2} {
					pool := new(testPool)
					o, _ := decodeChunks(t, newDecoder(streamingConfig(role, pool, Streaming{From: from, Max: 1 << 62})), wire, lengths...)
					if o.err != f.err || o.last != whole.last || !slices.Equal(o.events, whole.events) {
						t.Fatalf("%s to a %v in %v: %v in piece %d, want %v in %d", f.rule, role, lengths, o.err, o.last, f.err, whole.last)
					}
					pool.wantNoneLent(t)
				}
			})
		}
	}
}

// TestStreamInflateFaults holds that a compressed message in chunks has the faults that it has whole, however it is
// split, and whether chunks have been handed out before.
func TestStreamInflateFaults(t *testing.T) {
	for _, role := range roles {
		for _, row := range allInflateFaults(t) {
			wire := appendTo(nil, role, true, Text, []byte(row.compressed))
			wire[0] |= bitRSV1
			for _, from := range []uint64{0, 3, 5000} {
				for _, size := range []int{1, 2, 3, len(wire)} {
					pool := new(testPool)
					cfg := streamingConfig(role, pool, Streaming{From: from, Max: 1000})
					cfg.Inflater = &Inflater{size: 1 << 15, window: []byte{'w'}}
					o, _ := decodeChunks(t, newDecoder(cfg), wire, slices.Repeat([]int{size}, len(wire)/size)...)
					if o.err != row.err || len(o.events) > 0 {
						t.Fatalf("%s, from %d in pieces of %d: %v, %v, want %v", row.rule, from, size, o.events, o.err, row.err)
					}
					pool.wantNoneLent(t)
				}
			}
		}
	}
}

// A block without compression that announces more than there is swallows what the sender cut off the end
// (RFC 7692 7.2.2), which is no message either where it need not be UTF-8.
func TestStreamInflateTruncated(t *testing.T) {
	wire := appendTo(nil, Client, true, Binary, []byte("\x00\x0c\x01\xf3\xfe"))
	wire[0] |= bitRSV1
	cfg := streamingConfig(Client, new(testPool), Streaming{From: 0, Max: 1000})
	cfg.Inflater = &Inflater{size: 1 << 15}
	if o, _ := decodeChunks(t, newDecoder(cfg), wire); o.err != ErrDeflate || len(o.events) > 0 {
		t.Errorf("%v, %v, want %v", o.events, o.err, ErrDeflate)
	}
}

// The limit also holds for what a compressed message takes before it is decompressed: blocks that are empty.
func TestStreamMaxCompressed(t *testing.T) {
	const limit = 100
	blocks := strings.Repeat("\x00\x00\x00\xff\xff", int(deflatedLimit(limit))/10)
	for more, want := range map[int]error{int(deflatedLimit(limit)) - 2*len(blocks): nil, int(deflatedLimit(limit)) - 2*len(blocks) + 1: ErrMessageTooBig} {
		cfg := streamingConfig(Client, new(testPool), Streaming{Max: limit})
		cfg.Inflater = NewInflater(noTakeover, Client)
		wire := append(AppendDeflatedHeader(nil, false, Binary, len(blocks)), blocks...)
		wire = append(AppendHeader(wire, false, Continuation, len(blocks)), blocks...)
		wire = AppendHeader(wire, true, Continuation, more)
		if o, _ := decodeChunks(t, newDecoder(cfg), wire); o.err != want {
			t.Errorf("%d bytes more: %v", more, o.err)
		}
	}
}

// What is unmasked and does not get its turn, because a chunk is full, is unmasked later, and once.
func TestStreamDeflatedMasked(t *testing.T) {
	payload := slices.Concat(compressible(300_000), deflateSamples[4].make(50_000))
	d := (&Deflate{}).NewDeflater(noTakeover, Client)
	for _, from := range []uint64{0, 1000, 100_000} {
		cfg := streamingConfig(Server, new(testPool), Streaming{From: from, Max: 1 << 20})
		cfg.Inflater = NewInflater(noTakeover, Server)
		o, chunks := decodeChunks(t, newDecoder(cfg), d.AppendMaskedFrame(nil, Binary, payload, testKey))
		if o.err != nil || len(o.events) != 1 || o.events[0].payload != string(payload) || len(chunks) < 5 {
			t.Errorf("from %d: %d messages in %d chunks, %v", from, len(o.events), len(chunks), o.err)
		}
	}
}

// TestChunks holds which chunks there are.
func TestChunks(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := []struct {
		name   string
		from   uint64
		frames []frame
		pieces []int
		want   []string
	}{
		{"a whole frame is one chunk", 0, []frame{textHello}, nil, []string{"Hello"}},
		{"as it arrives", 0, []frame{textHello}, []int{6, 2, 0, 2}, []string{"He", "ll", "o"}}, // the header has 6 bytes for a server
		{"known to be long by its header", 99, []frame{{"82 64", long}}, []int{7}, []string{"x", long[1:]}},
		{"not longer than that", 100, []frame{{"82 64", long}}, []int{7}, nil},
		{"empty fragments are none", 0, []frame{{"01 00", ""}, {"00 00", ""}, {"80 05", "Hello"}}, nil, []string{"Hello"}},
		{"but the last one is", 0, []frame{textHel, {"00 00", ""}, {"80 00", ""}}, nil, []string{"Hel", ""}},
		{"what was kept comes first", 4, []frame{textHel, contLo}, nil, []string{"Hel", "lo"}},
		{"also when it was kept in pieces", 8, []frame{textHel, {"00 05", "lolol"}, {"80 02", "ol"}}, []int{8, 2}, []string{"Hellolol", "ol"}},
		{"an empty message is none", 0, []frame{{"81 00", ""}}, nil, nil},
	}
	for _, tt := range tests {
		cfg := streamingConfig(Server, new(testPool), Streaming{From: tt.from, Max: 1 << 20})
		o, chunks := decodeChunks(t, newDecoder(cfg), wireFor(Server, tt.frames...), tt.pieces...)
		if o.err != nil || !slices.Equal(chunks, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, chunks, o.err, tt.want)
		}
	}
}

// TestStreamCopiesNothing: a chunk lies where it arrived.
func TestStreamCopiesNothing(t *testing.T) {
	wire := appendTo(nil, Server, true, Binary, pattern(1000))
	d := newDecoder(streamingConfig(Server, new(testPool), Streaming{Max: 1 << 20}))
	at := len(wire) - 1000
	for _, n := range []int{at + 100, 500, 400} {
		piece := wire[:n]
		wire = wire[n:]
		m, used, err := d.Decode(piece)
		if err != nil || used != n || &m.Payload[0] != &piece[at] || cap(m.Payload) != len(m.Payload) {
			t.Fatalf("%d of %d bytes, %v", used, n, err)
		}
		at = 0
	}
}

// TestStreamMax holds the limit: at the header that shows it, all fragments together, and after decompression.
func TestStreamMax(t *testing.T) {
	frames := []frame{textHel, ping, {"00 00", ""}, contLo}
	for _, role := range roles {
		wire := wireFor(role, frames...)
		at := len(wire) - 2
		if role == Server {
			at -= 4
		}
		cfg := DecoderConfig{Role: role, MaxFragments: 9, MaxMessage: 1}
		splits(len(wire), func(lengths ...int) {
			for _, from := range []uint64{0, 3} {
				cfg.Buffers, cfg.Stream = new(testPool), &Streaming{From: from, Max: 4}
				o, _ := decodeChunks(t, newDecoder(&cfg), wire, lengths...)
				if o.err != ErrMessageTooBig || o.last != pieceOf(at, lengths) {
					t.Fatalf("%v: %v in piece %d", lengths, o.err, o.last)
				}
				cfg.Buffers, cfg.Stream = new(testPool), &Streaming{From: from, Max: 5}
				if o, _ := decodeChunks(t, newDecoder(&cfg), wire, lengths...); o.err != nil {
					t.Fatalf("%v: %v", lengths, o.err)
				}
			}
		})
	}
}

// TestStreamFragments: MaxFragments ends where the chunks begin.
func TestStreamFragments(t *testing.T) {
	for from, want := range map[uint64]error{2: nil, 100: ErrTooManyFragments} {
		cfg := streamingConfig(Client, new(testPool), Streaming{From: from, Max: 1 << 20})
		cfg.MaxFragments = 3
		wire := wireFor(Client, slices.Concat([]frame{textHel}, slices.Repeat([]frame{{"00 01", "o"}}, 20), []frame{contLo})...)
		if o, _ := decodeChunks(t, newDecoder(cfg), wire); o.err != want {
			t.Errorf("streamed from %d bytes on: %v", from, o.err)
		}
	}
}

// A bomb is decompressed as far as the limit, and never more than a chunk at a time.
func TestStreamBomb(t *testing.T) {
	const size, limit = 32 << 20, 20<<20 + 5
	d := (&Deflate{}).NewDeflater(noTakeover, Server)
	bomb := d.AppendFrame(nil, Binary, make([]byte, size))
	for _, from := range []uint64{0, 100_000} {
		pool := new(testPool)
		cfg := streamingConfig(Client, pool, Streaming{From: from, Max: limit})
		cfg.Inflater = NewInflater(noTakeover, Client)
		dec := newDecoder(cfg)
		got, err := 0, error(nil)
		for input, n := bomb, 0; err == nil; input = input[n:] {
			var m Message
			m, n, err = dec.Decode(input)
			got += len(m.Payload)
			if len(m.Payload) > max(inflateChunk, int(from)+1) {
				t.Fatalf("a chunk of %d bytes", len(m.Payload))
			}
		}
		if err != ErrMessageTooBig || got > limit || got < limit-inflateChunk {
			t.Errorf("%v after %d bytes of %d", err, got, limit)
		}
		dec.Release()
		pool.wantNoneLent(t)
	}
}

// What is streamed, and what is not, is in the window for what comes after it.
func TestStreamContextTakeover(t *testing.T) {
	for _, bits := range []uint8{9, 13, 15} {
		p := paramsOf(true, bits)
		d := (&Deflate{Context: 1 << 15, Threshold: -1}).NewDeflater(p, Server)
		var wire []byte
		var want []event
		for _, n := range []int{100, 5000, 0, 40_000, 300, 1, 50_000, 20_000, 200} {
			wire = d.AppendFrame(wire, Text, compressible(n))
			want = append(want, event{Text, string(compressible(n))})
		}
		for _, from := range []uint64{0, 1000, 45_000} {
			for _, size := range []int{len(wire), 100, 7} {
				cfg := streamingConfig(Client, new(testPool), Streaming{From: from, Max: 100_000})
				cfg.Inflater = NewInflater(p, Client)
				o, _ := decodeChunks(t, newDecoder(cfg), wire, slices.Repeat([]int{size}, len(wire)/size)...)
				if o.err != nil || !slices.Equal(o.events, want) {
					t.Fatalf("%d bits, from %d, in pieces of %d: %d messages, %v", bits, from, size, len(o.events), o.err)
				}
			}
		}
	}
}

// FuzzStream: any input in any pieces gives in chunks what it gives whole.
func FuzzStream(f *testing.F) {
	for i, e := range exchanges {
		f.Add(wireFor(Client, e.frames...), []byte{2, 1, 5}, uint16(i%7), uint16(1000), true)
		f.Add(wireFor(Server, e.frames...), []byte{7, 3}, uint16(i%5), uint16(4), false)
	}
	f.Fuzz(func(t *testing.T, wire, cuts []byte, from, limit uint16, client bool) {
		role := Server
		if client {
			role = Client
		}
		cfg := unlimited(role, new(testPool))
		cfg.MaxMessage = uint64(limit)
		for _, lengths := range [][]int{lengthsOf(cuts, len(wire)), slices.Repeat([]int{1}, len(wire))} {
			whole := decodePieces(t, cfg, wire, lengths...)
			pool := new(testPool)
			o, _ := decodeChunks(t, newDecoder(streamingConfig(role, pool, Streaming{From: uint64(from), Max: uint64(limit)})), wire, lengths...)
			if o.err != whole.err || o.last != whole.last || !slices.Equal(o.events, whole.events) {
				t.Fatalf("% x in %v: %v, %v; whole %v, %v", wire, lengths, o.events, o.err, whole.events, whole.err)
			}
			pool.wantNoneLent(t)
		}
	})
}

// A block without compression that is cut short takes what a receiver appends for its own, but no more than the 4
// octets that RFC 7692 7.2.2 names: with them it is whole, or the message is at fault.
func TestInflateTruncatedBlock(t *testing.T) {
	for missing := range 12 {
		for _, final := range []byte{0, 1} {
			compressed := []byte{final, byte(missing + 2), 0, ^byte(missing + 2), 0xff, 'o', 'k'}
			want := error(ErrDeflate)
			if missing == len(deflateTail) || missing == 0 && final == 1 {
				want = nil
			}
			wire := append(AppendDeflatedHeader(nil, true, Binary, len(compressed)), compressed...)
			cfg := unlimited(Client, new(testPool))
			cfg.Inflater = NewInflater(DeflateParams{}, Client)
			if o := decodePieces(t, cfg, wire); o.err != want {
				t.Errorf("%d octets missing, BFINAL %d: %v, %v; want %v", missing, final, o.events, o.err, want)
			}
			cfg = streamingConfig(Client, new(testPool), Streaming{Max: 100})
			cfg.Inflater = NewInflater(DeflateParams{}, Client)
			if o, _ := decodeChunks(t, newDecoder(cfg), wire, 3, 1); o.err != want {
				t.Errorf("%d octets missing, BFINAL %d, in chunks: %v, %v; want %v", missing, final, o.events, o.err, want)
			}
		}
	}
}

// FuzzStreamInflate: a compressed message in any pieces gives in chunks what it gives whole, or the same error; and
// so does what it leaves in the window.
func FuzzStreamInflate(f *testing.F) {
	for n, sample := range deflateSamples {
		f.Add(stdDeflate(f, sample.make(300), nil, false), []byte("window"), []byte{1, 5}, uint16(n*70), uint16(300), n%2 == 0)
		f.Add(stdDeflate(f, sample.make(900), nil, true), []byte("window"), []byte{100, 3}, uint16(0), uint16(900), false)
	}
	f.Add([]byte(deflatedStored), []byte{}, []byte{1, 1, 1, 1}, uint16(3), uint16(5), true)
	f.Add(unhex("4b 04 00 4b 02 00 00"), []byte{}, []byte{}, uint16(0), uint16(2), true)
	f.Add(unhex("f2 00 11 00 00"), []byte("Hello"), []byte{2}, uint16(0), uint16(9), true)
	f.Fuzz(func(t *testing.T, compressed, window, cuts []byte, from, limit uint16, text bool) {
		if len(compressed) > 1<<10 {
			return
		}
		op := Binary
		if text {
			op = Text
		}
		wire := append(AppendDeflatedHeader(nil, true, op, len(compressed)), compressed...)
		head := len(wire) - len(compressed)
		cfg := unlimited(Client, new(testPool))
		cfg.MaxMessage = uint64(limit)
		cfg.Inflater = &Inflater{size: 1 << 15, window: slices.Clone(window)}
		whole := decodePieces(t, cfg, wire)
		lengths := append([]int{head}, lengthsOf(cuts, len(compressed))...)
		pool := new(testPool)
		streamed := streamingConfig(Client, pool, Streaming{From: uint64(from), Max: uint64(limit)})
		streamed.Inflater = &Inflater{size: 1 << 15, window: slices.Clone(window)}
		o, _ := decodeChunks(t, newDecoder(streamed), wire, lengths...)
		if o.err != whole.err || !slices.Equal(o.events, whole.events) {
			t.Fatalf("%x in %v: %v, %v; whole %v, %v", compressed, lengths, o.events, o.err, whole.events, whole.err)
		}
		if !bytes.Equal(streamed.Inflater.window, cfg.Inflater.window) {
			t.Fatalf("the window has %d bytes, whole %d", len(streamed.Inflater.window), len(cfg.Inflater.window))
		}
		pool.wantNoneLent(t)
	})
}

// Streaming allocates nothing, however long the message is.
func TestStreamAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets under the race detector")
	}
	payload := compressible(200_000)
	for _, bits := range []uint8{0, 15} {
		cfg := streamingConfig(Client, new(onePool), Streaming{From: 100, Max: 1 << 20})
		wire := AppendFrame(nil, Text, payload)
		if bits > 0 {
			cfg.Inflater = NewInflater(noTakeover, Client)
			wire = (&Deflate{}).NewDeflater(noTakeover, Server).AppendFrame(nil, Text, payload)
		}
		d := newDecoder(cfg)
		n := testing.AllocsPerRun(50, func() {
			got := 0
			for piece := range slices.Chunk(wire, 4000) {
				for {
					m, n, err := d.Decode(piece)
					if err != nil {
						t.Fatal(err)
					}
					if m.Opcode == Continuation {
						break
					}
					got += len(m.Payload)
					piece = piece[n:]
				}
			}
			if got != len(payload) {
				t.Fatalf("%d bytes of %d", got, len(payload))
			}
		})
		if n != 0 {
			t.Error(fmt.Sprint("deflated: ", bits > 0, ": a message allocates ", n, " times"))
		}
	}
}
