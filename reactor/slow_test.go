package reactor

import (
	"io"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// TestOutputNeverEmpty has a client read a little less than what there is, for ever. What has been
// sent must not stay in memory behind it.
func TestOutputNeverEmpty(t *testing.T) {
	const limit, message = 256 << 10, 4 << 10
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h, MaxOutbound: limit}))
	c := within(t, h.opened)
	_ = unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10) // or the kernel takes it all at times
	p := make([]byte, message)
	written, read := 0, 0
	for read < 10*limit {
		for c.WriteMessage(codec.Binary, p) == nil {
			written += codec.HeaderLen(codec.Server, message) + message
		}
		n := rand.IntN(limit / 2)
		if _, err := io.CopyN(io.Discard, r.in, int64(n)); err != nil {
			t.Fatal(err)
		}
		read += n
		if has, pending := outputRoom(c); has > 4*limit {
			t.Fatalf("the buffer has %d bytes for %d pending, after %d", has, pending, written)
		}
	}
}

// outputRoom returns how large c's output buffer is, and how much of it is pending.
func outputRoom(c *Conn) (has, pending int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0, 0
	}
	return cap(c.out.B), c.pending()
}
