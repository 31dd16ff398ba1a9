package codec

import (
	"fmt"
	"slices"
	"testing"
)

// frameSizes are the payload sizes of the frame benchmarks, by name.
var frameSizes = []struct {
	name string
	n    int
}{
	{"16B", 16},
	{"128B", 128},
	{"1KiB", 1 << 10},
	{"16KiB", 16 << 10},
	{"1MiB", 1 << 20},
}

// BenchmarkDecode decodes masked binary frames, as a server does. A payload is unmasked in place, so
// what is decoded alternates between the payload and its masked form; to a binary message that is the
// same.
func BenchmarkDecode(b *testing.B) {
	type input struct {
		name       string
		n          int // bytes of payload of a frame
		frames     int
		pieceBytes int // 0: all in one piece
	}
	var inputs []input
	for _, size := range frameSizes {
		inputs = append(inputs, input{"whole/" + size.name, size.n, 1, 0})
	}
	inputs = append(
		inputs,
		input{"16frames/128B", 128, 16, 0},
		input{"1Bpieces/128B", 128, 1, 1},
		input{"4KiBpieces/1MiB", 1 << 20, 1, 4 << 10},
		input{"256KiBpieces/1MiB", 1 << 20, 1, 256 << 10},
	)
	for _, in := range inputs {
		b.Run(in.name, func(b *testing.B) {
			var wire []byte
			for range in.frames {
				wire = appendTo(wire, Server, true, Binary, pattern(in.n))
			}
			pieces := [][]byte{wire}
			if in.pieceBytes > 0 {
				pieces = slices.Collect(slices.Chunk(wire, in.pieceBytes))
			}
			d := newDecoder(unlimited(Server, new(onePool)))
			b.SetBytes(int64(in.n * in.frames))
			b.ReportAllocs()
			for b.Loop() {
				messages := 0
				for _, p := range pieces {
					for {
						m, n, err := d.Decode(p)
						if err != nil {
							b.Fatal(err)
						}
						if m.Opcode == Continuation {
							break
						}
						messages++
						p = p[n:]
					}
				}
				if messages != in.frames {
					b.Fatalf("%d messages", messages)
				}
			}
		})
	}
}

// BenchmarkDecodeText is BenchmarkDecode for whole text frames, whose UTF-8 is checked. Their key is
// zero, so that unmasking, which costs the same, leaves the text as it is.
func BenchmarkDecodeText(b *testing.B) {
	for _, sample := range sampleTexts[:2] {
		for _, size := range frameSizes {
			b.Run(sample.name+"/"+size.name, func(b *testing.B) {
				wire := AppendMaskedFrame(nil, Text, sampleText(sample.line, size.n), 0)
				d := newDecoder(unlimited(Server, new(onePool)))
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					if m, _, err := d.Decode(wire); len(m.Payload) != size.n || err != nil {
						b.Fatal(m.Opcode, err)
					}
				}
			})
		}
	}
}

// BenchmarkEncode appends frames to a buffer that is large enough, as each role sends them.
func BenchmarkEncode(b *testing.B) {
	for _, role := range roles {
		for _, size := range frameSizes {
			b.Run(fmt.Sprintf("%v/%s", role, size.name), func(b *testing.B) {
				payload := pattern(size.n)
				out := make([]byte, 0, MaxHeader+size.n)
				b.SetBytes(int64(size.n))
				b.ReportAllocs()
				for b.Loop() {
					if role == Client {
						out = AppendMaskedFrame(out[:0], Binary, payload, NewMaskKey())
					} else {
						out = AppendFrame(out[:0], Binary, payload)
					}
				}
			})
		}
	}
}

// BenchmarkPrepare encodes a message once for many receivers.
func BenchmarkPrepare(b *testing.B) {
	for _, size := range frameSizes {
		b.Run(size.name, func(b *testing.B) {
			payload := pattern(size.n)
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				sinkPrepared = Prepare(Binary, payload)
			}
		})
	}
}

func BenchmarkNewMaskKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewMaskKey()
	}
}
