package codec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// autobahnSizes are cases 1 to 18 of each group in sections 12 and 13 of the Autobahn test suite: the size of
// the messages, and that of the fragments that the compressed message is sent in; 0 for one frame.
var autobahnSizes = []struct{ message, fragment int }{
	{16, 0},
	{64, 0},
	{256, 0},
	{1024, 0},
	{4096, 0},
	{8192, 0},
	{16384, 0},
	{32768, 0},
	{65536, 0},
	{131072, 0},
	{8192, 256},
	{16384, 256},
	{32768, 256},
	{65536, 256},
	{131072, 256},
	{131072, 1024},
	{131072, 4096},
	{131072, 32768},
}

// autobahnPayloads are the kinds of payload of section 12, generated.
var autobahnPayloads = []struct {
	op   Opcode
	name string
	make func(n int) []byte
}{
	{Text, "12.1 JSON", func(n int) []byte { return sampleText(sampleTexts[1].line, n) }},
	{Binary, "12.2 bitmap", func(n int) []byte { // runs of few colours
		random := rand.New(rand.NewPCG(5, 6))
		var p []byte
		for len(p) < n {
			p = append(p, slices.Repeat([]byte{byte(random.IntN(8)) * 31, 0, 255}, 1+random.IntN(30))...)
		}
		return p[:n]
	}},
	{Binary, "12.3 German prose", func(n int) []byte {
		return sampleText(func(r *rand.Rand) string { return word(r, 'a', 'z') + "ü" + word(r, 'a', 'e') + ", " }, n)
	}},
	{Text, "12.4 HTML", func(n int) []byte {
		return sampleText(func(r *rand.Rand) string {
			return "<p class=\"" + word(r, 'a', 'e') + "\">" + word(r, '一', '鿿') + "</p>\n"
		}, n)
	}},
	{Binary, "12.5 PDF", func(n int) []byte { // text around streams that are compressed already
		random := rand.New(rand.NewPCG(7, 8))
		var p []byte
		for len(p) < n {
			p = fmt.Appendf(p, "%d 0 obj <</Length 200/Filter/FlateDecode>> stream\n", random.IntN(100))
			for range 200 {
				p = append(p, byte(random.Uint32()))
			}
			p = append(p, "\nendstream endobj\n"...)
		}
		return p[:n]
	}},
}

const autobahnOffer = pmd + "; client_no_context_takeover; client_max_window_bits"

// autobahnOffers are the offers of section 13, with what a server answers that has context takeover on. The
// suite itself would let a server get away with not answering what was asked for; RFC 7692 7.1 does not.
var autobahnOffers = []struct{ name, offer, response string }{
	{"13.1", autobahnOffer, pmd + "; client_no_context_takeover"},
	{"13.2", autobahnOffer + "; server_no_context_takeover", pmd + "; server_no_context_takeover; client_no_context_takeover"},
	{"13.3", autobahnOffer + "; server_max_window_bits=9", pmd + "; client_no_context_takeover; server_max_window_bits=9"},
	{"13.4", autobahnOffer + "; server_max_window_bits=15", pmd + "; client_no_context_takeover; server_max_window_bits=15"},
	{
		"13.5", autobahnOffer + "; server_no_context_takeover; server_max_window_bits=9",
		pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
	},
	{
		"13.6", autobahnOffer + "; server_no_context_takeover; server_max_window_bits=15",
		pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
	},
	{
		"13.7", autobahnOffer + "; server_no_context_takeover; server_max_window_bits=9, " +
			autobahnOffer + "; server_no_context_takeover, " + autobahnOffer,
		pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
	},
}

func TestAutobahn12(t *testing.T) {
	p, ok := new(Deflate).Accept(offersIn(autobahnOffer))
	if !ok || p != noTakeover {
		t.Fatal(p, ok)
	}
	for _, kind := range autobahnPayloads {
		t.Run(kind.name, func(t *testing.T) { autobahnGroup(t, p, kind.op, kind.make) })
	}
}

func TestAutobahn13(t *testing.T) {
	for _, row := range autobahnOffers {
		p, ok := deflateFull.Accept(offersIn(row.offer))
		if !ok || p.String() != row.response {
			t.Errorf("%s: answered %q, %t; want %q", row.name, p, ok, row.response)
		}
		t.Run(row.name, func(t *testing.T) { autobahnGroup(t, p, Text, autobahnPayloads[0].make) })
	}
}

// autobahnGroup runs cases 1 to 18 of a group.
func autobahnGroup(t *testing.T, p DeflateParams, op Opcode, payload func(n int) []byte) {
	payloads := make(map[int][]byte)
	for n, size := range autobahnSizes {
		if payloads[size.message] == nil {
			payloads[size.message] = payload(size.message)
		}
		t.Run(strconv.Itoa(n+1), func(t *testing.T) { autobahnEcho(t, p, op, payloads[size.message], size.fragment) })
	}
}

// autobahnEcho has a client send a message, three times where the server remembers them, compressed and in
// fragments of that size, and a server echo it. The echo must obey what was agreed on.
func autobahnEcho(t *testing.T, p DeflateParams, op Opcode, message []byte, fragment int) {
	t.Helper()
	limits := &DecoderConfig{MaxMessage: uint64(len(message)), MaxFragments: 1000, Buffers: newTwoPool()}
	server, client := inflating(limits, p), inflating(unlimited(Client, newTwoPool()), p)
	up, down := (&Deflate{Threshold: -1}).NewDeflater(p, Client), new(Deflate).NewDeflater(p, Server)
	takeover, bits := p.of(Server)
	var wire, echo, window []byte
	rounds := 1
	if takeover {
		rounds = 3
	}
	for range rounds {
		wire = appendFragments(wire[:0], op, up.AppendMessage(nil, message), fragment)
		echo = echo[:0]
		for piece := range slices.Chunk(wire, 1400) {
			for {
				m, n, err := server.Decode(piece)
				if err != nil {
					t.Fatal(err)
				}
				if m.Opcode == Continuation {
					break
				}
				echo = down.AppendFrame(echo, m.Opcode, m.Payload)
				piece = piece[n:]
			}
		}
		compressed := len(echo) > 0 && echo[0]&bitRSV1 != 0
		if n := len(message); compressed && n < smallMessage || !compressed && n >= defaultThreshold && op == Text {
			t.Fatalf("%d bytes, compressed: %t", n, compressed)
		}
		if compressed && len(message) <= 4096 { // the slow decoder is slow
			if _, err := traceInflate(echo[HeaderLen(Server, len(echo)-4):], window, 1<<bits); err != nil {
				t.Fatalf("against %q: %v", p, err)
			}
		}
		if compressed && takeover {
			window = slideWindow(window, message, 1<<bits)
		}
		m, n, err := client.Decode(echo)
		if err != nil || n != len(echo) || m.Opcode != op || string(m.Payload) != string(message) {
			t.Fatalf("the echo is %v of %d bytes, %v", m.Opcode, len(m.Payload), err)
		}
		if m, _, err = client.Decode(nil); err != nil || m.Opcode != Continuation {
			t.Fatal(m, err)
		}
	}
}

// appendFragments appends a compressed message as a client sends it, in fragments of size bytes, or in one
// frame if size is 0.
func appendFragments(dst []byte, op Opcode, compressed []byte, size int) []byte {
	first := len(dst)
	if size == 0 {
		size = len(compressed)
	}
	for rest := compressed; ; {
		n, at := min(size, len(rest)), len(dst)
		dst = AppendMaskedFrame(dst, op, rest[:n], testKey)
		if rest, op = rest[n:], Continuation; len(rest) == 0 {
			break
		}
		dst[at] &^= bitFin
	}
	dst[first] |= bitRSV1
	return dst
}
