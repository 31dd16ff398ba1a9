package torture

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"example.org/weir/bench/rawpeer"
)

const (
	// smallReceive is what the kernel is to keep for a client that does not read, in bytes.
	smallReceive = 64 << 10
	// minPoured is more than kernels keep for a server that does not read, in bytes.
	minPoured = 64 << 20
	// blocked is how long a server has to take nothing before it counts as reading no more.
	blocked = 2 * time.Second
	// quiet is how long nothing has to come before nothing more is expected.
	quiet = time.Second
)

func neverReading(a *attack) {
	a.deaf(rawpeer.Bytes(rawpeer.Binary(fill(make([]byte, 16<<10), a.rand(0)))))
}

func pingFlood(a *attack) {
	a.deaf(rawpeer.Bytes(rawpeer.Ping(fill(make([]byte, 125), a.rand(0)))))
}

// deaf sends a frame over and over without reading what comes back, until the server reads no more,
// closes the connection or has taken far more than it may hold. What comes back is read then, and
// shows what it has held.
func (a *attack) deaf(frame []byte) {
	burst := bytes.Repeat(frame, 1+64<<10/len(frame))
	limit := max(4*a.opt.MaxHeld, minPoured)
	var total, held atomic.Int64
	defer func() { a.note("%s sent, %s held", mebibytes(total.Load()), mebibytes(held.Load())) }()
	a.each(a.n(4), together, func(int) {
		c := a.openWith(smallReceive)
		if c == nil {
			return
		}
		defer c.Close()
		sent, took := a.pour(c, burst, limit)
		back := int64(0)
		var e ending
		for e == "" {
			e = a.watch(c, quiet, func(f *rawpeer.Frame) bool {
				back += int64(len(f.Payload))
				return f.Opcode != rawpeer.OpClose
			})
		}
		if e == stillOpen && !took {
			e = "no longer read"
		}
		a.ended(e)
		total.Add(sent)
		held.Add(back)
		// What comes back from a server that had stopped reading is mostly what the kernel has held.
		if took && back > a.opt.MaxHeld {
			a.fault("the server held %s for a client that did not read, more than -max-held", mebibytes(back))
		}
	})
}

// pour sends burst until limit bytes are sent, the server does not read for a while, or the
// connection ends. It returns how much was sent and whether the server took it all.
func (a *attack) pour(c *rawpeer.Conn, burst []byte, limit int64) (sent int64, took bool) {
	for sent < limit {
		_ = c.SetWriteDeadline(time.Now().Add(blocked))
		n, err := c.Write(burst)
		sent += int64(n)
		if err != nil { // no longer read, or ended, which is seen afterwards
			return sent, false
		}
	}
	return sent, true
}

// unread is how much a client of congestedResets sends at most, more than kernels keep of its echoes.
const unread = 6 << 20

// congestedResets cuts connections while the server waits for them to take bytes. The client that
// comes next is likely to get the descriptor, and must not get the bytes.
func congestedResets(a *attack) {
	message := rawpeer.Bytes(rawpeer.Binary(make([]byte, 16<<10)))
	a.each(a.n(60), 8, func(i int) {
		c := a.openWith(smallReceive)
		if c == nil {
			return
		}
		a.pour(c, message, a.rand(i).Int64N(unread))
		_ = c.Reset()
		a.ended(byUs)
		next := a.open()
		if next == nil {
			return
		}
		defer next.Close()
		if err := echoOnce(next, fmt.Sprintf("This is for client %d only.", i)); err != nil {
			a.fault("the next client was not served as it should: %s", brief(err))
		}
	})
}

// bombInflated is what the bomb inflates to, in bytes. Half of it is what that may cost.
const bombInflated = 256 << 20

func inflateBomb(a *attack) {
	c := a.openDeflating()
	if c == nil {
		return
	}
	defer c.Close()
	n := a.n(bombInflated)
	bomb := rawpeer.Bytes(rawpeer.Binary(deflatedZeros(n)).WithRSV(rawpeer.RSV1))
	var before Usage
	if a.sampler != nil {
		before = a.sampler.look()
	}
	go stream(c, bomb)
	e := a.watchBomb(c)
	a.ended(e)
	a.note("%s sent", mebibytes(int64(len(bomb))))
	if e == "echoed" {
		a.fault("a message that inflates to %s was echoed: there is no bound", mebibytes(int64(n)))
	}
	if a.sampler == nil {
		return
	}
	if grown := a.sampler.peak().RSS - before.RSS; grown > int64(n)/2 {
		a.fault("the bomb cost %s of memory", mebibytes(grown))
	}
}

// openDeflating opens a connection with permessage-deflate (RFC 7692), and skips the abuse where the
// server does not want it.
func (a *attack) openDeflating() *rawpeer.Conn {
	c, resp, err := a.dialer.open(a.ctx, 0, rawpeer.Options{
		Extensions: "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
	})
	if err != nil {
		a.notOpened(resp, err)
		return nil
	}
	if !strings.Contains(resp.Value("Sec-WebSocket-Extensions"), "permessage-deflate") {
		c.Close()
		a.skip("the server does not offer permessage-deflate")
		return nil
	}
	return c
}

// watchBomb waits for what the server makes of the bomb.
func (a *attack) watchBomb(c *rawpeer.Conn) ending {
	const head = 1 << 20 // of an echo, compressed or not, which is not read
	c.Within(3 * patience)
	for {
		f, err := c.ReadFrame(head)
		switch {
		case err != nil:
			if _, other := rawpeer.EndOf(err); other != nil {
				return "echoed" // more than was asked for
			}
			return endingOf(err)
		case f.Opcode == rawpeer.OpClose:
			return closedWith(f.CloseCode())
		case f.Opcode <= rawpeer.OpBinary && f.FIN:
			return "echoed"
		}
	}
}

// deflatedZeros returns the payload of a compressed message of n zeros (RFC 7692 7.2.1).
func deflatedZeros(n int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestSpeed) // a level that exists
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		_, _ = w.Write(zeros[:min(n, len(zeros))]) // to memory
	}
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}
