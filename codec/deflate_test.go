package codec

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// deflateSamples are kinds of payload, each in any length.
var deflateSamples = []struct {
	name string
	make func(n int) []byte
}{
	{"zeros", func(n int) []byte { return make([]byte, n) }},
	{"json", func(n int) []byte { return sampleText(sampleTexts[1].line, n) }},
	{"words", func(n int) []byte { return sampleText(sampleTexts[0].line, n) }},
	{"pattern", pattern},
	{"noise", func(n int) []byte {
		random := rand.New(rand.NewPCG(3, uint64(n)))
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		return p
	}},
	{farRepeats, func(n int) []byte { // at distances around every size of a window, 8 KiB of each
		random := rand.New(rand.NewPCG(4, uint64(n)))
		var p []byte
		for len(p) < n {
			if back := 1<<(8+len(p)>>13&7) - 2 + random.IntN(5); back <= len(p) {
				p = append(p, p[len(p)-back:len(p)-back+min(back, 20)]...)
			}
			p = append(p, word(random, 'a', 'z')...)
		}
		return p[:n]
	}},
}

const farRepeats = "far repeats"

var deflateLengths = []int{0, 1, 2, 12, 31, 64, 127, 128, 129, 255, 256, 257, 1000, 4096, 32767, 32769}

// paramsOf returns parameters with which the server compresses like that.
func paramsOf(takeover bool, bits uint8) DeflateParams {
	return DeflateParams{ServerNoContextTakeover: !takeover, ClientNoContextTakeover: true, ServerMaxWindowBits: bits}
}

// eachDeflateParams calls f with every way that there is for a server to compress.
func eachDeflateParams(t *testing.T, f func(t *testing.T, p DeflateParams)) {
	for bits := uint8(minWindowBits); bits <= maxWindowBits; bits++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("takeover=%t/bits=%d", takeover, bits), func(t *testing.T) { f(t, paramsOf(takeover, bits)) })
		}
	}
}

// stdInflate decompresses what was compressed without context takeover with the standard library.
func stdInflate(compressed, window []byte) ([]byte, error) {
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(compressed), strings.NewReader(deflateTail+"\x01"+deflateTail)), window)
	return io.ReadAll(r)
}

// RFC 7692 7.2.3: the examples. Each is to be read after those before it of the same row.
func TestInflateExamples(t *testing.T) {
	hello := "48 65 6c 6c 6f"
	for _, row := range []struct {
		rule     string
		messages []string
		want     string
	}{
		{"7.2.3.1 one block", []string{"f2 48 cd c9 c9 07 00"}, hello},
		{"7.2.3.2 with the window of the message before", []string{"f2 48 cd c9 c9 07 00", "f2 00 11 00 00"}, hello},
		{"7.2.3.3 a block without compression", []string{"00 05 00 fa ff 48 65 6c 6c 6f 00"}, hello},
		{"7.2.3.4 BFINAL set", []string{"f3 48 cd c9 c9 07 00 00"}, hello},
		{"7.2.3.4 BFINAL set, nothing added", []string{"f3 48 cd c9 c9 07 00"}, hello},
		{"7.2.3.5 two blocks", []string{"f2 48 05 00 00 00 ff ff ca c9 c9 07 00"}, hello},
		{"7.2.3.6 empty message", []string{"00"}, ""},
		{"7.2.3.6 empty message, of a fixed block", []string{"02 00"}, ""},
		{"7.2.1 nothing at all is an empty message", []string{"03 00"}, ""},
		{"7.2.1 two blocks with BFINAL set", []string{"4b 04 00 4b 02 00 00"}, "61 62"},
		{"7.2.1 empty block with BFINAL set before the message", []string{"03 00 f2 48 cd c9 c9 07 00"}, hello},
		{"7.2.1 BFINAL set in a block without compression", []string{"01 05 00 fa ff 48 65 6c 6c 6f 00"}, hello},
		{"7.2.1 BFINAL set, then a reference to the window", []string{"f3 48 cd c9 c9 07 00 00", "f2 00 11 00 00"}, hello},
		{"7.2.2 BFINAL set in the block that is cut off", []string{"01"}, ""},
	} {
		i := NewInflater(DeflateParams{}, Server)
		var got []byte
		for _, m := range row.messages {
			var err error
			if got, err = i.AppendMessage(nil, unhex(m), 5, true); err != nil {
				t.Errorf("%s: % s: %v", row.rule, m, err)
			}
		}
		if !bytes.Equal(got, unhex(row.want)) {
			t.Errorf("%s: %q", row.rule, got)
		}
	}
}

// A reference in a stream after a block with BFINAL set may go back to the window of the messages before.
func TestInflateWindowAcrossStreams(t *testing.T) {
	for _, n := range []int{40, 1000, 40000} {
		i := NewInflater(DeflateParams{}, Server)
		first, second := deflateSamples[4].make(n), deflateSamples[4].make(2 * n)[n:]
		for _, p := range [][]byte{first, second} {
			if _, err := i.AppendMessage(nil, stdDeflate(t, p, nil, false), 1<<20, false); err != nil {
				t.Fatal(err)
			}
		}
		history := append(bytes.Clone(first), second...)
		message := stdDeflate(t, second[:n/2], history, true)
		message = append(message, stdDeflate(t, first[n/2:], append(history, second[:n/2]...), false)...)
		got, err := i.AppendMessage(nil, message, 1<<20, false)
		if want := append(bytes.Clone(second[:n/2]), first[n/2:]...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes, %v", n, len(got), err)
		}
	}
}

// stdDeflate compresses with the standard library; final ends the stream with BFINAL set.
func stdDeflate(t testing.TB, p, window []byte, final bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, 9, window)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(p); err != nil {
		t.Fatal(err)
	}
	if final {
		if err = w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if err = w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte(deflateTail))
}

// What is compressed comes back, message after message; and a decompressor that knows no larger window than was
// agreed on understands it.
func TestDeflateRoundTrip(t *testing.T) {
	eachDeflateParams(t, func(t *testing.T, p DeflateParams) {
		takeover, bits := p.of(Server)
		size := 1 << bits
		for _, sample := range deflateSamples {
			d := (&Deflate{Context: 1 << 15}).NewDeflater(p, Server)
			i := NewInflater(p, Client)
			var window []byte
			farthest := 0
			lengths := deflateLengths
			if sample.name == farRepeats {
				lengths = []int{100000, 500}
			}
			for _, n := range lengths {
				payload := sample.make(n)
				compressed := d.AppendMessage([]byte("before"), payload)
				if !bytes.HasPrefix(compressed, []byte("before")) {
					t.Fatalf("%s: what stood in dst is gone", sample.name)
				}
				compressed = compressed[len("before"):]
				got, err := i.AppendMessage(nil, compressed, uint64(n), false)
				if err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("%s of %d bytes: got %d, %v", sample.name, n, len(got), err)
				}
				traced, err := traceInflate(compressed, window, size)
				if err != nil || !bytes.Equal(traced.message, payload) {
					t.Fatalf("%s of %d bytes, in a window of exactly %d: got %d, %v", sample.name, n, size, len(traced.message), err)
				}
				if traced.finals != 0 {
					t.Errorf("%s of %d bytes has %d blocks with BFINAL", sample.name, n, traced.finals)
				}
				farthest = max(farthest, traced.farthest)
				if takeover {
					window = slideWindow(window, payload, size)
				}
			}
			if sample.name == farRepeats && farthest <= size/2 {
				t.Errorf("no distance is above %d: the window of %d is not tried", farthest, size)
			}
		}
	})
}

// A short message repeats what is just beyond the window by the time it comes, and just within.
func TestDeflateShortMessageInWindow(t *testing.T) {
	for bits := uint8(minWindowBits); bits < maxWindowBits; bits++ {
		size := 1 << bits
		d := (&Deflate{Context: size}).NewDeflater(paramsOf(true, bits), Server)
		first := deflateSamples[4].make(size)
		d.AppendMessage(nil, first)
		second := slices.Concat(pattern(40), first[:30], first[140:180])
		traced, err := traceInflate(d.AppendMessage(nil, second), first, size)
		if err != nil || !bytes.Equal(traced.message, second) {
			t.Errorf("%d bits: %v", bits, err)
		}
		if bits < 13 && traced.farthest < size-80 { // flate.StatelessDeflate looks back 8 KiB at most
			t.Errorf("%d bits: what is within the window is not found: the largest distance is %d", bits, traced.farthest)
		}
	}
}

// Short messages are compressed by other means: with context takeover an allocation each, without none.
func TestDeflateShortMessageAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has sync.Pool forget")
	}
	for _, takeover := range []bool{false, true} {
		d := (&Deflate{Threshold: 1}).NewDeflater(paramsOf(takeover, 15), Server)
		message := []byte(strings.Repeat("short ", 20))
		out := d.AppendFrame(make([]byte, 0, 1000), Text, message)
		want := 0.0
		if takeover {
			want = 1
		}
		if n := testing.AllocsPerRun(100, func() { d.AppendFrame(out[:0], Text, message) }); n != want || out[0] != 0xc1 {
			t.Errorf("takeover %t: %v allocations, want %v", takeover, n, want)
		}
	}
}

// RFC 7692 7.2.3.6.
func TestDeflateEmptyMessage(t *testing.T) {
	eachDeflateParams(t, func(t *testing.T, p DeflateParams) {
		d := new(Deflate).NewDeflater(p, Server)
		for range 2 {
			if got := d.AppendMessage(nil, nil); !bytes.Equal(got, []byte{0}) {
				t.Errorf("the empty message becomes % x", got)
			}
			d.AppendMessage(nil, pattern(500))
		}
	})
}

// With context takeover a message that resembles the one before costs little; without, each costs the same.
func TestDeflateTakeoverPays(t *testing.T) {
	for bits := uint8(10); bits <= maxWindowBits; bits++ {
		for _, n := range []int{100, 400} {
			payload := sampleText(sampleTexts[1].line, n)
			length := func(takeover bool) (first, second int) {
				d := new(Deflate).NewDeflater(paramsOf(takeover, bits), Server)
				if d.Takeover() != takeover {
					t.Errorf("Takeover() = %t", d.Takeover())
				}
				return len(d.AppendMessage(nil, payload)), len(d.AppendMessage(nil, payload))
			}
			if first, second := length(true); second*4 > first {
				t.Errorf("%d bits, %d bytes: %d and then %d bytes with context takeover", bits, n, first, second)
			}
			if first, second := length(false); second != first {
				t.Errorf("%d bits, %d bytes: %d and then %d bytes without", bits, n, first, second)
			}
		}
	}
}

// What a connection keeps is what was asked for at most.
func TestDeflateMemory(t *testing.T) {
	eachDeflateParams(t, func(t *testing.T, p DeflateParams) {
		takeover, bits := p.of(Server)
		for _, context := range []int{-1, 0, 100, 5000, 1 << 20} {
			c := &Deflate{Context: context}
			d, i := c.NewDeflater(p, Server), NewInflater(p, Client)
			if i.Takeover() != takeover {
				t.Errorf("Takeover() = %t", i.Takeover())
			}
			for _, n := range deflateLengths {
				if _, err := i.AppendMessage(nil, d.AppendMessage(nil, pattern(n)), 1<<20, false); err != nil {
					t.Fatal(err)
				}
			}
			want := context
			if context == 0 {
				want = defaultContext
			}
			want = min(max(want, 0), 1<<bits)
			if !takeover {
				want = 0
			}
			if cap(d.sent) > want || len(d.sent) != want {
				t.Errorf("Context %d: keeps %d of %d bytes, want %d", context, len(d.sent), cap(d.sent), want)
			}
			want = 0
			if takeover {
				want = 1 << max(bits, 9)
			}
			if n := c.Memory(p, Server); n != d.context {
				t.Errorf("Context %d: the server keeps %d bytes, not %d", context, d.context, n)
			}
			if n := c.Memory(p, Client); n != want {
				t.Errorf("the client keeps %d bytes, not %d", want, n)
			}
			if cap(i.window) > want || len(i.window) != want {
				t.Errorf("the window has %d of %d bytes, want %d", len(i.window), cap(i.window), want)
			}
		}
	})
}

func TestSlideWindow(t *testing.T) {
	var all, window []byte
	for n := range 300 {
		p := bytes.Repeat([]byte{byte(n)}, n%70)
		all = append(all, p...)
		window = slideWindow(window, p, 1000)
		if want := all[max(0, len(all)-1000):]; !bytes.Equal(window, want) || cap(window) > 1000 {
			t.Fatalf("after %d: %d bytes, room for %d", n, len(window), cap(window))
		}
	}
}

func TestDeflateThreshold(t *testing.T) {
	for _, row := range []struct {
		threshold int
		takeover  bool
		from      int
	}{
		{0, false, 256},
		{0, true, 128},
		{1000, false, 1000},
		{1000, true, 1000},
		{1, false, 1},
		{-1, false, 0},
		{-1, true, 0},
	} {
		d := (&Deflate{Threshold: row.threshold}).NewDeflater(paramsOf(row.takeover, 15), Server)
		for n := range 1100 {
			if d.Wants(n) != (n >= row.from) {
				t.Errorf("Threshold %d, takeover %t: Wants(%d) = %t", row.threshold, row.takeover, n, d.Wants(n))
			}
		}
	}
}
