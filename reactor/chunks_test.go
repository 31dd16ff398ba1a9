package reactor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// chunkProbe is a probe that takes chunks, and notes all calls.
type chunkProbe struct {
	*probe
	calls   []string
	onChunk func(*Conn, codec.Chunk)
}

func newChunkProbe() *chunkProbe {
	h := &chunkProbe{probe: newProbe()}
	h.onMessage = func(_ *Conn, m codec.Message) { h.calls = append(h.calls, fmt.Sprintf("%v %s", m.Opcode, m.Payload)) }
	h.onChunk = func(_ *Conn, ch codec.Chunk) { h.calls = append(h.calls, describe(ch)) }
	return h
}

func (h *chunkProbe) OnChunk(c *Conn, ch codec.Chunk) { h.onChunk(c, ch) }

// describe writes a chunk with [ and ] where its message begins and ends.
func describe(ch codec.Chunk) string {
	s := fmt.Sprintf("%v ", ch.Opcode)
	if ch.First {
		s += "["
	}
	s += string(ch.Payload)
	if ch.Final {
		s += "]"
	}
	return s
}

func TestChunkHandler(t *testing.T) {
	begin := func(op codec.Opcode, p string) string { return first(byte(op), frame(op, p)) }
	whole := text("Hello, Weir!")
	for name, row := range map[string]struct {
		arrive []string
		want   []string
	}{
		"short":      {[]string{text("short")}, []string{"text short"}},
		"long":       {[]string{whole}, []string{"text [Hello, Weir!]"}},
		"in turns":   {[]string{whole[:6], whole[6:9], whole[9:]}, []string{"text [Hel", "text lo, Weir!]"}},
		"fragments":  {[]string{begin(codec.Binary, "Hel") + frame(codec.Continuation, "lo, Weir!")}, []string{"binary [Hel", "binary lo, Weir!]"}},
		"kept whole": {[]string{begin(codec.Text, "He"), frame(codec.Continuation, "llo")}, []string{"text Hello"}},
		"one by one": {[]string{whole + text("short") + whole}, []string{"text [Hello, Weir!]", "text short", "text [Hello, Weir!]"}},
		"character":  {[]string{begin(codec.Text, "Hello, \xe4\xb8") + frame(codec.Continuation, "\x96")}, []string{"text [Hello, \xe4\xb8", "text \x96]"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newChunkProbe()
			s := newOpenStand(t, &Server{Handler: h, StreamFrom: 5})
			for _, p := range row.arrive {
				s.arrive(p)
			}
			if !slices.Equal(h.calls, row.want) {
				t.Errorf("got %q, want %q", h.calls, row.want)
			}
		})
	}
}

// TestStreamFrom holds the defaults, and that StreamFrom is not above MaxMessage.
func TestStreamFrom(t *testing.T) {
	for _, row := range []struct {
		from, message, stream int
		want                  codec.Streaming
	}{
		{0, 0, 0, codec.Streaming{From: 64 << 10, Max: 1 << 30}},
		{-1, 0, 7, codec.Streaming{From: 0, Max: 7}},
		{100, 50, 0, codec.Streaming{From: 50, Max: 1 << 30}},
		{100, -1, -1, codec.Streaming{From: 100, Max: 1<<63 - 1}},
	} {
		set := settings{streamFrom: row.from, maxMessage: row.message, maxStream: row.stream}
		if cfg := set.config(codec.Server, newChunkProbe()); *cfg.decoder.Stream != row.want {
			t.Errorf("%+v: %+v", row, *cfg.decoder.Stream)
		}
		if cfg := set.config(codec.Server, newProbe()); cfg.decoder.Stream != nil {
			t.Error("a handler that does not take chunks is given them")
		}
	}
}

// TestChunksInterrupted holds what comes of a message that is not finished: the handler hears of its end by
// OnClose, with the reason, and of nothing after it.
func TestChunksInterrupted(t *testing.T) {
	begun := first(0x01, text("Hello"))
	zeros := string((&codec.Deflate{}).NewDeflater(codec.DeflateParams{}, codec.Client).AppendMaskedFrame(nil, codec.Binary, make([]byte, 1<<20), 1))
	for name, row := range map[string]struct {
		then   string
		code   codec.CloseCode
		remote bool
	}{
		"close frame":   {closeFrame(1000, ""), codec.CloseNormal, true},
		"too big":       {frame(codec.Continuation, strings.Repeat("x", 96)), codec.CloseMessageTooBig, false},
		"not UTF-8":     {frame(codec.Continuation, "\xc0"), codec.CloseInvalidPayload, false},
		"protocol":      {text("no continuation"), codec.CloseProtocolError, false},
		"bomb":          {frame(codec.Continuation, "") + zeros, codec.CloseMessageTooBig, false},
		"not deflated":  {frame(codec.Continuation, "") + first(0xC2, frame(codec.Binary, "\xff\xff\xff")), codec.CloseInvalidPayload, false},
		"handler panic": {frame(codec.Continuation, "panic"), codec.CloseInternalError, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newChunkProbe()
			seen := 0
			h.onChunk = func(_ *Conn, ch codec.Chunk) {
				if seen += len(ch.Payload); string(ch.Payload) == "panic" {
					panic("of a handler")
				}
			}
			addr := serve(t, &Server{Handler: h, StreamFrom: -1, MaxStream: 100, Deflate: &codec.Deflate{}})
			r, _ := deflated(t, addr, "permessage-deflate")
			r.send(begun, row.then)
			r.wantClose(row.code)
			_ = r.Close()
			h.wantClosed(t, row.code, row.remote)
			if seen > 110 {
				t.Errorf("%d bytes were handed out with a limit of 100", seen)
			}
		})
	}
	t.Run("reset", func(t *testing.T) {
		h := newChunkProbe()
		seen := make(chan codec.Chunk, 1)
		h.onChunk = func(_ *Conn, ch codec.Chunk) { seen <- ch }
		r := open(t, serve(t, &Server{Handler: h, StreamFrom: -1}))
		r.send(begun)
		if ch := within(t, seen); !ch.First || ch.Final {
			t.Errorf("%+v", ch)
		}
		r.reset()
		h.wantClosed(t, codec.CloseAbnormal, false)
	})
}

// Once the handler has closed the connection no chunk is given to it; and control frames are answered between the
// chunks.
func TestChunksAndControlFrames(t *testing.T) {
	h := newChunkProbe()
	note := h.onChunk
	h.onChunk = func(c *Conn, ch codec.Chunk) {
		if note(c, ch); string(ch.Payload) == "enough" {
			_ = c.Close(4000, "")
		}
	}
	s := newOpenStand(t, &Server{Handler: h, StreamFrom: -1})
	s.arrive(first(0x01, text("a")) + frame(codec.Ping, "up") + first(0x00, frame(codec.Continuation, "b")))
	s.wantOut(unmasked(codec.Pong, "up"))
	s.arrive(first(0x00, frame(codec.Continuation, "enough")) + first(0x00, frame(codec.Continuation, "more")) + closeFrame(4000, ""))
	s.wantOut(unmasked(codec.Close, "\x0f\xa0"))
	if want := []string{"text [a", "text b", "text enough"}; !slices.Equal(h.calls, want) {
		t.Errorf("got %q, want %q", h.calls, want)
	}
}

// Server.Stats counts a streamed message once.
func TestChunksAreOneMessage(t *testing.T) {
	srv := &Server{Handler: newChunkProbe(), StreamFrom: -1}
	s := newOpenStand(t, srv)
	s.arrive(first(0x01, text("a")) + first(0x00, frame(codec.Continuation, "b")) + frame(codec.Continuation, "c"))
	if got := srv.Stats().Received; got.Text != 1 || got.TextBytes != 3 {
		t.Errorf("%d messages of %d bytes", got.Text, got.TextBytes)
	}
}

// hashing is a handler that hashes what is streamed to it.
type hashing struct {
	NopHandler
	sum  hash.Hash
	size int64
	done chan [sha256.Size]byte
}

func newHashing() *hashing { return &hashing{sum: sha256.New(), done: make(chan [sha256.Size]byte, 1)} }

func (h *hashing) OnChunk(_ *Conn, ch codec.Chunk) {
	_, _ = h.sum.Write(ch.Payload)
	h.size += int64(len(ch.Payload))
	if ch.Final {
		h.done <- [sha256.Size]byte(h.sum.Sum(nil))
	}
}

// flood is n bytes, of which the first half are noise and the others compress well.
func flood(n int64) io.Reader {
	noise := rand.NewChaCha8([32]byte{1})
	line := strings.NewReader(strings.Repeat("{\"over\": \"the weir\"}\n", 1000))
	return io.MultiReader(io.LimitReader(noise, n/2), io.LimitReader(&repeated{line}, n-n/2))
}

type repeated struct{ *strings.Reader }

func (r *repeated) Read(p []byte) (int, error) {
	if r.Len() == 0 {
		_, _ = r.Seek(0, io.SeekStart)
	}
	return r.Reader.Read(p)
}

// TestStreamBothWays streams 64 MiB up and down, by either role, with and without compression and TLS, and counts
// the memory.
func TestStreamBothWays(t *testing.T) {
	size := int64(64 << 20)
	if raceDetector {
		size = 8 << 20 // it looks at each byte
	}
	sum := sha256.New()
	_, _ = io.Copy(sum, flood(size))
	want := [sha256.Size]byte(sum.Sum(nil))
	for name, row := range map[string]struct {
		deflate *codec.Deflate
		secure  bool
	}{
		"plain":            {nil, false},
		"TLS":              {nil, true},
		"deflated":         {&codec.Deflate{}, false},
		"context takeover": {&codec.Deflate{ServerContextTakeover: true, ClientContextTakeover: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			up, down := newHashing(), newHashing()
			opened := make(chan *Conn, 1)
			h := struct {
				*hashing
				opener
			}{up, opener{opened}}
			srv, cl := &Server{Handler: h, Deflate: row.deflate}, &Client{Deflate: row.deflate}
			t.Cleanup(func() { _ = cl.Close() })
			var url string
			if row.secure {
				cl.TLS = clientConfig(tls.VersionTLS13)
				url = "wss://" + serveTLS(t, srv)
			} else {
				url = "ws://" + serve(t, srv)
			}
			c, err := cl.Dial(t.Context(), url, down, nil)
			if err != nil {
				t.Fatal(err)
			}
			for what, way := range map[string]struct {
				from *Conn
				to   *hashing
			}{"up": {c, up}, "down": {within(t, opened), down}} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				n, err := way.from.WriteFrom(codec.Binary, flood(size))
				if err != nil || n != size {
					t.Fatalf("%s: %d bytes, %v", what, n, err)
				}
				if got := within(t, way.to.done); got != want || way.to.size != size {
					t.Errorf("%s: %d bytes of %d came, or others", what, way.to.size, size)
				}
				runtime.ReadMemStats(&after)
				if bytes := after.TotalAlloc - before.TotalAlloc; bytes > uint64(size)/4 && !raceDetector {
					t.Errorf("%s: %d bytes were allocated", what, bytes)
				}
			}
		})
	}
}

// opener tells which connection has opened.
type opener struct{ opened chan *Conn }

func (o opener) OnOpen(c *Conn) { o.opened <- c }

// TestStreamToSlowReader sends to one who reads little at a time: all bytes come, and few wait.
func TestStreamToSlowReader(t *testing.T) {
	const size = 8 << 20
	h := newProbe()
	r := open(t, serve(t, &Server{Handler: h}))
	c := within(t, h.opened)
	sent := make(chan error, 1)
	go func() {
		_, err := c.WriteFrom(codec.Binary, flood(size))
		sent <- err
	}()
	eventually(t, "the output is congested", func() bool { return c.BufferedAmount() > writerRoom/2 })
	if err := c.Ping([]byte("between")); err != nil {
		t.Error(err)
	}
	if err := c.WriteText("behind"); err != nil {
		t.Error(err)
	}
	got := readMessage(t, r, func() {
		if n := c.BufferedAmount(); n > writerRoom+2*writerPiece {
			t.Errorf("%d bytes wait", n)
		}
	})
	want, _ := io.ReadAll(flood(size))
	if got.op != codec.Binary || !bytes.Equal(got.payload, want) || got.frames < size/writerPiece/2 {
		t.Errorf("got %v of %d bytes in %d frames", got.op, len(got.payload), got.frames)
	}
	if !slices.Equal(got.between, []string{"ping between"}) {
		t.Errorf("between the fragments: %q", got.between)
	}
	if err := within(t, sent); err != nil {
		t.Error(err)
	}
	r.want(codec.Text, "behind")
}

// fragmented is a message that came in frames.
type fragmented struct {
	op      codec.Opcode
	payload []byte
	frames  int
	between []string // control frames
}

// readMessage reads a message of a server in any number of frames, calling each with every one.
func readMessage(t *testing.T, r *rawClient, each func()) (m fragmented) {
	t.Helper()
	for final := false; !final; {
		each()
		head, p, err := r.nextFrame()
		op := codec.Opcode(head & 0xF)
		switch {
		case err != nil:
			t.Fatalf("after %d bytes in %d frames: %v", len(m.payload), m.frames, err)
		case op.IsControl():
			m.between = append(m.between, op.String()+" "+p)
			continue
		case (op == codec.Continuation) != (m.frames > 0) || head&0x70 != 0:
			t.Fatalf("frame %d begins with %#x", m.frames, head)
		case m.frames == 0:
			m.op = op
		}
		m.frames++
		m.payload = append(m.payload, p...)
		final = head&0x80 != 0
	}
	return m
}

// A client's handler gets chunks or whole messages, as it takes them; the server's has no part in that.
func TestChunksOfClients(t *testing.T) {
	addr := serve(t, &Server{})
	cl := &Client{StreamFrom: 5}
	t.Cleanup(func() { _ = cl.Close() })
	chunks := newChunkProbe()
	got := make(chan string, 1)
	chunks.onChunk = func(_ *Conn, ch codec.Chunk) { got <- describe(ch) }
	whole := newCollector()
	for _, h := range []Handler{chunks, whole} {
		c, err := cl.Dial(t.Context(), "ws://"+addr, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.WriteText("Hello, Weir!")
	}
	if s := within(t, got); s != "text [Hello, Weir!]" {
		t.Errorf("in chunks: %q", s)
	}
	if s := within(t, whole.messages); s != "text:Hello, Weir!" {
		t.Errorf("whole: %q", s)
	}
}

// TestShutdownDuringStreams: neither direction holds up a shutdown, and both ends hear of it.
func TestShutdownDuringStreams(t *testing.T) {
	h := newChunkProbe()
	h.onChunk = func(*Conn, codec.Chunk) {}
	srv := &Server{Handler: h, StreamFrom: -1}
	r := open(t, serve(t, srv))
	c := within(t, h.opened)
	r.send(first(0x02, frame(codec.Binary, "an upload")))
	pr, pw := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		_, err := c.WriteFrom(codec.Binary, pr)
		sent <- err
	}()
	_, _ = pw.Write([]byte("a download"))
	eventually(t, "the fragment is there", func() bool { _, err := r.in.Peek(12); return err == nil })
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(context.Background()) }()
	if b0, p, err := r.nextFrame(); b0 != byte(codec.Binary) || p != "a download" || err != nil {
		t.Fatalf("%#x %q, %v", b0, p, err)
	}
	r.want(codec.Close, "\x03\xE9server is shutting down")
	if _, err := pw.Write([]byte("more")); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if err := within(t, sent); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteFrom returned %v", err)
	}
	r.send(closeFrame(1001, ""))
	r.wantEOF()
	_ = r.Close()
	if err := within(t, ended); err != nil {
		t.Error(err)
	}
	h.wantClosed(t, codec.CloseGoingAway, false)
}

// An upload through the loop allocates nothing for its chunks.
func TestChunksAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets under the race detector")
	}
	h := newChunkProbe()
	n := 0
	h.onChunk = func(_ *Conn, ch codec.Chunk) { n += len(ch.Payload) }
	s := newStandOn(t, &Server{Handler: h, StreamFrom: -1, MaxStream: -1}, unix.SOCK_STREAM)
	s.arrive(request())
	head := first(0x02, frame(codec.Binary, ""))
	s.arrive(head)
	piece := []byte(first(0x00, frame(codec.Continuation, strings.Repeat("x", 10_000))))
	turn := func() { s.c.turn(bytes.Clone(piece)) }
	clone := testing.AllocsPerRun(100, func() { _ = bytes.Clone(piece) })
	if allocs := testing.AllocsPerRun(100, turn); allocs > max(clone, 1) {
		t.Errorf("a chunk allocates %v times", allocs-1)
	}
	if n != 101*10_000 {
		t.Errorf("%d bytes came", n)
	}
}
