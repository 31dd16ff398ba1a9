package codec

import (
	"bytes"
	"slices"
	"testing"
)

// lengthsOf takes each byte of cuts as the length of a piece of n bytes.
func lengthsOf(cuts []byte, n int) []int {
	var lengths []int
	for _, c := range cuts {
		size := min(int(c), n)
		lengths = append(lengths, size)
		n -= size
	}
	return append(lengths, n)
}

// FuzzDecoder holds that any split of an input gives the same messages and the same error, found in
// the piece whose last byte shows it, and that every buffer comes back. Between calls the input and
// the buffers that are not lent are poisoned; after an error the state and the input must be as they
// were.
func FuzzDecoder(f *testing.F) {
	cuts := [][]byte{{1}, {2, 4}, {1, 1, 1, 1, 1, 1, 1, 1}, {0, 7, 0, 3, 200}}
	seed := 0
	add := func(role Role, wire []byte) {
		f.Add(wire, cuts[seed%len(cuts)], role == Client, uint16(1000), uint8(4))
		seed++
	}
	for _, role := range roles {
		for _, e := range exchanges {
			add(role, wireFor(role, e.frames...))
		}
		for _, fault := range slices.Concat(headerFaults, payloadFaults) {
			wire, _ := fault.wire(role)
			add(role, wire)
		}
		limited := wireFor(role, textHel, ping, frame{"00 00", ""}, contLo)
		f.Add(limited, []byte{5}, role == Client, uint16(5), uint8(2))
		f.Add(limited, []byte{5}, role == Client, uint16(4), uint8(3))
	}
	f.Fuzz(func(t *testing.T, wire, cuts []byte, client bool, maxMessage uint16, maxFragments uint8) {
		pool := new(testPool)
		cfg := &DecoderConfig{MaxMessage: uint64(maxMessage), MaxFragments: uint32(maxFragments), Buffers: pool}
		if client {
			cfg.Role = Client
		}
		whole := decodePieces(t, cfg, wire)
		single := decodePieces(t, cfg, wire, slices.Repeat([]int{1}, len(wire))...)
		lengths := lengthsOf(cuts, len(wire))
		split := decodePieces(t, cfg, wire, lengths...)
		for _, o := range []outcome{single, split} {
			if o.err != whole.err || !slices.Equal(o.events, whole.events) {
				t.Fatalf("% x in %v:\nwhole  %v, %v\nsplit  %v, %v", wire, lengths, whole.events, whole.err, o.events, o.err)
			}
		}
		if single.err != nil && split.last != pieceOf(single.last+1, lengths) {
			t.Fatalf("% x in %v: %v shows at byte %d, and was found in piece %d", wire, lengths, single.err, single.last, split.last)
		}
		pool.wantNoneLent(t)
	})
}

// FuzzEncodeDecode holds that what one endpoint encodes the other decodes: a message in any fragments
// with control frames between them, in any pieces.
func FuzzEncodeDecode(f *testing.F) {
	f.Add([]byte("Hello"), []byte{3}, []byte{1, 2}, false)
	f.Add([]byte(""), []byte{0, 0}, []byte{}, true)
	f.Add([]byte(exactly126), []byte{125}, []byte{2, 2, 4, 100}, true)
	f.Add([]byte(longText), []byte{1, 255, 0, 7}, []byte{3, 1, 200, 0, 9}, false)
	f.Add(pattern(70000), []byte{255, 255}, []byte{255, 1}, true)
	f.Fuzz(func(t *testing.T, payload, fragments, cuts []byte, client bool) {
		role, op := Server, Binary // of the endpoint that decodes
		if client {
			role = Client
		}
		if ValidUTF8(payload) {
			op = Text
		}
		var wire []byte
		var want []event
		rest, next := payload, op
		for _, n := range lengthsOf(fragments, len(payload)) {
			wire = appendTo(wire, role, false, next, rest[:n])
			rest, next = rest[n:], Continuation
			control := payload[:min(n, MaxControlPayload)]
			wire = appendTo(wire, role, true, Ping, control)
			want = append(want, event{Ping, string(control)})
		}
		wire = appendTo(wire, role, true, Continuation, nil)
		wire = appendTo(wire, role, true, op, payload)
		want = append(want, event{op, string(payload)}, event{op, string(payload)})

		pool := new(testPool)
		o := decodePieces(t, unlimited(role, pool), wire, lengthsOf(cuts, len(wire))...)
		if o.err != nil || !slices.Equal(o.events, want) {
			t.Fatalf("%q to a %v: %v, %v", payload, role, o.events, o.err)
		}
		pool.wantNoneLent(t)

		prepared := Prepare(op, payload)
		if !bytes.Equal(prepared.Frame(), AppendFrame(nil, op, payload)) || !bytes.Equal(prepared.Payload(), payload) {
			t.Fatalf("%q prepared is % x", payload, prepared.Frame())
		}
	})
}
