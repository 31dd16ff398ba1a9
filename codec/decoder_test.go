package codec

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// exchange is a row of a table of what is allowed: frames, and what the decoder makes of them.
type exchange struct {
	rule   string // its section of RFC 6455, and the rule
	frames []frame
	want   []event
}

var (
	longText   = strings.Repeat("Grüße, 世界 ", 40)
	exactly125 = strings.Repeat("a", 125)
	exactly126 = strings.Repeat("b", 126)
	hello      = []event{{Text, "Hello"}}
)

var exchanges = []exchange{
	{"5.2 text", []frame{textHello}, hello},
	{"5.2 empty text", []frame{{"81 00", ""}}, []event{{Text, ""}}},
	{"5.2 empty binary", []frame{{"82 00", ""}}, []event{{Binary, ""}}},
	{"5.2 length 125", []frame{{"82 7d", exactly125}}, []event{{Binary, exactly125}}},
	{"5.2 length 126", []frame{{"81 7e 00 7e", exactly126}}, []event{{Text, exactly126}}},
	{"5.2 length 256", []frame{{"82 7e 01 00", strings.Repeat("\xff", 256)}}, []event{{Binary, strings.Repeat("\xff", 256)}}},
	{"5.2 no messages", nil, nil},
	{"5.2 messages in a row", []frame{textHello, {"82 01", "\x00"}, {"81 00", ""}, textHello}, []event{
		{Text, "Hello"}, {Binary, "\x00"}, {Text, ""}, {Text, "Hello"},
	}},

	{"5.4 two fragments", []frame{textHel, contLo}, hello},
	{"5.4 two messages of two fragments", []frame{textHel, contLo, textHel, contLo}, append(hello, hello...)},
	{"5.4 binary fragments", []frame{{"02 01", "\x80"}, {"00 01", "\x81"}, {"80 01", "\x82"}}, []event{{Binary, "\x80\x81\x82"}}},
	{"5.4 all fragments empty", []frame{{"01 00", ""}, {"00 00", ""}, {"80 00", ""}}, []event{{Text, ""}}},
	{"5.4 first fragment empty", []frame{{"01 00", ""}, {"80 05", "Hello"}}, hello},
	{"5.4 last fragment empty", []frame{{"01 05", "Hello"}, {"80 00", ""}}, hello},
	{"5.4 only the middle not empty", []frame{{"01 00", ""}, {"00 05", "Hello"}, {"80 00", ""}}, hello},
	{"5.4 long fragments", []frame{{"01 7e 00 7e", exactly126}, {"80 7e 00 7e", exactly126}}, []event{{Text, exactly126 + exactly126}}},
	{"5.4 ping between fragments", []frame{textHel, ping, contLo}, append([]event{{Ping, "up"}}, hello...)},
	{"5.4 empty ping between fragments", []frame{textHel, {"89 00", ""}, contLo}, append([]event{{Ping, ""}}, hello...)},
	{"5.4 ping and pong between fragments", []frame{textHel, ping, {"00 00", ""}, {"8a 01", "\xff"}, ping, contLo}, []event{
		{Ping, "up"}, {Pong, "\xff"}, {Ping, "up"}, {Text, "Hello"},
	}},
	{"5.4 ping before and after", []frame{ping, textHel, contLo, ping}, []event{{Ping, "up"}, {Text, "Hello"}, {Ping, "up"}}},
	{"5.4 ping within a letter", []frame{{"01 02", "a\xe4"}, ping, {"80 02", "\xb8\x96"}}, []event{{Ping, "up"}, {Text, "a世"}}},
	{"5.4 ping after an empty fragment", []frame{{"01 00", ""}, ping, {"80 05", "Hello"}}, append([]event{{Ping, "up"}}, hello...)},
	{"5.4 whole message behind an assembled one", []frame{textHel, contLo, {"82 01", "x"}}, append(hello, event{Binary, "x"})},
	{"5.4 close inside a message", []frame{textHel, {"88 02", "\x03\xe8"}}, []event{{Close, "\x03\xe8"}}},

	{"5.5 longest control frames", []frame{{"89 7d", exactly125}, {"8a 7d", exactly125}}, []event{{Ping, exactly125}, {Pong, exactly125}}},
	{"5.5.1 close without a body", []frame{{"88 00", ""}}, []event{{Close, ""}}},
	{"5.5.1 close with a code", []frame{{"88 02", "\x03\xe8"}}, []event{{Close, "\x03\xe8"}}},
	{"5.5.1 close with a reason", []frame{{"88 06", "\x0f\xa0g\xc3\xbct"}}, []event{{Close, "\x0f\xa0güt"}}},
	{"5.5.1 longest close", []frame{{"88 7d", "\x03\xe8" + longestReason}}, []event{{Close, "\x03\xe8" + longestReason}}},
	{"5.5.2 ping that is not text", []frame{{"89 02", "\xff\xfe"}}, []event{{Ping, "\xff\xfe"}}},
	{"5.5.3 unsolicited pong", []frame{{"8a 00", ""}}, []event{{Pong, ""}}},

	{"5.6 binary that is not text", []frame{{"82 03", "\xff\x00\xc0"}}, []event{{Binary, "\xff\x00\xc0"}}},
	{"5.6 letter across fragments", []frame{{"01 01", "\xf0"}, {"00 01", "\x9f"}, {"00 01", "\x98"}, {"80 01", "\x80"}}, []event{{Text, "😀"}}},
	{"5.6 long text", []frame{{"81 7e 01 2c", longText[:300]}}, []event{{Text, longText[:300]}}},
}

func TestExchanges(t *testing.T) {
	for _, role := range roles {
		for _, e := range exchanges {
			t.Run(role.String()+"/"+e.rule, func(t *testing.T) {
				wantEvents(t, *unlimited(role, nil), wireFor(role, e.frames...), e.want...)
			})
		}
	}
}

// Control frames in pieces inside a fragmented message, in every three pieces: each state is left and
// entered again while something else is unfinished.
func TestInterleavedInThreePieces(t *testing.T) {
	frames := []frame{textHel, {"89 03", "abc"}, {"00 02", "l\xc3"}, {"8a 00", ""}, {"80 01", "\xb6"}, {"88 03", "\x03\xe9x"}}
	want := []event{{Ping, "abc"}, {Pong, ""}, {Text, "Hellö"}, {Close, "\x03\xe9x"}}
	for _, role := range roles {
		wire := wireFor(role, frames...)
		for i := range wire {
			for j := range len(wire) - i {
				pool := new(testPool)
				o := decodePieces(t, unlimited(role, pool), wire, i, j)
				if o.err != nil || !slices.Equal(o.events, want) {
					t.Fatalf("% x to a %v in pieces of %d and %d: %v, %v", wire, role, i, j, o.events, o.err)
				}
				pool.wantNoneLent(t)
			}
		}
	}
}

// The lengths that take 2 and 8 bytes, at the edges of their ranges.
func TestExtendedLengths(t *testing.T) {
	tests := []struct {
		head string
		n    int
	}{
		{"82 7e ff ff", 65535},
		{"82 7f 00 00 00 00 00 01 00 00", 65536},
		{"82 7f 00 00 00 00 00 01 00 01", 65537},
	}
	for _, role := range roles {
		for _, tt := range tests {
			payload := string(pattern(tt.n))
			wire := wireFor(role, frame{tt.head, payload})
			for _, lengths := range [][]int{nil, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {4}, {10}, {14}, {len(wire) - 1}} {
				o := decodePieces(t, unlimited(role, new(testPool)), wire, lengths...)
				if o.err != nil || !slices.Equal(o.events, []event{{Binary, payload}}) {
					t.Errorf("%d bytes to a %v in %v: %d events, %v", tt.n, role, lengths, len(o.events), o.err)
				}
			}
		}
	}
}

// The examples of RFC 6455 5.7, byte for byte.
func TestDecodeRFCExamples(t *testing.T) {
	binary256, binary64K := string(pattern(256)), string(pattern(65536))
	tests := []struct {
		name string
		role Role
		wire []byte
		want []event
	}{
		{"unmasked text", Client, unhex("81 05 48 65 6c 6c 6f"), hello},
		{"masked text", Server, unhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), hello},
		{"fragmented unmasked text", Client, unhex("01 03 48 65 6c 80 02 6c 6f"), hello},
		{"unmasked ping", Client, unhex("89 05 48 65 6c 6c 6f"), []event{{Ping, "Hello"}}},
		{"masked pong", Server, unhex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), []event{{Pong, "Hello"}}},
		{"256 bytes", Client, append(unhex("82 7e 01 00"), binary256...), []event{{Binary, binary256}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantEvents(t, *unlimited(tt.role, nil), tt.wire, tt.want...)
		})
	}
	wire := append(unhex("82 7f 00 00 00 00 00 01 00 00"), binary64K...)
	if o := decodePieces(t, unlimited(Client, nil), wire); !slices.Equal(o.events, []event{{Binary, binary64K}}) {
		t.Errorf("64 KiB: %d events, %v", len(o.events), o.err)
	}
}

// A payload that lies whole in the input is unmasked there and not copied.
func TestWholeFrameIsNotCopied(t *testing.T) {
	for _, role := range roles {
		wire := wireFor(role, textHello, frame{"01 00", ""}, ping, frame{"80 02", "no"})
		d := newDecoder(unlimited(role, nil)) // without a pool it cannot keep anything
		for _, want := range []event{{Text, "Hello"}, {Ping, "up"}, {Text, "no"}} {
			m, n, err := d.Decode(wire)
			if err != nil || (event{m.Opcode, string(m.Payload)}) != want {
				t.Fatalf("%v: Decode = %v, %v; want %v", role, m, err, want)
			}
			if &m.Payload[0] != &wire[n-len(m.Payload)] {
				t.Errorf("%v: the payload of %v is a copy", role, want)
			}
			wire = wire[n:]
		}
	}
}

// What was handed out from the buffer stays until the next call of Decode, which gives the buffer back.
func TestPayloadIsValidUntilNextDecode(t *testing.T) {
	for _, next := range [][]byte{nil, {0x82}, {0x82, 0x00}, {0x83, 0x00}} {
		pool := new(testPool)
		d := newDecoder(unlimited(Client, pool))
		if _, _, err := d.Decode([]byte("\x82\x05Hel")); err != nil {
			t.Fatal(err)
		}
		m, _, err := d.Decode([]byte("lo"))
		if string(m.Payload) != "Hello" || err != nil || len(pool.lent) != 1 {
			t.Fatalf("Decode = %v, %v, and %d buffers are lent", m, err, len(pool.lent))
		}
		_, _, _ = d.Decode(next)
		if want := bytes.Repeat([]byte{poison}, 5); !bytes.Equal(m.Payload, want) {
			t.Errorf("after Decode(% x) the payload is %q, not given back", next, m.Payload)
		}
		pool.wantNoneLent(t)
	}
}

// Idle is true between messages and nowhere else.
func TestIdle(t *testing.T) {
	for _, role := range roles {
		var wire []byte
		idle := map[int]bool{0: true}
		for _, f := range []struct {
			frame
			idle bool
		}{
			{ping, true},
			{textHello, true},
			{textHel, false},
			{ping, false},
			{frame{"00 00", ""}, false},
			{contLo, true},
			{frame{"82 7e 00 7e", exactly126}, true},
		} {
			wire = f.appendFor(wire, role)
			idle[len(wire)] = f.idle
		}
		pool := new(testPool)
		d := newDecoder(unlimited(role, pool))
		var events []event
		for i := range len(wire) + 1 {
			if d.Idle() != idle[i] {
				t.Errorf("%v: Idle() = %v after %d bytes", role, d.Idle(), i)
			}
			if i < len(wire) {
				if err := decodePiece(t, d, wire[i:i+1], &events); err != nil {
					t.Fatal(err)
				}
			}
		}
		pool.wantNoneLent(t)
	}
}

// Release gives the buffer back in whatever state the decoder is, once, and Reset starts anew.
func TestReleaseAndReset(t *testing.T) {
	for _, role := range roles {
		wire := wireFor(role, textHel, ping, contLo)
		for cut := range len(wire) + 1 {
			pool := new(testPool)
			cfg := unlimited(role, pool)
			d := newDecoder(cfg)
			for rest := slices.Clone(wire[:cut]); len(rest) > 0; {
				_, n, err := d.Decode(rest)
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			d.Release()
			d.Release()
			pool.wantNoneLent(t)
			d.Reset(cfg)
			var events []event
			if err := decodePiece(t, d, slices.Clone(wire), &events); err != nil || len(events) != 2 {
				t.Errorf("%v: after %d bytes, Release and Reset: %v, %v", role, cut, events, err)
			}
			pool.wantNoneLent(t)
		}
	}
}

// Empty calls change nothing, wherever they come.
func TestDecodeNothing(t *testing.T) {
	for _, role := range roles {
		wire := wireFor(role, textHel, ping, contLo, frame{"82 7e 00 7e", exactly126})
		d := newDecoder(unlimited(role, new(testPool)))
		for i := range wire {
			if _, _, err := d.Decode(wire[i : i+1]); err != nil {
				t.Fatal(err)
			}
			before := snapshot(d)
			if before.handedOut {
				continue
			}
			if m, n, err := d.Decode(nil); m.Opcode != Continuation || n != 0 || err != nil || snapshot(d) != before {
				t.Fatalf("%v: Decode(nil) after %d bytes = %v, %d, %v; %+v, before %+v", role, i+1, m, n, err, snapshot(d), before)
			}
		}
	}
}

// Every connection has a Decoder, and its comment says how large that is.
func TestDecoderSize(t *testing.T) {
	if n := unsafe.Sizeof(Decoder{}); unsafe.Sizeof(uintptr(0)) == 8 && n != 48 {
		t.Errorf("a Decoder takes %d bytes, want 48", n)
	}
}
