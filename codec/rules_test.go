package codec

import (
	"strings"
	"testing"
)

// fault is a row of a table of violations: frames that break one rule, and what the decoder hands
// out before it finds that. The last frame breaks the rule: at the mark ¶ in its payload, or at the
// end of its header where there is none.
type fault struct {
	rule   string // its section of RFC 6455, and the rule
	err    *CloseError
	frames []frame
	before []event
}

// wire returns the frames as the peer of role sends them, and the offset at which the rule is broken.
func (f fault) wire(role Role) (wire []byte, at int) {
	good, last := f.frames[:len(f.frames)-1], f.frames[len(f.frames)-1]
	wire = wireFor(role, good...)
	at = len(wire) + len(unhex(last.head))
	if before, after, marked := strings.Cut(last.payload, "¶"); marked {
		last.payload = before + after
		at += len(before)
		if role == Server {
			at += 4 // the masking key
		}
	}
	return last.appendFor(wire, role), at
}

func (f fault) check(t *testing.T, cfg DecoderConfig) {
	t.Helper()
	t.Run(cfg.Role.String()+"/"+f.rule, func(t *testing.T) {
		wire, at := f.wire(cfg.Role)
		wantError(t, cfg, wire, at, f.err, f.before...)
	})
}

var (
	textHello = frame{"81 05", "Hello"}
	textHel   = frame{"01 03", "Hel"}
	contLo    = frame{"80 02", "lo"}
	ping      = frame{"89 02", "up"}
)

var headerFaults = []fault{
	{"5.2 RSV1 in text", ErrReservedBits, []frame{{"c1 05", "Hello"}}, nil},
	{"5.2 RSV2 in text", ErrReservedBits, []frame{{"a1 05", "Hello"}}, nil},
	{"5.2 RSV3 in text", ErrReservedBits, []frame{{"91 05", "Hello"}}, nil},
	{"5.2 RSV1 in binary", ErrReservedBits, []frame{{"c2 00", ""}}, nil},
	{"5.2 all RSV in binary", ErrReservedBits, []frame{{"f2 05", "Hello"}}, nil},
	{"5.2 RSV1 in a fragment", ErrReservedBits, []frame{{"41 05", "Hello"}}, nil},
	{"5.2 RSV2 in a continuation", ErrReservedBits, []frame{textHel, {"a0 02", "lo"}}, nil},
	{"5.2 RSV1 in ping", ErrReservedBits, []frame{{"c9 00", ""}}, nil},
	{"5.2 RSV2 in pong", ErrReservedBits, []frame{{"aa 01", "x"}}, nil},
	{"5.2 all RSV in close", ErrReservedBits, []frame{{"f8 02", "\x03\xe8"}}, nil},
	{"5.2 RSV3 after a message", ErrReservedBits, []frame{textHello, {"91 00", ""}}, []event{{Text, "Hello"}}},

	{"5.2 opcode 3", ErrReservedOpcode, []frame{{"83 00", ""}}, nil},
	{"5.2 opcode 4", ErrReservedOpcode, []frame{{"84 01", "x"}}, nil},
	{"5.2 opcode 5", ErrReservedOpcode, []frame{{"85 7e", "\x00\x7e"}}, nil},
	{"5.2 opcode 6", ErrReservedOpcode, []frame{{"06 00", ""}}, nil},
	{"5.2 opcode 7", ErrReservedOpcode, []frame{textHello, {"87 00", ""}}, []event{{Text, "Hello"}}},
	{"5.2 opcode 3 in a message", ErrReservedOpcode, []frame{textHel, {"83 00", ""}}, nil},
	{"5.2 opcode B", ErrReservedOpcode, []frame{{"8b 00", ""}}, nil},
	{"5.2 opcode C", ErrReservedOpcode, []frame{{"8c 01", "x"}}, nil},
	{"5.2 opcode D", ErrReservedOpcode, []frame{ping, {"8d 00", ""}}, []event{{Ping, "up"}}},
	{"5.2 opcode E", ErrReservedOpcode, []frame{{"8e 00", ""}}, nil},
	{"5.2 opcode F", ErrReservedOpcode, []frame{{"8f 00", ""}}, nil},
	{"5.2 opcode B in a message", ErrReservedOpcode, []frame{textHel, {"8b 00", ""}}, nil},

	{"5.4 continuation first", ErrUnexpectedContinuation, []frame{{"80 05", "Hello"}}, nil},
	{"5.4 continuation first, not last", ErrUnexpectedContinuation, []frame{{"00 00", ""}}, nil},
	{"5.4 continuation of a whole message", ErrUnexpectedContinuation, []frame{textHello, contLo}, []event{{Text, "Hello"}}},
	{"5.4 continuation of a ping", ErrUnexpectedContinuation, []frame{ping, contLo}, []event{{Ping, "up"}}},
	{
		"5.4 continuation of a message that ended", ErrUnexpectedContinuation,
		[]frame{textHel, contLo, contLo},
		[]event{{Text, "Hello"}},
	},
	{"5.4 text in a text", ErrExpectedContinuation, []frame{textHel, textHello}, nil},
	{"5.4 first fragment twice", ErrExpectedContinuation, []frame{textHel, textHel}, nil},
	{"5.4 binary in a text", ErrExpectedContinuation, []frame{textHel, {"82 00", ""}}, nil},
	{"5.4 text in a binary", ErrExpectedContinuation, []frame{{"02 00", ""}, textHello}, nil},
	{"5.4 text in a text, after a ping", ErrExpectedContinuation, []frame{textHel, ping, textHello}, []event{{Ping, "up"}}},

	{"5.5 ping without FIN", ErrControlFragmented, []frame{{"09 00", ""}}, nil},
	{"5.5 pong without FIN", ErrControlFragmented, []frame{{"0a 05", "Hello"}}, nil},
	{"5.5 close without FIN", ErrControlFragmented, []frame{{"08 02", "\x03\xe8"}}, nil},
	{"5.5 ping without FIN in a message", ErrControlFragmented, []frame{textHel, {"09 00", ""}}, nil},
	{"5.5 ping of 126 bytes", ErrControlTooLong, []frame{{"89 7e", "\x00\x7e"}}, nil},
	{"5.5 pong of 65536 bytes", ErrControlTooLong, []frame{{"8a 7f", "\x00\x00\x00\x00\x00\x01\x00\x00"}}, nil},
	{"5.5 close of 126 bytes", ErrControlTooLong, []frame{{"88 7e", "\x00\x7e\x03\xe8"}}, nil},
	{"5.5.1 close of 1 byte", ErrClosePayloadLength, []frame{{"88 01", "\x03"}}, nil},
	{"5.5.1 close of 1 byte in a message", ErrClosePayloadLength, []frame{textHel, {"88 01", "\x03"}}, nil},

	{"5.2 length 0 in 2 bytes", ErrLengthNotMinimal, []frame{{"82 7e 00 00", ""}}, nil},
	{"5.2 length 125 in 2 bytes", ErrLengthNotMinimal, []frame{{"81 7e 00 7d", strings.Repeat("x", 125)}}, nil},
	{"5.2 length 0 in 8 bytes", ErrLengthNotMinimal, []frame{{"82 7f 00 00 00 00 00 00 00 00", ""}}, nil},
	{"5.2 length 126 in 8 bytes", ErrLengthNotMinimal, []frame{{"82 7f 00 00 00 00 00 00 00 7e", ""}}, nil},
	{"5.2 length 65535 in 8 bytes", ErrLengthNotMinimal, []frame{{"81 7f 00 00 00 00 00 00 ff ff", "x"}}, nil},
	{"5.2 length 1 in 2 bytes, of a continuation", ErrLengthNotMinimal, []frame{textHel, {"80 7e 00 01", "x"}}, nil},
	{"5.2 length 1<<63", ErrLengthTopBit, []frame{{"82 7f 80 00 00 00 00 00 00 00", ""}}, nil},
	{"5.2 length 1<<64 - 1", ErrLengthTopBit, []frame{{"82 7f ff ff ff ff ff ff ff ff", ""}}, nil},
	{"5.2 length 1<<63 + 1, of a continuation", ErrLengthTopBit, []frame{textHel, {"80 7f 80 00 00 00 00 00 00 01", ""}}, nil},
}

func TestHeaderFaults(t *testing.T) {
	for _, role := range roles {
		for _, f := range headerFaults {
			f.check(t, *unlimited(role, nil))
		}
	}
}

// RFC 6455 5.1: the mask bit is the only rule in which the roles differ.
func TestMaskBitFaults(t *testing.T) {
	inMessage := func(role Role, f frame) []byte { return append(wireFor(role, textHel), unhex(f.head)...) }
	tests := []struct {
		name string
		role Role
		err  error
		wire []byte
		at   int
	}{
		{"5.1 text to a server", Server, ErrNotMasked, unhex("81 05 48 65 6c 6c 6f"), 2},
		{"5.1 empty text to a server", Server, ErrNotMasked, unhex("81 00"), 2},
		{"5.1 ping to a server", Server, ErrNotMasked, unhex("89 00"), 2},
		{"5.1 close to a server", Server, ErrNotMasked, unhex("88 02 03 e8"), 2},
		{"5.1 126 bytes to a server", Server, ErrNotMasked, unhex("82 7e 00 7e"), 2},
		{"5.1 65536 bytes to a server", Server, ErrNotMasked, unhex("82 7f 00 00 00 00 00 01 00 00"), 2},
		{"5.1 continuation to a server", Server, ErrNotMasked, inMessage(Server, contLo), 2 + 4 + 3 + 2},
		{"5.1 text to a client", Client, ErrMasked, unhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), 2},
		{"5.1 empty text to a client", Client, ErrMasked, unhex("81 80 00 00 00 00"), 2},
		{"5.1 pong to a client", Client, ErrMasked, unhex("8a 80 37 fa 21 3d"), 2},
		{"5.1 close to a client", Client, ErrMasked, unhex("88 82 37 fa 21 3d 34 12"), 2},
		{"5.1 126 bytes to a client", Client, ErrMasked, unhex("82 fe 00 7e"), 2},
		{"5.1 continuation to a client", Client, ErrMasked, inMessage(Client, frame{"80 82", ""}), 2 + 3 + 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, *unlimited(tt.role, nil), tt.wire, tt.at, tt.err)
		})
	}
}

// Every first two bytes that there are, inside a message and outside: those and only those are
// accepted that RFC 6455 5 allows.
func TestEveryHeader(t *testing.T) {
	for _, role := range roles {
		for b0 := range 256 {
			for b1 := range 256 {
				for _, inside := range []bool{false, true} {
					fin, rsv, op := b0 >= 128, b0>>4&7, b0&15
					masked, n := b1 >= 128, b1&127
					control := op == 8 || op == 9 || op == 10
					data := op == 0 && inside || (op == 1 || op == 2) && !inside
					want := rsv == 0 && masked == (role == Server) &&
						(data || control && fin && n <= 125 && !(op == 8 && n == 1))
					err := checkHeader(byte(b0), byte(b1), role, inside)
					if (err == nil) != want {
						t.Errorf("%v, %02x %02x, in a message %v: %v", role, b0, b1, inside, err)
					}
				}
			}
		}
	}
}
