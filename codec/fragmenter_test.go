package codec

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// TestFragmenter holds exactly what is sent.
func TestFragmenter(t *testing.T) {
	f := NewFragmenter(Text, Server, nil)
	wire := f.Append([]byte("dst"), []byte("Hel"), false)
	wire = f.Append(wire, nil, false)
	wire = f.Append(wire, []byte(exactly126), false)
	wire = f.Append(wire, []byte("lo"), true)
	want := slices.Concat([]byte("dst\x01\x03Hel\x00\x00\x00\x7e\x00\x7e"), []byte(exactly126), []byte("\x80\x02lo"))
	if !bytes.Equal(wire, want) {
		t.Errorf("% x, want % x", wire, want)
	}
	if one := NewFragmenter(Binary, Server, nil).Append(nil, nil, true); !bytes.Equal(one, []byte{0x82, 0}) {
		t.Errorf("an empty message is % x", one)
	}
}

// A client's fragments are masked, each with a key of its own (RFC 6455 5.3).
func TestFragmenterMasks(t *testing.T) {
	f := NewFragmenter(Text, Client, nil)
	keys := make(map[string]bool)
	for i := range 8 {
		frame := f.Append(nil, []byte("Hello"), i == 7)
		key := [4]byte(frame[2:])
		keys[string(key[:])] = true
		if maskBytes(frame[6:], key); frame[1] != bitMask|5 || string(frame[6:]) != "Hello" {
			t.Errorf("fragment %d: % x", i, frame)
		}
	}
	if len(keys) < 7 {
		t.Errorf("%d keys for 8 fragments", len(keys))
	}
}

// RSV1 is set on the first fragment only, and of a message that is a single short one on none (RFC 7692 6).
func TestFragmenterRSV1(t *testing.T) {
	d := (&Deflate{}).NewDeflater(noTakeover, Server)
	f := NewFragmenter(Binary, Server, d)
	for i, want := range []byte{0x42, 0x00, 0x00, 0x80} {
		if frame := f.Append(nil, compressible(i*200), i == 3); frame[0] != want || len(frame) > 150 {
			t.Errorf("fragment %d: % x, of %d bytes", i, frame[0], len(frame))
		}
	}
	if frame := NewFragmenter(Text, Server, d).Append(nil, []byte("Hello"), true); string(frame) != "\x81\x05Hello" {
		t.Errorf("a short message: % x", frame)
	}
	f = NewFragmenter(Text, Server, d)
	f.Append(nil, []byte("Hello"), false)
	if frame := f.Append(nil, nil, true); string(frame) != "\x80\x01\x00" { // 7.2.3.6
		t.Errorf("the end of a message: % x", frame)
	}
}

// A fragment can be decompressed as soon as it is there, and refers to those before it.
func TestFragmenterFlushes(t *testing.T) {
	d := (&Deflate{}).NewDeflater(noTakeover, Server)
	cfg := streamingConfig(Client, new(testPool), Streaming{Max: 1 << 20})
	cfg.Inflater = NewInflater(noTakeover, Client)
	dec := newDecoder(cfg)
	defer dec.Release()
	f := NewFragmenter(Binary, Server, d)
	noise := deflateSamples[4].make(1000)
	for i := range 5 {
		frame := f.Append(nil, noise, false)
		if i > 0 && len(frame) > 100 {
			t.Errorf("fragment %d, the same again, has %d bytes", i, len(frame))
		}
		if m, _, err := dec.Decode(frame); err != nil || !bytes.Equal(m.Payload, noise) {
			t.Fatalf("fragment %d: %d bytes, %v", i, len(m.Payload), err)
		}
		_, _, _ = dec.Decode(nil)
	}
}

// FuzzFragmenter: what is sent in fragments is the message, in any parameters, and leaves the same context behind
// as a message that is sent whole.
func FuzzFragmenter(f *testing.F) {
	f.Add([]byte("Hello, hello, hello"), []byte{3, 0}, uint8(0), true, true)
	f.Add(compressible(900), []byte{100, 2, 50}, uint8(9), false, true)
	f.Add(pattern(900), []byte{255, 255}, uint8(15), true, false)
	f.Add(longestSeed, []byte{255, 1, 200}, uint8(1), true, true)
	f.Fuzz(func(t *testing.T, payload, cuts []byte, bits uint8, takeover, deflate bool) {
		p := paramsOf(takeover, minWindowBits+bits%8)
		var d *Deflater
		if deflate {
			d = (&Deflate{Threshold: -1, Context: 1 << 12}).NewDeflater(p, Server)
		}
		reversed := slices.Clone(payload) // so that it matters which of the two a distance leads to
		slices.Reverse(reversed)
		var wire []byte
		var want []event
		for range 3 {
			f := NewFragmenter(Binary, Server, d)
			rest := payload
			for _, n := range lengthsOf(cuts, len(payload)) {
				wire = f.Append(wire, rest[:n], false)
				wire = AppendFrame(wire, Ping, nil)
				want = append(want, event{Ping, ""})
				rest = rest[n:]
			}
			wire = f.Append(wire, nil, true)
			if deflate {
				wire = d.AppendFrame(wire, Binary, reversed)
			} else {
				wire = AppendFrame(wire, Binary, reversed)
			}
			want = append(want, event{Binary, string(payload)}, event{Binary, string(reversed)})
		}
		cfg := unlimited(Client, new(testPool))
		cfg.Inflater = NewInflater(p, Client)
		if o := decodePieces(t, cfg, wire); o.err != nil || !slices.Equal(o.events, want) {
			t.Fatalf("%v: %d messages of %d, %v", p, len(o.events), len(want), o.err)
		}
	})
}

var longestSeed = bytes.Repeat([]byte("Weir "), 2000)

// No distance is longer than the window that was agreed on.
func TestFragmenterWindow(t *testing.T) {
	eachDeflateParams(t, func(t *testing.T, p DeflateParams) {
		_, bits := p.of(Server)
		d := (&Deflate{Threshold: -1, Context: 1 << 15}).NewDeflater(p, Server)
		var window []byte
		for round, n := range []int{100, 60, 3000, 40_000} {
			f := NewFragmenter(Binary, Server, d)
			var message, payload []byte
			for i := range 6 {
				part := slices.Concat(pattern(n)[:n/2], compressible(n/2+i))
				message = append(message, part...)
				frame := f.Append(nil, part, i == 5)
				payload = append(payload, frame[HeaderLen(Server, frameLength(frame)):]...)
			}
			got, err := traceInflate(payload, window, 1<<bits)
			if err != nil || !bytes.Equal(got.message, message) {
				t.Fatalf("round %d: %d bytes of %d, %v", round, len(got.message), len(message), err)
			}
			if d.Takeover() {
				window = slideWindow(window, message, 1<<bits)
			}
		}
	})
}

// frameLength is the length of the payload of a server's frame.
func frameLength(frame []byte) int {
	for _, h := range []int{2, 4, 10} {
		if n := len(frame) - h; HeaderLen(Server, n) == h {
			return n
		}
	}
	panic(fmt.Sprintf("% x is no frame", frame))
}

func TestFragmenterAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets under the race detector")
	}
	for _, role := range roles {
		for _, d := range []*Deflater{nil, (&Deflate{}).NewDeflater(noTakeover, role)} {
			f := NewFragmenter(Binary, role, d)
			part := compressible(30_000)
			wire := make([]byte, 0, 64<<10)
			if n := testing.AllocsPerRun(50, func() { wire = f.Append(wire[:0], part, false) }); n != 0 {
				t.Errorf("%v, deflated: %t: a fragment allocates %v times", role, d != nil, n)
			}
		}
	}
}
