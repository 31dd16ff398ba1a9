package codec

import (
	"slices"
	"testing"
)

// onePool is a BufferPool for one decoder that allocates nothing itself.
type onePool struct{ Buffer }

func (p *onePool) Get() *Buffer  { return &p.Buffer }
func (p *onePool) Put(b *Buffer) { b.B = b.B[:0] }

// echoer decodes what comes in and encodes it again, as role sends it. Its masking key is not fresh:
// under the race detector NewMaskKey allocates now and then, because sync.Pool forgets.
type echoer struct {
	*Decoder
	role   Role
	input  []byte // a copy of what comes in, since it is unmasked there
	output []byte
	count  int
}

func (e *echoer) echo(wire []byte, size int) error {
	e.output, e.count = e.output[:0], 0
	e.input = append(e.input[:0], wire...)
	for piece := range slices.Chunk(e.input, size) {
		for {
			m, n, err := e.Decode(piece)
			if err != nil {
				return err
			}
			if m.Opcode == Continuation {
				break
			}
			e.count++
			piece = piece[n:]
			if e.role == Client {
				e.output = AppendMaskedFrame(e.output, m.Opcode, m.Payload, testKey)
			} else {
				e.output = AppendFrame(e.output, m.Opcode, m.Payload)
			}
		}
	}
	return nil
}

func TestEchoAllocatesNothing(t *testing.T) {
	text := longText[:500]
	long := []frame{{"81 7e 01 f4", text}}
	fragmented := []frame{{"01 7e 01 f4", text}, ping, {"00 00", ""}, {"80 7e 01 f4", text}}
	control := []frame{ping, {"8a 00", ""}, {"89 7d", exactly125}, {"88 04", "\x03\xe8ok"}}
	tests := []struct {
		name     string
		frames   []frame
		size     int // of a piece
		messages int
	}{
		{"whole frames", slices.Repeat(long, 4), 1 << 20, 4},
		{"short frames", slices.Repeat([]frame{textHello}, 16), 1 << 20, 16},
		{"split frames", slices.Repeat(long, 4), 100, 4},
		{"split at every byte", long, 1, 1},
		{"fragmented messages", slices.Repeat(fragmented, 3), 1 << 20, 6},
		{"fragmented and split", fragmented, 7, 2},
		{"control frames", control, 1 << 20, 4},
		{"split control frames", control, 3, 4},
	}
	for _, role := range roles {
		for _, tt := range tests {
			t.Run(role.String()+"/"+tt.name, func(t *testing.T) {
				wire := wireFor(role, tt.frames...)
				e := &echoer{Decoder: newDecoder(unlimited(role, new(onePool))), role: role}
				n := testing.AllocsPerRun(100, func() {
					if err := e.echo(wire, tt.size); err != nil || e.count != tt.messages {
						t.Fatalf("%d messages, %v", e.count, err)
					}
				})
				if n != 0 {
					t.Errorf("an echo allocates %v times", n)
				}
				want := decodePieces(t, unlimited(role, new(testPool)), wire).events
				other := Client - role
				if got := decodePieces(t, unlimited(other, new(testPool)), e.output); got.err != nil || !slices.Equal(got.events, want) {
					t.Errorf("the echo is %v, %v; want %v", got.events, got.err, want)
				}
			})
		}
	}
}

// Failing allocates nothing either: the errors are predeclared.
func TestFailingAllocatesNothing(t *testing.T) {
	for _, role := range roles {
		for _, f := range slices.Concat(headerFaults, payloadFaults) {
			wire, _ := f.wire(role)
			e := &echoer{Decoder: new(Decoder), role: role}
			cfg := unlimited(role, new(onePool))
			n := testing.AllocsPerRun(10, func() {
				e.Reset(cfg)
				if err := e.echo(wire, 3); err != f.err {
					t.Fatalf("%v: %s: %v", role, f.rule, err)
				}
				e.Release()
			})
			if n != 0 {
				t.Errorf("%v: %s allocates %v times", role, f.rule, n)
			}
		}
	}
}
