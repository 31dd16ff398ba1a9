package codec

import (
	"sync"

	"github.com/klauspost/compress/flate"
)

// Deflater compresses what one endpoint sends over one connection (RFC 7692 7.2.1). Without context takeover it
// never changes: one may serve any number of connections with the same parameters, from any goroutine. With
// context takeover it belongs to one connection, its calls must not overlap, and what they return must be sent
// in their order.
type Deflater struct {
	threshold int    // the least length that is compressed
	context   int    // how many bytes of sent are kept; 0 without context takeover
	sent      []byte // the last bytes of what was sent compressed, before compression
	bits      uint8  // no match reaches further back than 1<<bits bytes
}

// NewDeflater returns a compressor for what the endpoint in role sends once p has been agreed on. It makes do
// with c's Threshold and Context.
func (c *Deflate) NewDeflater(p DeflateParams, role Role) *Deflater {
	takeover, bits := p.of(role)
	d := &Deflater{threshold: c.Threshold, bits: bits}
	if takeover {
		d.context = c.Context
		if d.context == 0 {
			d.context = defaultContext
		}
		d.context = min(max(d.context, 0), 1<<bits)
	}
	if d.threshold == 0 {
		d.threshold = defaultThreshold
		if takeover {
			d.threshold = smallMessage
		}
	}
	return d
}

const (
	defaultThreshold = 256
	defaultContext   = 1 << 10

	// smallMessage is the length below which a flate.Writer does not look for matches at all.
	smallMessage = 128
)

// Takeover reports whether d remembers what it has compressed.
func (d *Deflater) Takeover() bool { return d.context > 0 }

// Wants reports whether a message of n bytes is worth compressing.
func (d *Deflater) Wants(n int) bool { return n >= d.threshold }

// AppendMessage appends the compressed form of a whole message to dst: the payload of one frame, or, cut
// anywhere, of several. The first of them has RSV1 set (AppendDeflatedHeader) and the others do not (RFC 7692
// 6). It must be sent. The empty message becomes a single zero byte (RFC 7692 7.2.3.6).
func (d *Deflater) AppendMessage(dst, payload []byte) []byte {
	dst = d.compress(dst, payload, d.sent)
	d.remember(payload)
	return dst
}

// compress appends the compressed form of payload, which may refer to before and which d does not remember.
func (d *Deflater) compress(dst, payload, before []byte) []byte {
	if len(payload) < smallMessage {
		return compressSmall(dst, payload, before, 1<<d.bits)
	}
	pool := &deflateWriters[d.bits]
	w, _ := pool.Get().(*deflateWriter)
	if w == nil {
		w = newDeflateWriter(d.bits)
	}
	w.out = dst
	w.flate.ResetDict(w, before)
	_, _ = w.flate.Write(payload) // w.Write does not fail
	_ = w.flate.Flush()
	dst, w.out = w.out, nil
	pool.Put(w)
	return trimFlush(dst)
}

// compressSmall is compress for small messages. What it looks back on is not longer than the window, so that no
// distance can be.
func compressSmall(dst, payload, sent []byte, window int) []byte {
	w := appendWriters.Get().(*appendWriter)
	w.out = dst
	before := min(len(sent), window-len(payload))
	_ = flate.StatelessDeflate(w, payload, false, sent[len(sent)-before:]) // w.Write does not fail
	dst, w.out = w.out, nil
	appendWriters.Put(w)
	return trimFlush(dst)
}

// remember keeps the last bytes of what has been sent compressed, for the messages after it.
func (d *Deflater) remember(payload []byte) {
	if d.context > 0 {
		d.sent = slideWindow(d.sent, payload, d.context)
	}
}

// trimFlush removes the end that every flushed stream has. RFC 7692 7.2.1: "Remove 4 octets (that are 0x00 0x00
// 0xff 0xff) from the tail end."
func trimFlush(compressed []byte) []byte { return compressed[:len(compressed)-len(deflateTail)] }

// deflateTail is the length 0 of an empty block without compression, and its complement (RFC 1951 3.2.4).
const deflateTail = "\x00\x00\xff\xff"

// slideWindow appends p to window and drops what is more than the last size bytes. It returns window, in the
// same memory where that is enough, with room for at most size bytes.
func slideWindow(window, p []byte, size int) []byte {
	if len(p) > size {
		p = p[len(p)-size:]
	}
	keep := min(len(window), size-len(p))
	if need := keep + len(p); need > cap(window) {
		grown := make([]byte, keep, min(max(2*need, 256), size))
		copy(grown, window[len(window)-keep:])
		window = grown
	} else {
		copy(window, window[len(window)-keep:])
	}
	return append(window[:keep], p...)
}

// appendWriter is an io.Writer that appends to out.
type appendWriter struct{ out []byte }

func (w *appendWriter) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

var appendWriters = sync.Pool{New: func() any { return new(appendWriter) }}

// deflateWriter is a compressor of some 800 KiB. It is borrowed for one message at a time.
type deflateWriter struct {
	appendWriter
	flate *flate.Writer
}

// deflateWriters has a pool for each size of window.
var deflateWriters [maxWindowBits + 1]sync.Pool

// newDeflateWriter returns a compressor that emits no distance above 1<<bits: one for windows below 32 KiB
// compares each with its window, and the fastest one is for the full window.
func newDeflateWriter(bits uint8) *deflateWriter {
	w := new(deflateWriter)
	var err error
	if bits < maxWindowBits {
		w.flate, err = flate.NewWriterWindow(nil, 1<<bits)
	} else {
		w.flate, err = flate.NewWriter(nil, flate.BestSpeed)
	}
	if err != nil {
		panic(err) // the window is one of 256 to 32768 bytes
	}
	return w
}
