package codec

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

// inflating returns a decoder with permessage-deflate and context takeover, which p limits.
func inflating(cfg *DecoderConfig, p DeflateParams) *Decoder {
	with := *cfg
	with.Inflater = NewInflater(p, cfg.Role)
	return newDecoder(&with)
}

// wantInflated fails unless decoding wire gives want and then err (nil: none), found in the piece with the byte
// before at, however it is split.
func wantInflated(t *testing.T, cfg DecoderConfig, p DeflateParams, wire []byte, at int, err error, want ...event) {
	t.Helper()
	splits(len(wire), func(lengths ...int) {
		t.Helper()
		pool := new(testPool)
		cfg.Buffers = pool
		o := decodePiecesBy(t, inflating(&cfg, p), wire, lengths...)
		if o.err != err || !slices.Equal(o.events, want) {
			t.Fatalf("% x to a %v in %v:\ngot  %v, %v\nwant %v, %v", wire, cfg.Role, lengths, o.events, o.err, want, err)
		}
		if piece := pieceOf(at, lengths); err != nil && o.last != piece {
			t.Fatalf("% x to a %v in %v: error in piece %d, want it in %d", wire, cfg.Role, lengths, o.last, piece)
		}
		pool.wantNoneLent(t)
	})
}

var (
	deflatedHello  = string(unhex("f2 48 cd c9 c9 07 00"))
	deflatedAgain  = string(unhex("f2 00 11 00 00"))
	frameHello     = frame{"c1 07", deflatedHello}
	frameAgain     = frame{"c1 05", deflatedAgain}
	noTakeover     = DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	deflatedStored = "\x00\x05\x00\xfa\xffHello\x00"
)

var inflateExchanges = []exchange{
	{"7.2.3.1 one frame", []frame{frameHello}, hello},
	{"7.2.3.1 two fragments", []frame{{"41 03", deflatedHello[:3]}, {"80 04", deflatedHello[3:]}}, hello},
	{"7.2.3.2 context takeover", []frame{frameHello, frameAgain, frameAgain}, slices.Repeat(hello, 3)},
	{"7.2.3.3 a block without compression", []frame{{"c1 0b", deflatedStored}}, hello},
	{"7.2.3.4 BFINAL set", []frame{{"c1 08", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}}, hello},
	{"7.2.3.6 empty messages", []frame{{"c1 01", "\x00"}, {"c2 01", "\x00"}}, []event{{Text, ""}, {Binary, ""}}},
	{"6 not compressed", []frame{textHello, textHel, contLo}, slices.Repeat(hello, 2)},
	{"6 not compressed between compressed ones", []frame{frameHello, {"82 02", "no"}, frameAgain}, []event{hello[0], {Binary, "no"}, hello[0]}},
	{"6 fragments not compressed after a compressed message", []frame{frameHello, textHel, contLo}, slices.Repeat(hello, 2)},
	{"6 control frames between fragments", []frame{{"41 03", deflatedHello[:3]}, ping, {"00 00", ""}, {"8a 00", ""}, {"80 04", deflatedHello[3:]}}, []event{
		{Ping, "up"}, {Pong, ""}, hello[0],
	}},
	{"6 all fragments but the first empty", []frame{{"41 07", deflatedHello}, {"00 00", ""}, {"80 00", ""}}, hello},
	{"6 first fragment empty", []frame{{"41 00", ""}, {"80 07", deflatedHello}}, hello},
	{"6 letter across blocks and fragments", []frame{{"41 06", "\x00\x01\x00\xfe\xff\xc3"}, {"80 07", "\x00\x01\x00\xfe\xff\xb6\x00"}}, []event{{Text, "ö"}}},
	{"8.1 binary that is not text", []frame{{"c2 07", "\x00\x01\x00\xfe\xff\xff\x00"}}, []event{{Binary, "\xff"}}},
	{"5.5.1 close inside a compressed message", []frame{{"41 03", deflatedHello[:3]}, {"88 02", "\x03\xe8"}}, []event{{Close, "\x03\xe8"}}},
}

func TestInflateExchanges(t *testing.T) {
	for _, role := range roles {
		for _, e := range inflateExchanges {
			t.Run(role.String()+"/"+e.rule, func(t *testing.T) {
				wire := wireFor(role, e.frames...)
				wantInflated(t, *unlimited(role, nil), DeflateParams{}, wire, 0, nil, e.want...)
				if !strings.Contains(e.rule, "context takeover") && !strings.Contains(e.rule, "between compressed") {
					wantInflated(t, *unlimited(role, nil), noTakeover, wire, 0, nil, e.want...)
				}
			})
		}
	}
}

// inflateFaults are violations with a limit of 5 bytes. They show at the last byte of the payload, at the mark
// ¶, or at the header where there is neither.
var inflateFaults = []fault{
	{"6 RSV1 in a continuation", ErrReservedBits, []frame{{"41 03", deflatedHello[:3]}, {"c0 04", ""}}, nil},
	{"6 RSV1 in a continuation of what is not compressed", ErrReservedBits, []frame{textHel, {"c0 02", ""}}, nil},
	{"6 RSV1 in ping", ErrReservedBits, []frame{{"c9 00", ""}}, nil},
	{"6 RSV1 in pong", ErrReservedBits, []frame{frameHello, {"ca 00", ""}}, hello},
	{"6 RSV1 in close", ErrReservedBits, []frame{{"c8 02", ""}}, nil},
	{"6 RSV1 in ping in a compressed message", ErrReservedBits, []frame{{"41 03", deflatedHello[:3]}, {"c9 00", ""}}, nil},
	{"5.2 RSV2 beside RSV1", ErrReservedBits, []frame{{"e1 07", ""}}, nil},
	{"5.2 RSV3 beside RSV1", ErrReservedBits, []frame{{"d2 07", ""}}, nil},
	{"5.2 RSV1 with opcode 3", ErrReservedOpcode, []frame{{"c3 07", ""}}, nil},
	{"5.4 compressed text in a message", ErrExpectedContinuation, []frame{textHel, {"c1 07", ""}}, nil},
	{"5.4 compressed text in a compressed message", ErrExpectedContinuation, []frame{{"41 03", deflatedHello[:3]}, {"c1 04", ""}}, nil},
	{"7.2.2 corrupt", ErrDeflate, []frame{{"c1 01", "\x06¶"}}, nil},
	{"7.2.2 truncated", ErrDeflate, []frame{frameHello, {"c1 06", deflatedHello[:6] + "¶"}}, hello},
	{"7.2.2 truncated in the second fragment", ErrDeflate, []frame{{"41 03", deflatedHello[:3]}, {"80 03", deflatedHello[3:6] + "¶"}}, nil},
	{"7.2.2 no byte, in two fragments", ErrDeflate, []frame{{"41 00", ""}, {"80 00", "¶"}}, nil},
	{"7.2.2 distance before the window", ErrDeflate, []frame{{"c1 05", deflatedAgain + "¶"}}, nil},
	{"7.2.2 what is not compressed is not in the window", ErrDeflate, []frame{textHello, {"c1 05", deflatedAgain + "¶"}}, hello},
	{"8.1 not UTF-8", ErrTextUTF8, []frame{{"c1 07", "\x00\x01\x00\xfe\xff\xff\x00¶"}}, nil},
	{"8.1 not UTF-8, in two fragments", ErrTextUTF8, []frame{{"41 06", "\x00\x01\x00\xfe\xff\xc3"}, {"80 01", "\x00¶"}}, nil},
	{"limit, inflated", ErrMessageTooBig, []frame{frameHello, {"c2 0c", "\x00\x06\x00\xf9\xffHello!\x00¶"}}, hello},
	{"limit, inflated, in two fragments", ErrMessageTooBig, []frame{{"42 05", "\x00\x06\x00\xf9\xff"}, {"80 07", "Hello!\x00¶"}}, nil},
	{"limit, on the wire", ErrMessageTooBig, []frame{{"c2 46", ""}}, nil},
	{"limit, on the wire, of two fragments", ErrMessageTooBig, []frame{{"42 01", "\x00"}, {"80 45", ""}}, nil},
	{"limit, on the wire, in 2 bytes", ErrMessageTooBig, []frame{{"c2 7e 01 00", ""}}, nil},
	{"limit, not compressed", ErrMessageTooBig, []frame{frameHello, {"82 06", ""}}, hello},
	{"limit of fragments", ErrTooManyFragments, []frame{{"41 01", "\xf2"}, {"00 00", ""}, {"00 00", ""}, {"80 00", ""}}, nil},
}

func TestInflateDecoderFaults(t *testing.T) {
	for _, role := range roles {
		for _, f := range inflateFaults {
			t.Run(role.String()+"/"+f.rule, func(t *testing.T) {
				wire, at := f.wire(role)
				wantInflated(t, DecoderConfig{Role: role, MaxMessage: 5, MaxFragments: 3}, DeflateParams{}, wire, at, f.err, f.before...)
			})
		}
	}
}

// Without permessage-deflate RSV1 is an error (RFC 6455 5.2), and after Reset it has not been agreed on.
func TestResetForgetsInflater(t *testing.T) {
	cfg := unlimited(Client, new(testPool))
	d := inflating(cfg, DeflateParams{})
	wire := wireFor(Client, frameHello)
	if m, _, err := d.Decode(wire); err != nil || string(m.Payload) != "Hello" {
		t.Fatal(m, err)
	}
	d.Release()
	d.Reset(cfg)
	if _, _, err := d.Decode(wire); err != ErrReservedBits {
		t.Errorf("after Reset: %v", err)
	}
}

// An error leaves the window as it was: what came before can still be referred to.
func TestInflateErrorKeepsWindow(t *testing.T) {
	i := NewInflater(DeflateParams{}, Server)
	for _, row := range []struct {
		compressed string
		err        error
	}{{deflatedHello, nil}, {deflatedHello[:6], ErrDeflate}, {deflatedAgain, nil}, {"\x06", ErrDeflate}, {deflatedAgain, nil}} {
		got, err := i.AppendMessage(nil, []byte(row.compressed), 10, true)
		if err != row.err || err == nil && string(got) != "Hello" {
			t.Errorf("% x: %q, %v", row.compressed, got, err)
		}
	}
}

// Noise of the largest size is accepted, though its compressed form is larger; so is what zlib makes of it at
// its worst.
func TestDeflatedLimit(t *testing.T) {
	for _, n := range []int{0, 1, 100, 100000} {
		noise := deflateSamples[4].make(n)
		cfg := &DecoderConfig{Role: Client, MaxMessage: uint64(n), MaxFragments: 1, Buffers: new(testPool)}
		d := inflating(cfg, noTakeover)
		var payload []byte // in stored blocks of 100 bytes
		for block := range slices.Chunk(noise, 100) {
			payload = append(payload, 0, byte(len(block)), 0, ^byte(len(block)), 0xFF)
			payload = append(payload, block...)
		}
		payload = append(payload, 0)
		wire := append(AppendDeflatedHeader(nil, true, Binary, len(payload)), payload...)
		if m, _, err := d.Decode(wire); err != nil || !bytes.Equal(m.Payload, noise) {
			t.Errorf("%d bytes of noise in %d bytes: %v", n, len(payload), err)
		}
	}
	for _, limit := range []uint64{0, 1 << 20, 1 << 62, math.MaxInt64, math.MaxUint64} {
		if got := deflatedLimit(limit); got < limit {
			t.Errorf("deflatedLimit(%d) = %d", limit, got)
		}
	}
}

// Every first two bytes: with permessage-deflate those and only those are accepted in addition that are the
// first of a message with RSV1 set.
func TestEveryHeaderInflating(t *testing.T) {
	for _, role := range roles {
		for b0 := range 256 {
			for b1 := range 256 {
				for _, inside := range []bool{false, true} {
					header := []byte{byte(b0), byte(b1)}
					plain, inflater := newDecoder(unlimited(role, new(testPool))), inflating(unlimited(role, new(testPool)), DeflateParams{})
					if inside {
						for _, d := range []*Decoder{plain, inflater} {
							if _, _, err := d.Decode(wireFor(role, frame{"01 00", ""})); err != nil {
								t.Fatal(err)
							}
						}
					}
					_, _, err := inflater.Decode(header)
					if op := b0 & 15; b0&0x70 == 0x40 && (op == 1 || op == 2) {
						header[0] &^= bitRSV1
					}
					_, _, want := plain.Decode(header)
					if b1&127 == 0 && b0&0x40 != 0 && err == ErrDeflate {
						err = nil // an empty payload is not a compressed message
					}
					if err != want {
						t.Errorf("%v, %02x %02x, in a message %t: %v, want %v", role, b0, b1, inside, err, want)
					}
				}
			}
		}
	}
}
