package reactor

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// payload is the message of the benchmarks, of 128 bytes.
var payload = strings.Repeat("x", 128)

// BenchmarkTurn is an echo without the network: a turn of the loop, with its write to a socket pair; also with
// TrackConns.
func BenchmarkTurn(b *testing.B) {
	for name, row := range map[string]struct {
		depth int
		track bool
	}{
		"depth=1":          {1, false},
		"depth=16":         {16, false},
		"depth=1/tracked":  {1, true},
		"depth=16/tracked": {16, true},
	} {
		depth := row.depth
		b.Run(name, func(b *testing.B) {
			s := newOpenStand(b, &Server{TrackConns: row.track})
			in := strings.Repeat(text(payload), depth)
			p, out := make([]byte, len(in)), make([]byte, 1<<16)
			b.SetBytes(int64(depth * len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				copy(p, in) // which the turn before has unmasked
				if s.c.turn(p) {
					b.Fatal("the connection is to be closed")
				}
				if _, err := unix.Read(s.peer, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReceiveLarge is a message of 1 MiB that arrives as with the default ReadBuffer, without the network.
func BenchmarkReceiveLarge(b *testing.B) {
	const n = 1 << 20
	received := 0
	s := newOpenStand(b, &Server{Handler: HandlerFunc(func(_ *Conn, m codec.Message) { received += len(m.Payload) })})
	wire := []byte(frame(codec.Binary, strings.Repeat("x", n)))
	buffer := make([]byte, defaultReadBuffer)
	b.SetBytes(n)
	b.ReportAllocs()
	want := 0
	for b.Loop() {
		for piece := range slices.Chunk(wire, len(buffer)) {
			if s.c.turn(buffer[:copy(buffer, piece)]) {
				b.Fatal("the connection is to be closed")
			}
		}
		want += n
	}
	if received != want {
		b.Fatalf("%d bytes were received of %d", received, want)
	}
}

// BenchmarkEcho is a round trip over loopback: so many messages in one segment, and their echoes.
func BenchmarkEcho(b *testing.B) {
	for name, depth := range map[string]int{"depth=1": 1, "depth=16": 16} {
		b.Run(name, func(b *testing.B) {
			r := open(b, serve(b, &Server{}))
			_ = r.SetDeadline(time.Time{})
			in := []byte(strings.Repeat(text(payload), depth))
			out := make([]byte, depth*(len(payload)+4))
			b.SetBytes(int64(depth * len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Write(in); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(r.in, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpenClose is a connection from the first segment to the last, without an echo.
func BenchmarkOpenClose(b *testing.B) {
	addr := serve(b, &Server{})
	in := []byte(request() + closeFrame(1000, ""))
	b.ReportAllocs()
	for b.Loop() {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write(in); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			b.Fatal(err)
		}
		_ = conn.Close()
	}
}
