package codec

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
)

// The lengths at which the encoding of the length changes (RFC 6455 5.2).
var headers = []struct {
	name           string
	n              int
	server, client string // the header as the role sends it, the client's without its key
}{
	{"5.2 length 0", 0, "82 00", "82 80"},
	{"5.2 length 1", 1, "82 01", "82 81"},
	{"5.2 length 125", 125, "82 7d", "82 fd"},
	{"5.2 length 126", 126, "82 7e 00 7e", "82 fe 00 7e"},
	{"5.2 length 256", 256, "82 7e 01 00", "82 fe 01 00"},
	{"5.2 length 65535", 65535, "82 7e ff ff", "82 fe ff ff"},
	{"5.2 length 65536", 65536, "82 7f 00 00 00 00 00 01 00 00", "82 ff 00 00 00 00 00 01 00 00"},
}

func TestAppendFrames(t *testing.T) {
	for _, tt := range headers {
		t.Run(tt.name, func(t *testing.T) {
			payload := pattern(tt.n)
			want := slices.Concat([]byte("dst"), unhex(tt.server), payload)
			if got := AppendFrame([]byte("dst"), Binary, payload); !bytes.Equal(got, want) {
				t.Errorf("AppendFrame = % x..., want % x...", got[:min(len(got), 20)], want[:min(len(want), 20)])
			}

			key := testKey.Bytes()
			masked := slices.Clone(payload)
			maskBytes(masked, key)
			want = slices.Concat([]byte("dst"), unhex(tt.client), key[:], masked)
			if got := AppendMaskedFrame([]byte("dst"), Binary, payload, testKey); !bytes.Equal(got, want) {
				t.Errorf("AppendMaskedFrame = % x..., want % x...", got[:min(len(got), 20)], want[:min(len(want), 20)])
			}
			if !bytes.Equal(payload, pattern(tt.n)) {
				t.Error("the payload has been changed")
			}
			if got, want := HeaderLen(Server, tt.n), len(unhex(tt.server)); got != want {
				t.Errorf("HeaderLen(Server) = %d, want %d", got, want)
			}
			if got, want := HeaderLen(Client, tt.n), len(unhex(tt.client))+4; got != want {
				t.Errorf("HeaderLen(Client) = %d, want %d", got, want)
			}
		})
	}
	if got := HeaderLen(Client, math.MaxInt); got != MaxHeader {
		t.Errorf("HeaderLen(Client, math.MaxInt) = %d, want MaxHeader", got)
	}
}

func TestAppendHeader(t *testing.T) {
	tests := []struct {
		name string
		fin  bool
		op   Opcode
		n    int
		want string
	}{
		{"5.4 first fragment", false, Text, 3, "01 03"},
		{"5.4 middle fragment", false, Continuation, 126, "00 7e 00 7e"},
		{"5.4 last fragment", true, Continuation, 0, "80 00"},
		{"5.2 length 1<<31 - 1", true, Binary, math.MaxInt32, "82 7f 00 00 00 00 7f ff ff ff"},
		{"5.2 largest length", false, Binary, math.MaxInt, fmt.Sprintf("02 7f %016x", math.MaxInt)},
		{"5.5.1 close", true, Close, 2, "88 02"},
		{"5.5.2 ping", true, Ping, 125, "89 7d"},
		{"5.5.3 pong", true, Pong, 0, "8a 00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := AppendHeader([]byte("dst"), tt.fin, tt.op, tt.n), append([]byte("dst"), unhex(tt.want)...); !bytes.Equal(got, want) {
				t.Errorf("AppendHeader = % x, want % x", got, want)
			}
		})
	}
}

// The examples of RFC 6455 5.7, byte for byte.
func TestEncodeRFCExamples(t *testing.T) {
	hello := []byte("Hello")
	fragments := append(AppendHeader(nil, false, Text, 3), "Hel"...)
	fragments = append(AppendHeader(fragments, true, Continuation, 2), "lo"...)
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"unmasked text", AppendFrame(nil, Text, hello), "81 05 48 65 6c 6c 6f"},
		{"masked text", AppendMaskedFrame(nil, Text, hello, testKey), "81 85 37 fa 21 3d 7f 9f 4d 51 58"},
		{"fragmented unmasked text", fragments, "01 03 48 65 6c 80 02 6c 6f"},
		{"unmasked ping", AppendFrame(nil, Ping, hello), "89 05 48 65 6c 6c 6f"},
		{"masked pong", AppendMaskedFrame(nil, Pong, hello, testKey), "8a 85 37 fa 21 3d 7f 9f 4d 51 58"},
		{"256 bytes", AppendFrame(nil, Binary, make([]byte, 256))[:4], "82 7e 01 00"},
		{"64 KiB", AppendFrame(nil, Binary, make([]byte, 65536))[:10], "82 7f 00 00 00 00 00 01 00 00"},
	}
	for _, tt := range tests {
		if want := unhex(tt.want); !bytes.Equal(tt.got, want) {
			t.Errorf("%s: % x, want % x", tt.name, tt.got, want)
		}
	}
}

func TestPrepared(t *testing.T) {
	for _, tt := range headers {
		t.Run(tt.name, func(t *testing.T) {
			payload := pattern(tt.n)
			p := Prepare(Binary, payload)
			fill(payload, 0) // the caller's to change
			if want := append(unhex(tt.server), pattern(tt.n)...); !bytes.Equal(p.Frame(), want) {
				t.Errorf("Frame() = % x..., want % x...", p.Frame()[:min(len(p.Frame()), 20)], want[:min(len(want), 20)])
			}
			if !bytes.Equal(p.Payload(), pattern(tt.n)) || p.Opcode() != Binary {
				t.Errorf("Opcode() = %v, Payload() of %d bytes", p.Opcode(), len(p.Payload()))
			}
			if n := testing.AllocsPerRun(10, func() { sinkPrepared = Prepare(Binary, payload) }); n != 2 {
				t.Errorf("Prepare allocates %v times, want once for the frame and once for the Prepared", n)
			}
		})
	}
}

var sinkPrepared *Prepared
