package torture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/bench/rawpeer"
)

// The bystander's connections, and how often each sends.
const (
	bystanders = 4
	sendEvery  = 10 * time.Millisecond
	maxWaiting = 1 << 14 // echoes that may be due on one connection
)

// bystander is a client that does all that it should while others do not: it sends steadily,
// whether or not the echoes come (an open loop), and checks each echo.
type bystander struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	conns  []*witness

	mu      sync.Mutex
	latency *hdrhistogram.Histogram // ns, from the time that a message was meant to be sent
	faults  []string
}

// witness is one of its connections.
type witness struct {
	*bystander
	conn    *rawpeer.Conn
	id      byte
	writing sync.Mutex
	waiting chan time.Time // when each message that has not come back was meant to be sent

	// Under bystander.mu:
	sent, echoed uint64
	ended        bool
}

// newBystander connects, and waits for the first echo on each connection.
func newBystander(ctx context.Context, d *dialer) (*bystander, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &bystander{cancel: cancel, latency: newHistogram()}
	for id := range bystanders {
		c, _, err := d.open(ctx, 0, rawpeer.Options{})
		if err == nil {
			err = echoOnce(c, "Is this an echo?")
		}
		if err != nil {
			cancel()
			return nil, err
		}
		b.conns = append(b.conns, &witness{bystander: b, conn: c, id: byte(id), waiting: make(chan time.Time, maxWaiting)})
	}
	for _, w := range b.conns {
		b.wg.Go(func() { w.send(ctx) })
		b.wg.Go(func() { w.receive(ctx) })
	}
	return b, nil
}

// echoOnce sends a message and waits for it to come back.
func echoOnce(c *rawpeer.Conn, text string) error {
	c.Within(patience)
	defer c.Within(0)
	if err := c.WriteFrame(rawpeer.Text(text)); err != nil {
		return err
	}
	for {
		f, err := c.ReadFrame(maxFrame)
		switch {
		case err != nil:
			return fmt.Errorf("no echo came: %w", err)
		case f.Opcode == rawpeer.OpPing:
			err = c.WriteFrame(rawpeer.Pong(f.Payload))
		case f.Opcode == rawpeer.OpClose:
			return fmt.Errorf("instead of an echo came a close frame with %d", f.CloseCode())
		case f.Opcode == rawpeer.OpText && string(f.Payload) == text:
			return nil
		default:
			return fmt.Errorf("the server does not echo: %.60q came for %q", f.Payload, text)
		}
		if err != nil {
			return err
		}
	}
}

// payload is a connection's seq-th message, from 13 to 1,012 bytes.
func (w *witness) payload(dst []byte, seq uint64) []byte {
	dst = append(dst[:0], w.id)
	dst = binary.BigEndian.AppendUint64(dst, seq)
	for i := range 4 + int(seq*37%1000) {
		dst = append(dst, byte(seq)+byte(i))
	}
	return dst
}

// send sends one message after the other until ctx is done or the connection has ended.
func (w *witness) send(ctx context.Context) {
	var p []byte
	next := time.Now()
	for seq := uint64(0); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		select {
		case w.waiting <- next:
		default:
			w.fail(ctx, "%d echoes are missing", maxWaiting)
			return
		}
		w.mu.Lock()
		w.sent++
		w.mu.Unlock()
		p = w.payload(p, seq)
		if err := w.write(rawpeer.Binary(p)); err != nil {
			w.fail(ctx, "it could not send: %v", err)
			return
		}
		next = next.Add(sendEvery)
	}
}

// write writes a frame; messages and pongs come from different goroutines.
func (w *witness) write(f rawpeer.Frame) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.conn.WriteFrame(f)
}

// receive takes in the echoes.
func (w *witness) receive(ctx context.Context) {
	var want []byte
	for seq := uint64(0); ; {
		f, err := w.conn.ReadFrame(maxFrame)
		switch {
		case err != nil:
			w.fail(ctx, "the server ended its connection: %v", err)
			return
		case f.Opcode == rawpeer.OpPing:
			_ = w.write(rawpeer.Pong(f.Payload)) // an error shows in what comes next
			continue
		case f.Opcode == rawpeer.OpClose:
			w.fail(ctx, "the server closed its connection with %d", f.CloseCode())
			return
		}
		want = w.payload(want, seq)
		if f.Opcode != rawpeer.OpBinary || !bytes.Equal(f.Payload, want) {
			w.fail(ctx, "message %d came back wrong", seq)
			return
		}
		seq++
		select {
		case intended := <-w.waiting:
			w.came(time.Since(intended))
		default:
			w.fail(ctx, "a message came that it had not sent")
			return
		}
	}
}

// came counts an echo.
func (w *witness) came(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.echoed++
	_ = w.latency.RecordValue(min(max(int64(after), 1), longest)) // in range, so it cannot fail
}

// fail notes that a connection is no longer of use.
func (w *witness) fail(ctx context.Context, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil && !w.ended {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
	w.ended = true
	w.conn.Close()
}

// Bystander is how it fared.
type Bystander struct {
	Echoes int64 `json:"echoes"`
	P50    int64 `json:"p50_ns"`
	P99    int64 `json:"p99_ns"`
	Max    int64 `json:"max_ns"`
}

// begin forgets what was.
func (b *bystander) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latency.Reset()
}

// fewest is how many echoes of each connection a judgement is based on, however short an abuse is.
const fewest = 5

// finish waits for the echoes of all that has been sent so far, and of a little more, and returns how
// the bystander fared since begin and what it has to complain about.
func (b *bystander) finish(ctx context.Context, within time.Duration) (Bystander, []string) {
	b.mu.Lock()
	due := make([]uint64, len(b.conns))
	for i, w := range b.conns {
		due[i] = w.sent + fewest
	}
	b.mu.Unlock()
	poll(ctx, within, func() bool { return b.missing(due) == 0 || b.lost() })
	missing := b.missing(due)

	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	if missing > 0 && len(faults) == 0 && ctx.Err() == nil {
		faults = append(faults, fmt.Sprintf("%d echoes have not come", missing))
		b.conns[0].ended = true // another abuse must not be blamed for them
	}
	h := b.latency
	return Bystander{
		Echoes: h.TotalCount(), P50: h.ValueAtQuantile(50), P99: h.ValueAtQuantile(99), Max: h.Max(),
	}, faults
}

// missing is how many of the messages that are due have not come back.
func (b *bystander) missing(due []uint64) (n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.conns {
		n += due[i] - min(due[i], w.echoed)
	}
	return n
}

// lost reports whether a connection of the bystander has ended.
func (b *bystander) lost() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.conns {
		if w.ended {
			return true
		}
	}
	return false
}

// close ends the bystander.
func (b *bystander) close() {
	b.cancel()
	b.wg.Wait()
}

// longest is the longest time that a histogram tells from others.
const longest = int64(10 * time.Minute)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, longest, 3) }

// poll waits until ok, at most for that time or until ctx is done. It reports whether it became ok.
func poll(ctx context.Context, within time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}
