package conform

import (
	"bytes"
	"cmp"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
)

// Sections 12 and 13 echo messages that are compressed, of which Autobahn sends 1000 in each case. Here they are as
// many as have deflateBytes together, which finds the same faults in less time. Unlike Autobahn these rules look
// whether the server has answered what was asked for.

const deflateBytes = 64 * kib

// deflateSizes are the cases of each group: the size of a message, and that of the fragments which its compressed
// form is sent in, 0 for one frame.
var deflateSizes = []struct{ message, fragment int }{
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

// The payloads are of the kinds that Autobahn takes from files, the i-th message of n bytes.
var deflatePayloads = []struct {
	name   string
	opcode byte
	make   func(i, n int) []byte
}{
	{"JSON", rawpeer.OpText, func(i, n int) []byte {
		return generated(i, n, func(i int) string { return fmt.Sprintf(`{"id":%d,"river":"Lech","level":%d.%d},`, i, i*7%13, i*11%10) })
	}},
	{"bitmap", rawpeer.OpBinary, func(i, n int) []byte {
		return generated(i, n, func(i int) string { return strings.Repeat(string([]byte{byte(i % 5 * 50), 0, 255}), 1+i*i%23) })
	}},
	{"German prose", rawpeer.OpBinary, func(i, n int) []byte {
		words := strings.Fields("Über das Wehr fließt Wasser und fällt, während der müde Müller schläft; doch morgen mahlt er größere Säcke.")
		return generated(i, n, func(i int) string { return words[i*i%len(words)] + " " })
	}},
	{"HTML", rawpeer.OpText, func(i, n int) []byte {
		return generated(i, n, func(i int) string { return fmt.Sprintf("<p class=\"c%d\">\u6c34 %d</p>\n", i%7, i*i%101) })
	}},
	{"PDF", rawpeer.OpBinary, func(i, n int) []byte { // of which much is compressed already
		noise := uint32(i)
		return generated(i, n, func(i int) string {
			b := fmt.Appendf(nil, "%d 0 obj <</Length 120>> stream\n", i)
			for range 120 {
				noise = noise*1664525 + 1013904223
				b = append(b, byte(noise>>24))
			}
			return string(b) + "\nendstream\n"
		})
	}},
}

// generated puts pieces together, from the i-th on, to n bytes. A text does not end inside a character.
func generated(i, n int, piece func(int) string) []byte {
	var b []byte
	for ; len(b) < n; i++ {
		b = append(b, piece(i)...)
	}
	isText := utf8.Valid(b)
	b = b[:n]
	for j := n - 1; isText && !utf8.Valid(b); j-- {
		b[j] = '.'
	}
	return b
}

const autobahnOffer = "permessage-deflate; client_no_context_takeover; client_max_window_bits"

func section12() []Rule {
	g := group{section: "12 permessage-deflate: payloads", source: autobahn}
	for i, p := range deflatePayloads {
		g.deflate(fmt.Sprintf("12.%d", i+1), p.name, autobahnOffer, p.opcode, p.make)
	}
	return g.rules
}

func section13() []Rule {
	g := group{section: "13 permessage-deflate: parameters", source: autobahn}
	const alone, bits = "; server_no_context_takeover", "; server_max_window_bits="
	for i, offer := range []string{
		autobahnOffer,
		autobahnOffer + alone,
		autobahnOffer + bits + "9",
		autobahnOffer + bits + "15",
		autobahnOffer + alone + bits + "9",
		autobahnOffer + alone + bits + "15",
		autobahnOffer + alone + bits + "9, " + autobahnOffer + alone + ", " + autobahnOffer,
	} {
		json := deflatePayloads[0]
		name := strings.TrimPrefix(offer[len(autobahnOffer):], "; ")
		g.deflate(fmt.Sprintf("13.%d", i+1), "offer "+cmp.Or(strings.ReplaceAll(name, autobahnOffer, "…"), "…"), offer, json.opcode, json.make)
	}
	return g.rules
}

// deflate adds a rule for each of deflateSizes.
func (g *group) deflate(prefix, name, offer string, opcode byte, payload func(i, n int) []byte) {
	for _, s := range deflateSizes {
		what := fmt.Sprintf("%s: messages of %s", name, size(s.message))
		if s.fragment > 0 {
			what += fmt.Sprintf(" in fragments of %s", size(s.fragment))
		}
		g.add(prefix, what+": echoes", "", func(a *attempt) {
			messages := make([][]byte, min(max(deflateBytes/s.message, 2), 200))
			for i := range messages {
				messages[i] = payload(i, s.message)
			}
			a.deflatePingPong(offer, opcode, messages, s.fragment)
		})
	}
}

// deflatePingPong sends messages compressed, each when the echo of the one before has come.
func (a *attempt) deflatePingPong(offer string, opcode byte, messages [][]byte, fragment int) {
	conn, answer, ok := a.openDeflate([]string{offer})
	if !ok {
		return
	}
	defer conn.Close()
	expected := fmt.Sprintf("%d echoes", len(messages))
	if len(answer) == 0 {
		a.say(Skipped, expected, "the server declines")
		return
	}
	if fault := deflateFault(strings.Split(offer, ","), answer); fault != "" {
		a.say(Failed, expected, answer[0]+": "+fault)
		return
	}
	params, _ := parseDeflate(answer[0], false) // in which there is no fault
	p := newDeflatePeer(conn, params)
	for i, m := range messages {
		conn.Within(max(openTime, a.opts.Patience))
		err := p.send(opcode, m, fragment)
		if err == nil {
			err = p.expect(opcode, m)
		}
		if err != nil {
			a.say(Failed, expected, fmt.Sprintf("message %d: %v", i, err))
			return
		}
	}
	a.say(OK, expected, answer[0]+", "+expected)
}

// deflatePeer is the client's end of a connection with permessage-deflate.
type deflatePeer struct {
	conn     *rawpeer.Conn
	level    int    // of compression
	window   int    // of the server, in bytes
	takeover bool   // of the server
	history  []byte // what the server may refer to
}

func newDeflatePeer(conn *rawpeer.Conn, answer deflateParams) *deflatePeer {
	p := &deflatePeer{conn: conn, level: flate.DefaultCompression, window: 1 << 15}
	if bits, err := strconv.Atoi(answer["server_max_window_bits"]); err == nil {
		p.window = 1 << bits
	}
	if bits, there := answer["client_max_window_bits"]; there && bits != "15" {
		p.level = flate.HuffmanOnly // looks back on nothing, so it keeps to any window
	}
	_, alone := answer["server_no_context_takeover"]
	p.takeover = !alone
	return p
}

// send sends a message, compressed by itself.
func (p *deflatePeer) send(opcode byte, m []byte, fragment int) error {
	compressed := []byte(deflated(p.level, string(m)))
	frames := rawpeer.Fragments(opcode, compressed, cmp.Or(fragment, len(compressed)))
	frames[0] = frames[0].WithRSV(rawpeer.RSV1)
	return p.conn.WriteFrame(frames...)
}

// expect reads a message, in whatever frames, and compares it.
func (p *deflatePeer) expect(opcode byte, want []byte) error {
	var first rawpeer.Frame
	var payload []byte
	for n := 0; ; {
		f, err := p.conn.ReadFrame(1 << 20)
		switch {
		case err != nil:
			return err
		case f.Opcode == rawpeer.OpClose:
			return closed(f.CloseCode())
		case f.RSV&rawpeer.RSV1 != 0 && (f.IsControl() || n > 0):
			return errors.New("RSV1 on a frame that is not the first of a message (RFC 7692 6)")
		case f.IsControl():
			continue
		case n == 0:
			first = f
		}
		n++
		payload = append(payload, f.Payload...)
		if f.FIN {
			break
		}
	}
	if first.RSV&rawpeer.RSV1 != 0 {
		var err error
		if payload, err = p.inflate(payload); err != nil {
			return fmt.Errorf("a message that cannot be decompressed as was agreed on: %w", err)
		}
	}
	if first.Opcode != opcode || !bytes.Equal(payload, want) {
		return fmt.Errorf("%d bytes instead of the echo of %d", len(payload), len(want))
	}
	return nil
}

// inflate decompresses a message, with what the server may refer to.
func (p *deflatePeer) inflate(compressed []byte) ([]byte, error) {
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(compressed), strings.NewReader(deflateEnd)), p.history)
	m, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if p.takeover {
		p.history = slices.Concat(p.history, m)
		p.history = p.history[max(len(p.history)-p.window, 0):]
	}
	return m, err
}
