package reactor

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.org/weir/codec"
)

// prose is n bytes that compress well, different for each seed.
func prose(n int, seed uint64) string {
	words := []string{"water ", "flows ", "over ", "the ", "weir ", "and ", "falls ", "{\"id\":", "1},"}
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()[:n]
}

// TestDeflateEcho sends messages of many sizes to and fro, compressed where both sides agree.
func TestDeflateEcho(t *testing.T) {
	takeover := &codec.Deflate{ServerContextTakeover: true, ClientContextTakeover: true}
	for name, row := range map[string]struct {
		server, client *codec.Deflate
		deflated       bool
	}{
		"no context takeover":  {&codec.Deflate{}, &codec.Deflate{}, true},
		"context takeover":     {takeover, takeover, true},
		"client declines that": {takeover, &codec.Deflate{}, true},
		"small windows":        {&codec.Deflate{ServerContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}, takeover, true},
		"server has none":      {nil, takeover, false},
		"client has none":      {takeover, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newProbe()
			addr := serve(t, &Server{Handler: h, Deflate: row.server})
			cl := &Client{Deflate: row.client}
			t.Cleanup(func() { _ = cl.Close() })
			got := newCollector()
			c, err := cl.Dial(t.Context(), "ws://"+addr, got, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Deflate(); ok != row.deflated {
				t.Fatalf("the client compresses: %t", ok)
			}
			if _, ok := within(t, h.opened).Deflate(); ok != row.deflated {
				t.Fatalf("the server compresses: %t", ok)
			}
			for i, n := range []int{0, 1, 100, 127, 128, 1000, 5000, 70_000, 900_000, 300} {
				s := prose(n, uint64(i))
				if err := c.WriteText(s); err != nil {
					t.Fatal(err)
				}
				if echoed := within(t, got.messages); echoed != "text:"+s {
					t.Fatalf("%d bytes came back as %d: %.60q", n, len(echoed), echoed)
				}
				if err := c.WritePrepared(codec.Prepare(codec.Binary, []byte(s))); err != nil {
					t.Fatal(err)
				}
				if echoed := within(t, got.messages); echoed != "binary:"+s {
					t.Fatalf("%d bytes came back as %d: %.60q", n, len(echoed), echoed)
				}
			}
		})
	}
}

// TestDeflatePreparedContext sends what was prepared between messages that refer to what was sent before: the
// context has each once.
func TestDeflatePreparedContext(t *testing.T) {
	sent := []string{prose(700, 1), prose(400, 2), prose(700, 1), prose(500, 3), prose(400, 2) + prose(500, 3)}
	takeover := &codec.Deflate{ServerContextTakeover: true}
	addr := serve(t, &Server{Deflate: takeover, Handler: HandlerFunc(func(c *Conn, m codec.Message) {
		for i, s := range sent {
			if i%2 == 1 {
				_ = c.WritePrepared(codec.Prepare(codec.Text, []byte(s)))
			} else {
				_ = c.WriteText(s)
			}
		}
	})})
	cl := &Client{Deflate: takeover}
	t.Cleanup(func() { _ = cl.Close() })
	got := newCollector()
	c, err := cl.Dial(t.Context(), "ws://"+addr, got, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteText("go on"); err != nil {
		t.Fatal(err)
	}
	for i, s := range sent {
		if came := within(t, got.messages); came != "text:"+s {
			t.Fatalf("message %d came as %d bytes: %.80q", i, len(came), came)
		}
	}
}

// deflated opens a connection on which messages may be compressed, by a client that offers what is
// usual, and returns the response's extensions.
func deflated(t *testing.T, addr, offer string) (r *rawClient, extensions string) {
	t.Helper()
	r = dialRaw(t, addr)
	r.send(request("Sec-WebSocket-Extensions: " + offer))
	for line := range strings.SplitSeq(r.head(), "\r\n") {
		if v, ok := strings.CutPrefix(line, "Sec-WebSocket-Extensions: "); ok {
			extensions = v
		}
	}
	return r, extensions
}

// TestDeflateOnTheWire holds what exactly passes: the response, RSV1 where a message is compressed, and
// that it is smaller.
func TestDeflateOnTheWire(t *testing.T) {
	addr := serve(t, &Server{Deflate: &codec.Deflate{}, Handler: HandlerFunc(func(c *Conn, m codec.Message) {
		_ = c.WriteMessage(m.Opcode, m.Payload)
		_ = c.WritePrepared(codec.Prepare(m.Opcode, m.Payload))
		_ = c.Ping(m.Payload[:100])
	})})
	r, extensions := deflated(t, addr, "permessage-deflate; client_max_window_bits")
	if extensions != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
		t.Fatalf("the response has %q", extensions)
	}
	s := prose(4000, 1)
	d := (&codec.Deflate{}).NewDeflater(codec.DeflateParams{ClientNoContextTakeover: true}, codec.Client)
	r.send(string(d.AppendMaskedFrame(nil, codec.Text, []byte(s), 77)))
	for range 2 {
		p := deflatedFrame(t, r)
		got, err := codec.NewInflater(codec.DeflateParams{ServerNoContextTakeover: true}, codec.Client).AppendMessage(nil, p, 1<<20, true)
		if err != nil || string(got) != s || len(p) > len(s)/4 {
			t.Fatalf("%d bytes became %d, %v", len(p), len(got), err)
		}
	}
	r.want(codec.Ping, s[:100]) // never compressed
}

// deflatedFrame reads the payload of a whole text frame of 126 bytes to 64 KiB that has RSV1 set.
func deflatedFrame(t *testing.T, r *rawClient) []byte {
	t.Helper()
	var h [4]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil || h[0] != 0xC1 || h[1] != 126 {
		t.Fatalf("the frame begins with % x, %v; want FIN, RSV1, text", h, err)
	}
	p := make([]byte, binary.BigEndian.Uint16(h[2:]))
	if _, err := io.ReadFull(r.in, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDeflateFaults holds the close codes of what may not be sent.
func TestDeflateFaults(t *testing.T) {
	zeros := bytes.Repeat([]byte{0}, 4<<20)
	d := (&codec.Deflate{}).NewDeflater(codec.DeflateParams{}, codec.Client)
	bomb := string(d.AppendMaskedFrame(nil, codec.Binary, zeros, 1))
	if len(bomb) > 64<<10 {
		t.Fatalf("a bomb of %d bytes", len(bomb))
	}
	for name, row := range map[string]struct {
		offer, frame string
		code         codec.CloseCode
	}{
		"bomb":               {"permessage-deflate", bomb, codec.CloseMessageTooBig},
		"corrupt":            {"permessage-deflate", first(0xC2, frame(codec.Binary, "\xff\xff\xff")), codec.CloseInvalidPayload},
		"RSV1 on a ping":     {"permessage-deflate", first(0xC9, frame(codec.Ping, "")), codec.CloseProtocolError},
		"RSV2":               {"permessage-deflate", first(0xA1, text("")), codec.CloseProtocolError},
		"RSV1 unnegotiated":  {"x-other", first(0xC1, text("")), codec.CloseProtocolError},
		"RSV1, bad offer":    {"permessage-deflate; server_max_window_bits=7", first(0xC1, text("")), codec.CloseProtocolError},
		"RSV1 on a fragment": {"permessage-deflate", first(0x41, text("")) + first(0xC0, text("")), codec.CloseProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := deflated(t, serve(t, &Server{Deflate: &codec.Deflate{}}), row.offer)
			r.send(row.frame)
			r.wantClose(row.code)
		})
	}
}

// TestDeflateMemory holds that contexts are leased from one budget, and given back.
func TestDeflateMemory(t *testing.T) {
	want := &codec.Deflate{ServerContextTakeover: true, ClientContextTakeover: true}
	each := want.Memory(codec.DeflateParams{}, codec.Server)
	srv := &Server{Deflate: want, DeflateMemory: 2*each + each/2}
	addr := serve(t, srv)
	const with, without = "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	var open []*rawClient
	for i, want := range []string{with, with, without, without} {
		r, got := deflated(t, addr, "permessage-deflate")
		if got != want {
			t.Errorf("connection %d was answered %q, want %q", i, got, want)
		}
		open = append(open, r)
	}
	open[0].reset()
	eventually(t, "its memory is given back", func() bool { return srv.core.leased.Load() == int64(each) })
	if _, got := deflated(t, addr, "permessage-deflate"); got != with {
		t.Errorf("after one has gone: %q", got)
	}
}

// TestDialDeflate holds what a client offers, and that it takes the answer at its word.
func TestDialDeflate(t *testing.T) {
	offers := make(chan string, 1)
	addr := serve(t, &Server{Upgrade: func(_ *Conn, u *Upgrade) error {
		offers <- string(u.Request.Field("Sec-WebSocket-Extensions"))
		return nil
	}, Deflate: &codec.Deflate{ServerContextTakeover: true}})
	cl := &Client{Deflate: &codec.Deflate{ServerContextTakeover: true, ServerMaxWindowBits: 9}}
	t.Cleanup(func() { _ = cl.Close() })
	c, err := cl.Dial(t.Context(), "ws://"+addr, NopHandler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := within(t, offers); got != cl.Deflate.Offer() {
		t.Errorf("offered %q", got)
	}
	if p, ok := c.Deflate(); !ok || p.ServerMaxWindowBits != 9 || p.ServerNoContextTakeover {
		t.Errorf("agreed on %v, %t", p, ok)
	}
}

// TestDialDeflateRefused holds that an answer which does not fit the offer fails the attempt.
func TestDialDeflateRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		b, _ := codec.AppendUpgrade(nil, &codec.Upgrade{
			Key: []byte(r.Header.Get("Sec-WebSocket-Key")), Extensions: "permessage-deflate", // with context takeover
		})
		_, _ = conn.Write(b)
		_ = conn.Close()
	}))
	defer srv.Close()
	cl := &Client{Deflate: &codec.Deflate{}}
	defer cl.Close()
	_, err := cl.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), NopHandler{}, nil)
	if err == nil || !strings.Contains(err.Error(), "each message by itself") {
		t.Errorf("got %v", err)
	}
}
