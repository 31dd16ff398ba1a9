package codec

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// inflateFault is a row of a table of what is not a message, or not one within the limit of 1,000 bytes, behind a
// window of one byte.
type inflateFault struct {
	rule       string
	compressed string
	err        error
}

func allInflateFaults(t *testing.T) []inflateFault {
	big := string(stdDeflate(t, make([]byte, 1001), nil, false))
	text := func(s string) string { return string(stdDeflate(t, []byte(s), nil, false)) }
	// The header of a block with codes of its own: BFINAL, BTYPE, HLIT, HDIST, HCLEN (RFC 1951 3.2.7), and the lengths
	// of the codes for 16, 17, 18 and 0.
	header := func(literals, distances int, more ...bitRun) string {
		return packed(append([]bitRun{{0, 1}, {2, 2}, {literals, 5}, {distances, 5}, {0, 4}}, more...)...)
	}
	// The same with a code for the lengths 1 (the bit 0) and 18 (the bit 1).
	ones := []bitRun{{0, 1}, {2, 2}, {0, 5}, {0, 5}, {14, 4}, {0, 6}, {1, 3}, {0, 42}, {1, 3}}
	return []inflateFault{
		{"3.2.7 more literals than there are", header(30, 0), ErrDeflate},
		{"3.2.7 more distances than there are", header(0, 30), ErrDeflate},
		{"3.2.2 more codes than there can be", header(0, 0, bitRun{1, 3}, bitRun{1, 3}, bitRun{1, 3}, bitRun{0, 3}), ErrDeflate},
		{"3.2.2 fewer codes than there must be", header(0, 0, bitRun{2, 3}, bitRun{0, 3}, bitRun{0, 3}, bitRun{2, 3}), ErrDeflate},
		{"3.2.7 a repetition of nothing", header(0, 0, bitRun{1, 3}, bitRun{0, 3}, bitRun{0, 3}, bitRun{1, 3}, bitRun{1, 1}, bitRun{0, 2}), ErrDeflate},
		{"3.2.7 more lengths than were announced", header(0, 0, bitRun{0, 3}, bitRun{0, 3}, bitRun{1, 3}, bitRun{1, 3}, bitRun{255, 8}, bitRun{255, 8}), ErrDeflate},
		{"3.2.2 more literals than their code can have", packed(append(ones, bitRun{0, 3}, bitRun{1, 1}, bitRun{127, 7}, bitRun{1, 1}, bitRun{106, 7})...), ErrDeflate},
		{"3.2.2 a length that the only code of one bit is not", header(0, 0, bitRun{0, 3}, bitRun{0, 3}, bitRun{1, 3}, bitRun{0, 3}, bitRun{0xffffff, 24}), ErrDeflate},
		{"3.2.6 literal 286", packed(bitRun{0, 1}, bitRun{1, 2}, bitRun{0x63, 8}), ErrDeflate},
		{"3.2.6 distance 30", packed(bitRun{0, 1}, bitRun{1, 2}, bitRun{0x40, 7}, bitRun{0x0f, 5}), ErrDeflate},
		{"7.2.2 no byte", "", ErrDeflate},
		{"7.2.2 block of type 3", "\x06", ErrDeflate},
		{"7.2.2 block of type 3 after a message", text("Hello") + "\x06", ErrDeflate},
		{"7.2.2 length and complement", "\x00\x05\x00\x05\x00Hello\x00", ErrDeflate},
		{"7.2.2 distance before the beginning", "\xf2\x00\x11\x00\x00", ErrDeflate},
		{"7.2.2 truncated in a code", "\xf2\x48\xcd", ErrDeflate},
		{"7.2.2 truncated before the last byte", "\xf2\x48\xcd\xc9\xc9\x07", ErrDeflate},
		{"7.2.2 truncated in a block with BFINAL set", "\xf3\x48\xcd\xc9\xc9\x07", ErrDeflate},
		{"7.2.2 truncated in a block without compression", "\x00\x0c\x00\xf3\xffHe", ErrTextUTF8},
		{"7.2.2 truncated by much in a block without compression", "\x00\x0c\x01\xf3\xfe", ErrTextUTF8},
		{"7.2.2 truncated in a block with a code", text("Hello, hello")[:8], ErrDeflate},
		{"7.2.2 truncated in a length", "\x00\x05", ErrDeflate},
		{"7.2.2 bytes after the end that are no block", text("Hello") + "Hello", ErrDeflate},
		{"7.2.1 bytes after BFINAL that are no block", "\xf3\x48\xcd\xc9\xc9\x07\x00Hello", ErrDeflate},
		{"7.2.1 truncated after BFINAL", "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48", ErrDeflate},
		{"1 byte more than the limit", big, ErrMessageTooBig},
		{"1 byte more than the limit, then corrupt", big[:len(big)-1] + "\x06", ErrMessageTooBig},
		{"1 byte more than the limit, in a second stream", string(stdDeflate(t, make([]byte, 1000), nil, true)) + text("a"), ErrMessageTooBig},
		{"8.1 not UTF-8", text("Hell\xff"), ErrTextUTF8},
		{"8.1 ends in a code point", text("Hell\xc3"), ErrTextUTF8},
		{"8.1 not UTF-8, then too long", text("\xff" + strings.Repeat("x", 1000)), ErrTextUTF8},
		{"8.1 too long, then not UTF-8", text(strings.Repeat("x", 1001) + "\xff"), ErrMessageTooBig},
		{"8.1 not UTF-8, then corrupt", "\x00\x01\x00\xfe\xff\xff\x06", ErrTextUTF8},
		{"8.1 in a code point, then corrupt", "\x00\x01\x00\xfe\xff\xc3\x06", ErrDeflate},
		{"8.1 code point over two blocks, not UTF-8", "\x00\x01\x00\xfe\xff\xc3\x00\x01\x00\xfe\xff\x28\x00", ErrTextUTF8},
	}
}

// bitRun is the lowest n bits of v.
type bitRun struct{ v, n int }

// packed puts bits together to bytes, each from its least significant bit on (RFC 1951 3.1.1).
func packed(all ...bitRun) string {
	var b []byte
	at := 0
	for _, x := range all {
		for i := range x.n {
			if at%8 == 0 {
				b = append(b, 0)
			}
			b[at/8] |= byte(x.v>>i&1) << (at % 8)
			at++
		}
	}
	return string(b)
}

func TestInflateFaults(t *testing.T) {
	for _, row := range allInflateFaults(t) {
		t.Run(row.rule, func(t *testing.T) {
			i := NewInflater(DeflateParams{}, Server)
			i.window = []byte{'w'} // a distance of more than 1 is too far
			for _, room := range []int{0, 1, 10, 999, 1000, 1001, 5000} {
				dst := append(make([]byte, 0, room+4), "kept"...)
				got, err := i.AppendMessage(dst, []byte(row.compressed), 1000, true)
				if err != row.err || string(got) != "kept" {
					t.Errorf("room for %d: %q, %v; want %v", room, got, err, row.err)
				}
				if string(i.window) != "w" {
					t.Errorf("room for %d: the window has changed", room)
				}
			}
		})
	}
}

// A message of just the limit is within it, however much room there was.
func TestInflateLimit(t *testing.T) {
	i := NewInflater(paramsOf(false, 15), Client)
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 40000, 65536} {
		want := sampleText(sampleTexts[0].line, n)
		compressed := stdDeflate(t, want, nil, false)
		for _, room := range []int{0, 1, n / 2, max(n-1, 0), n, n + 1, 2 * n} {
			got, err := i.AppendMessage(make([]byte, 0, room), compressed, uint64(n), true)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes in room for %d: got %d, %v", n, room, len(got), err)
			}
			if cap(got) > max(n, room) {
				t.Errorf("%d bytes in room for %d: grew to %d", n, room, cap(got))
			}
			if n == 0 {
				continue
			}
			if _, err = i.AppendMessage(make([]byte, 0, room), compressed, uint64(n-1), true); err != ErrMessageTooBig {
				t.Errorf("%d bytes with the limit 1 below: %v", n, err)
			}
		}
	}
}

// Each cut of a message is refused, or is a message that both decoders agree on.
func TestInflateTruncated(t *testing.T) {
	for _, sample := range deflateSamples {
		compressed := new(Deflate).NewDeflater(paramsOf(false, 15), Server).AppendMessage(nil, sample.make(700))
		refused := 0
		for n := range compressed {
			got, err := NewInflater(DeflateParams{}, Server).AppendMessage(nil, compressed[:n], 1<<20, false)
			traced, slow := traceInflate(compressed[:n], nil, 1<<15)
			if err == nil && slow == nil && !bytes.Equal(got, traced.message) || err == nil && slow != nil {
				t.Errorf("%s cut at %d: %d bytes, but %v", sample.name, n, len(got), slow)
			}
			if err != nil {
				refused++
			}
		}
		if refused < len(compressed)*9/10 {
			t.Errorf("%s: only %d of %d cuts are refused", sample.name, refused, len(compressed))
		}
	}
}

// A bomb of 1000:1 is not inflated beyond the limit.
func TestInflateBomb(t *testing.T) {
	const limit = 1 << 20
	bomb := bytes.Repeat(append(stdDeflate(t, make([]byte, 1<<20), nil, false), deflateTail...), 20)
	if ratio := (20 << 20) / len(bomb); ratio < 900 {
		t.Fatalf("only %d:1", ratio)
	}
	i := NewInflater(DeflateParams{}, Server)
	inflate := func() {
		if got, err := i.AppendMessage(nil, bomb, limit, false); err != ErrMessageTooBig || cap(got) > limit {
			t.Errorf("%v, and room for %d bytes", err, cap(got))
		}
	}
	inflate()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	inflate()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 3*limit { // the buffer has doubled on the way
		t.Errorf("%d bytes allocated", n)
	}
	if len(i.window) != 0 {
		t.Errorf("%d bytes kept", len(i.window))
	}
}

// FuzzInflate holds the decompressor against the slow one, for bytes from anywhere.
func FuzzInflate(f *testing.F) {
	for _, sample := range deflateSamples {
		f.Add(stdDeflate(f, sample.make(300), nil, false), []byte("window"), uint16(300), true)
		f.Add(stdDeflate(f, sample.make(300), nil, true), []byte("window"), uint16(200), false)
	}
	f.Add(unhex("4b 04 00 4b 02 00 00"), []byte{}, uint16(2), true)
	f.Add(unhex("f2 00 11 00 00"), []byte("Hello"), uint16(9), true)
	f.Add(unhex("01"), []byte{}, uint16(0), true)
	f.Fuzz(func(t *testing.T, compressed, window []byte, limit uint16, text bool) {
		if len(compressed) > 1<<10 {
			return
		}
		i := &Inflater{size: 1 << 15, window: slices.Clone(window)}
		got, err := i.AppendMessage(nil, compressed, uint64(limit), text)
		if cap(got) > int(limit) {
			t.Fatalf("room for %d bytes with a limit of %d", cap(got), limit)
		}
		traced, slow := traceInflate(compressed, window, 1<<15)
		n := len(traced.message)
		switch {
		case err == nil && (slow != nil && traced.finals == 0 || slow == nil && !bytes.Equal(got, traced.message)):
			t.Errorf("%d bytes, but the slow decoder says %d, %v", len(got), n, slow)
		case err == nil && text && !ValidUTF8(got):
			t.Error("not UTF-8")
		case err == ErrDeflate && slow == nil:
			t.Errorf("refused, but the slow decoder says %d bytes", n)
		case err == ErrMessageTooBig && slow == nil && n <= int(limit):
			t.Errorf("%d bytes are too many for %d", n, limit)
		case err == ErrTextUTF8 && slow == nil && ValidUTF8(traced.message):
			t.Error("valid UTF-8 is refused")
		}
		if err != nil && !bytes.Equal(i.window, window) {
			t.Error("the window has changed")
		}
	})
}

// FuzzDeflate: whatever is sent, the standard library reads it as well, in any window; and no two messages get
// mixed up.
func FuzzDeflate(f *testing.F) {
	for _, sample := range deflateSamples {
		f.Add(sample.make(200), sample.make(300), uint8(9), true)
		f.Add(sample.make(100), sample.make(900), uint8(15), false)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, bits uint8, takeover bool) {
		bits = minWindowBits + bits%8
		p := paramsOf(takeover, bits)
		d, i := (&Deflate{Context: 1 << 15}).NewDeflater(p, Server), NewInflater(p, Client)
		var window []byte
		for n, payload := range [][]byte{first, second, first, {}} {
			compressed := d.AppendMessage(nil, payload)
			if got, err := i.AppendMessage(nil, compressed, uint64(len(payload)), false); err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("message %d: %d bytes of %d, %v", n, len(got), len(payload), err)
			}
			if got, err := stdInflate(compressed, window); err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("message %d: compress/flate has %d bytes of %d, %v", n, len(got), len(payload), err)
			}
			if got, err := traceInflate(compressed, window, 1<<bits); err != nil || !bytes.Equal(got.message, payload) {
				t.Fatalf("message %d: a window of exactly %d bits: %v", n, bits, err)
			}
			if takeover {
				window = slideWindow(window, payload, 1<<bits)
			}
		}
	})
}
