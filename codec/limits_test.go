package codec

import (
	"math"
	"slices"
	"testing"
)

// Limits are compared at the header that passes them (RFC 6455 10.4), at their exact edges.
func TestLimitFaults(t *testing.T) {
	tests := []struct {
		fault
		maxMessage   uint64
		maxFragments uint32
	}{
		{fault{"MaxMessage 4, 5 bytes", ErrMessageTooBig, []frame{textHello}, nil}, 4, 9},
		{fault{"MaxMessage 0, 1 byte", ErrMessageTooBig, []frame{{"82 01", "x"}}, nil}, 0, 9},
		{fault{"MaxMessage 124, longest length in the header", ErrMessageTooBig, []frame{{"82 7d", ""}}, nil}, 124, 9},
		{fault{"MaxMessage 125, length in 2 bytes", ErrMessageTooBig, []frame{{"82 7e 00 7e", ""}}, nil}, 125, 9},
		{fault{"MaxMessage 65535, length in 8 bytes", ErrMessageTooBig, []frame{{"82 7f 00 00 00 00 00 01 00 00", ""}}, nil}, 65535, 9},
		{fault{"MaxMessage 4, fragment of 5 bytes", ErrMessageTooBig, []frame{{"01 05", "Hello"}}, nil}, 4, 9},
		{fault{"MaxMessage 4, sum of 5 bytes", ErrMessageTooBig, []frame{textHel, contLo}, nil}, 4, 9},
		{fault{"MaxMessage 4, sum of 5 bytes and a ping", ErrMessageTooBig, []frame{textHel, ping, contLo}, []event{{Ping, "up"}}}, 4, 9},
		{fault{"MaxMessage 4, sum with empty fragments", ErrMessageTooBig, []frame{textHel, {"00 00", ""}, {"00 01", "l"}, {"80 01", "o"}}, nil}, 4, 9},
		{fault{"MaxMessage 128, sum of 129 bytes", ErrMessageTooBig, []frame{textHel, {"80 7e 00 7e", ""}}, nil}, 128, 9},
		{fault{"MaxMessage 4, second message", ErrMessageTooBig, []frame{{"81 04", "Hell"}, textHello}, []event{{Text, "Hell"}}}, 4, 9},
		{fault{"MaxMessage 1<<62, 1<<63 - 1 bytes", ErrMessageTooBig, []frame{{"82 7f 7f ff ff ff ff ff ff ff", ""}}, nil}, 1 << 62, 9},
		{fault{"MaxMessage 1<<63 - 2, 1<<63 - 1 bytes", ErrMessageTooBig, []frame{{"82 7f 7f ff ff ff ff ff ff ff", ""}}, nil}, 1<<63 - 2, 9},
		{fault{"MaxMessage 1<<63 + 1, sum of 1<<63 + 2", ErrMessageTooBig, []frame{textHel, {"80 7f 7f ff ff ff ff ff ff ff", ""}}, nil}, 1<<63 + 1, 9},

		{fault{"MaxFragments 1, 2 frames", ErrTooManyFragments, []frame{textHel, contLo}, nil}, 9, 1},
		{fault{"MaxFragments 0, 2 frames", ErrTooManyFragments, []frame{textHel, contLo}, nil}, 9, 0},
		{fault{"MaxFragments 2, 3 frames", ErrTooManyFragments, []frame{textHel, {"00 00", ""}, contLo}, nil}, 9, 2},
		{fault{"MaxFragments 2, 3 frames and a ping", ErrTooManyFragments, []frame{textHel, ping, {"00 00", ""}, contLo}, []event{{Ping, "up"}}}, 9, 2},
		{fault{"MaxFragments 2, second message", ErrTooManyFragments, []frame{textHel, contLo, textHel, {"00 00", ""}, contLo}, hello}, 9, 2},
	}
	for _, role := range roles {
		for _, tt := range tests {
			tt.check(t, DecoderConfig{Role: role, MaxMessage: tt.maxMessage, MaxFragments: tt.maxFragments})
		}
	}
}

// What reaches a limit and does not pass it is accepted, and control frames do not count.
func TestLimitsReached(t *testing.T) {
	tests := []struct {
		exchange
		maxMessage   uint64
		maxFragments uint32
	}{
		{exchange{"MaxMessage 5, 5 bytes", []frame{textHello}, hello}, 5, 1},
		{exchange{"MaxMessage 0, empty message", []frame{{"81 00", ""}}, []event{{Text, ""}}}, 0, 0},
		{exchange{"MaxMessage 0, ping", []frame{ping}, []event{{Ping, "up"}}}, 0, 0},
		{exchange{"MaxMessage 0, close", []frame{{"88 02", "\x03\xe8"}}, []event{{Close, "\x03\xe8"}}}, 0, 0},
		{exchange{"MaxMessage 126", []frame{{"82 7e 00 7e", exactly126}}, []event{{Binary, exactly126}}}, 126, 0},
		{exchange{"MaxMessage 5, sum of 5 bytes", []frame{textHel, contLo}, hello}, 5, 2},
		{exchange{"MaxMessage 5, ping inside", []frame{textHel, {"89 7d", exactly125}, contLo}, append([]event{{Ping, exactly125}}, hello...)}, 5, 2},
		{exchange{"MaxMessage 5 for each message", []frame{textHello, textHel, contLo, textHello}, slices.Repeat(hello, 3)}, 5, 2},
		{exchange{"MaxFragments 2 for each message", []frame{textHel, contLo, textHel, contLo, textHello}, slices.Repeat(hello, 3)}, 5, 2},
		{exchange{"MaxFragments 3, pings inside", []frame{textHel, ping, {"00 00", ""}, ping, contLo}, append([]event{{Ping, "up"}, {Ping, "up"}}, hello...)}, 5, 3},
		{exchange{"MaxMessage and MaxFragments without end", []frame{textHel, contLo}, hello}, math.MaxUint64, math.MaxUint32},
	}
	for _, role := range roles {
		for _, tt := range tests {
			t.Run(role.String()+"/"+tt.rule, func(t *testing.T) {
				cfg := DecoderConfig{Role: role, MaxMessage: tt.maxMessage, MaxFragments: tt.maxFragments}
				wantEvents(t, cfg, wireFor(role, tt.frames...), tt.want...)
			})
		}
	}
}

// Lengths next to 1<<63 are taken for what they are where the limit allows them, and reserve nothing.
func TestLargestLengths(t *testing.T) {
	const largest = "7f ff ff ff ff ff ff ff"
	tests := []struct {
		name       string
		maxMessage uint64
		frames     []frame
		remaining  uint64
	}{
		{"1<<63 - 1 in one frame", 1<<63 - 1, []frame{{"82 7f" + largest, "x"}}, 1<<63 - 2},
		{"1<<63 + 2 in two frames", 1<<63 + 2, []frame{textHel, {"80 7f" + largest, "x"}}, 1<<63 - 2},
		{"no limit", math.MaxUint64, []frame{textHel, {"80 7f" + largest, "lo"}}, 1<<63 - 3},
	}
	for _, role := range roles {
		for _, tt := range tests {
			t.Run(role.String()+"/"+tt.name, func(t *testing.T) {
				pool := new(testPool)
				d := newDecoder(&DecoderConfig{Role: role, MaxMessage: tt.maxMessage, MaxFragments: 2, Buffers: pool})
				if m, _, err := d.Decode(wireFor(role, tt.frames...)); m.Opcode != Continuation || err != nil {
					t.Fatalf("Decode = %v, %v", m, err)
				}
				if d.remaining != tt.remaining || cap(d.buf.B) > minBuffer {
					t.Errorf("%d bytes remain, want %d; %d are reserved", d.remaining, tt.remaining, cap(d.buf.B))
				}
				d.Release()
				pool.wantNoneLent(t)
			})
		}
	}
}

// Millions of empty fragments take no memory, and are counted to the last.
func TestEmptyFragmentsTakeNoMemory(t *testing.T) {
	const limit, batch = 2 << 20, 1 << 16
	for _, role := range roles {
		d := newDecoder(&DecoderConfig{Role: role, MaxFragments: limit}) // without a pool: it can keep nothing
		frames := wireFor(role, slices.Repeat([]frame{{"00 00", ""}}, batch)...)
		feed := func(p []byte) {
			if m, n, err := d.Decode(p); m.Opcode != Continuation || n != len(p) || err != nil {
				t.Fatalf("%v: Decode = %v, %d, %v", role, m, n, err)
			}
		}
		feed(wireFor(role, frame{"01 00", ""}))
		runs := limit/batch - 1
		if n := testing.AllocsPerRun(runs-1, func() { feed(frames) }); n != 0 { // one more to warm up
			t.Errorf("%v: %d empty fragments allocate %v times", role, batch, n)
		}
		feed(frames[len(frames)/batch:])
		if _, _, err := d.Decode(frames); err != ErrTooManyFragments || d.buf != nil {
			t.Errorf("%v: fragment %d: %v", role, limit+1, err)
		}
	}
}
