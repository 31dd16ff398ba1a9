package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	gorillaws "github.com/gorilla/websocket"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// deflateOffer is what a client offers of permessage-deflate (RFC 7692, section 7.1).
type deflateOffer struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int // 0: absent
	ClientMaxWindowBits     int // 0: absent, -1: without a value
}

// deflateCase is a connection: an offer to a server, what is to come of it, and what is echoed then.
type deflateCase struct {
	Name string
	URL  string
	deflateOffer
	Want     string // the server's Sec-WebSocket-Extensions
	Messages []int  // their indices, in order
}

// deflateMessage is a message that is echoed. JSON has its payload in base64.
type deflateMessage struct {
	Opcode   string
	Payload  []byte
	Fragment int // as in exchange; 0: whole
}

const largeMessage = 10 // the index of the message of 1 MiB, which some connections echo

// deflateMessages come in this order over each connection, so that context takeover has something to refer to.
var deflateMessages = func() []deflateMessage {
	structured := strings.Repeat(`{"station":"weir","level":1.25,"unit":"m","open":true},`, 2000)
	characters := strings.Repeat("Grüße, 世界 🌊 ", 400)
	noise := make([]byte, 5000)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	text := func(s string) deflateMessage { return deflateMessage{"text", []byte(s), 0} }
	return []deflateMessage{
		text(""),
		text("x"),
		text(structured[:128]),
		text(structured[:64<<10]),
		text(structured[:3000]), // again
		{"binary", noise, 0},
		{"text", []byte(structured[100:2100]), 300},
		text(characters),
		{"binary", noise, 1000}, // again
		text(structured[:127]),
		{"binary", bytes.Repeat([]byte(structured), 10)[:1<<20], 0},
	}
}()

// deflateServers are servers of the library, one for each way to configure permessage-deflate.
type deflateServers struct {
	configs []codec.Deflate
	servers []*reactor.Server
	urls    []string
	sent    int // bytes of payload that the cases send
}

// startDeflate starts a server for both sides' context takeover and each window, with and without a threshold in
// turn. It echoes a message as it is, or at the path /fragments in fragments.
func startDeflate(t *testing.T) *deflateServers {
	t.Helper()
	s := new(deflateServers)
	for takeover := range 4 {
		for bits := 9; bits <= 15; bits++ {
			d := codec.Deflate{
				ServerContextTakeover: takeover&1 != 0,
				ClientContextTakeover: takeover&2 != 0,
				ServerMaxWindowBits:   bits,
				ClientMaxWindowBits:   bits,
				Context:               4 << 10,
				Threshold:             -((bits + takeover) % 2), // -1 compresses all, 0 is the default
			}
			srv := &reactor.Server{
				Handler: reactor.HandlerFunc(echoDeflated),
				Upgrade: func(c *reactor.Conn, u *reactor.Upgrade) error {
					c.Data = string(u.Request.Target()) == "/fragments"
					return nil
				},
				Deflate: &d, DeflateMemory: -1, MaxOutbound: 8 << 20, Loops: 1, Logger: slog.New(slog.DiscardHandler),
			}
			if err := srv.Start("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = srv.Close() })
			s.configs = append(s.configs, d)
			s.servers = append(s.servers, srv)
			s.urls = append(s.urls, "ws://"+srv.Addrs()[0].String())
		}
	}
	return s
}

func echoDeflated(c *reactor.Conn, m codec.Message) {
	if fragments := c.Data.(bool); !fragments || len(m.Payload) > 100<<10 {
		_ = c.WriteMessage(m.Opcode, m.Payload)
		return
	}
	w, err := c.NewWriter(m.Opcode)
	if err != nil {
		return
	}
	for _, piece := range cut(m.Payload, 1+len(m.Payload)/3) { // which may be inside a character
		_, _ = w.Write(piece)
	}
	_ = w.Close()
}

// cases are those of a client that makes these offers: each with each server.
func (s *deflateServers) cases(offers []deflateOffer) (all []deflateCase) {
	for i, d := range s.configs {
		for _, o := range offers {
			path := []string{"/whole", "/fragments"}[len(all)/2%2]
			c := deflateCase{
				Name:         fmt.Sprintf("server %+v, offer %+v, %s", d, o, path),
				URL:          s.urls[i] + path,
				deflateOffer: o,
				Want:         deflateAnswer(d, o),
			}
			for j := range deflateMessages {
				if j != largeMessage || len(all)%20 == 0 {
					c.Messages = append(c.Messages, j)
					s.sent += len(deflateMessages[j].Payload)
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// deflateAnswer is what a server configured as d is to answer to an offer.
func deflateAnswer(d codec.Deflate, o deflateOffer) string {
	answer := []string{"permessage-deflate"}
	// 7.1.1.1: what the client asks for, and what the server prefers.
	if o.ServerNoContextTakeover || !d.ServerContextTakeover {
		answer = append(answer, "server_no_context_takeover")
	}
	// A client that keeps its window of 32 KiB, because it cannot be told otherwise, does not keep its context.
	tooLarge := o.ClientMaxWindowBits == 0 && d.ClientMaxWindowBits < 15
	if o.ClientNoContextTakeover || !d.ClientContextTakeover || tooLarge {
		answer = append(answer, "client_no_context_takeover")
	}
	// 7.1.2.1: the same or a smaller value.
	if o.ServerMaxWindowBits != 0 {
		answer = append(answer, fmt.Sprint("server_max_window_bits=", min(o.ServerMaxWindowBits, d.ServerMaxWindowBits)))
	} else if d.ServerMaxWindowBits < 15 {
		answer = append(answer, fmt.Sprint("server_max_window_bits=", d.ServerMaxWindowBits))
	}
	// 7.1.2.2: only to a client that has offered it.
	hint := o.ClientMaxWindowBits
	if hint == -1 {
		hint = 15
	}
	if bits := min(hint, d.ClientMaxWindowBits); bits != 0 && bits < 15 {
		answer = append(answer, fmt.Sprint("client_max_window_bits=", bits))
	}
	return strings.Join(answer, "; ")
}

// expectCompressed holds that what went over the wire was compressed, in both directions.
func (s *deflateServers) expectCompressed(t *testing.T) {
	t.Helper()
	var in, out uint64
	for _, srv := range s.servers {
		st := srv.Stats()
		in += st.Received.Bytes
		out += st.Sent.Bytes
	}
	if limit := uint64(s.sent / 2); in > limit || out > limit || in == 0 {
		t.Errorf("%d bytes of payload took %d bytes to the server and %d back", s.sent, in, out)
	}
}

// everyOffer are those of a client that can offer any window, of 8 bits too where it may.
func everyOffer(serverBits, clientBits []int) (all []deflateOffer) {
	for takeover := range 4 {
		for i := range serverBits {
			all = append(all, deflateOffer{takeover&1 != 0, takeover&2 != 0, serverBits[i], clientBits[i]})
		}
	}
	return all
}

func TestDeflateNode(t *testing.T) {
	t.Parallel()
	node := nodeOrSkip(t)
	runDeflateScript(t, everyOffer([]int{0, 0, 8, 9, 12, 15}, []int{0, -1, 8, 9, 13, 15}), node, "node/deflate.mjs")
}

func TestDeflatePython(t *testing.T) {
	t.Parallel()
	pythonOrSkip(t)
	// zlib compresses no raw stream with a window of 8 bits, and Python does not hide that.
	runDeflateScript(t, everyOffer([]int{0, 0, 8, 9, 12, 15}, []int{0, -1, 9, 10, 13, 15}), python, "python/deflate.py")
}

// runDeflateScript has a script go through all cases of these offers.
func runDeflateScript(t *testing.T, offers []deflateOffer, interpreter, script string) {
	t.Helper()
	s := startDeflate(t)
	cases := s.cases(offers)
	input, err := json.Marshal(map[string]any{"messages": deflateMessages, "cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.Name
	}
	for _, result := range scriptResults(t, names, bytes.NewReader(input), interpreter, script) {
		if !result.OK {
			t.Errorf("%s: %s", result.Name, result.Detail)
		}
	}
	s.expectCompressed(t)
}

func TestDeflateGorilla(t *testing.T) {
	t.Parallel()
	// All that it can offer.
	runDeflate(t, []deflateOffer{{true, true, 0, 0}}, func(deflateOffer) dialer {
		return dialGorilla(gorillaws.Dialer{EnableCompression: true}, nil)
	})
}

func TestDeflateCoder(t *testing.T) {
	t.Parallel()
	offers := []deflateOffer{{false, false, 0, 0}, {true, true, 0, 0}}
	runDeflate(t, offers, func(o deflateOffer) dialer {
		if o.ServerNoContextTakeover {
			return dialCoder(websocket.CompressionNoContextTakeover)
		}
		return dialCoder(websocket.CompressionContextTakeover)
	})
}

// runDeflate goes through all cases of these offers with a client in Go.
func runDeflate(t *testing.T, offers []deflateOffer, dial func(deflateOffer) dialer) {
	s := startDeflate(t)
	var wg sync.WaitGroup
	two := make(chan bool, 2)
	for _, c := range s.cases(offers) {
		two <- true
		wg.Go(func() {
			defer func() { <-two }()
			if err := c.perform(t.Context(), dial(c.deflateOffer)); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	}
	wg.Wait()
	s.expectCompressed(t)
}

func (c *deflateCase) perform(ctx context.Context, dial dialer) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(http.Header)
	conn, err := dial(context.WithValue(ctx, answerKey{}, answers), c.URL, exchange{Fragment: 600})
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer conn.drop()
	if got := answers.Get("Sec-WebSocket-Extensions"); got != c.Want {
		return fmt.Errorf("negotiated %q, want %q", got, c.Want)
	}
	for _, i := range c.Messages {
		m := deflateMessages[i]
		if err := conn.send(m.Opcode, m.Payload, m.Fragment); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if err := expectMessage(conn, m.Opcode, m.Payload); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

// answerKey is the key of a context's value: an http.Header that gets that of the server's answer.
type answerKey struct{}

// noteAnswer gives the context's owner, if it asks for it, the header of the server's answer.
func noteAnswer(ctx context.Context, resp *http.Response) {
	if h, ok := ctx.Value(answerKey{}).(http.Header); ok && resp != nil {
		h.Set("Sec-WebSocket-Extensions", resp.Header.Get("Sec-WebSocket-Extensions"))
	}
}
