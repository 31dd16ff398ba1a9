package conform

import (
	"bytes"
	"fmt"
	"strings"

	"example.org/weir/bench/rawpeer"
)

// opcodes are those that are defined (RFC 6455 5.2).
var opcodes = []struct {
	name   string
	opcode byte
}{
	{"continuation", rawpeer.OpContinuation},
	{"text", rawpeer.OpText},
	{"binary", rawpeer.OpBinary},
	{"close", rawpeer.OpClose},
	{"ping", rawpeer.OpPing},
	{"pong", rawpeer.OpPong},
}

// sound is a frame that would be legal: after the first fragment of a message if it is a continuation.
func sound(opcode byte) (before []rawpeer.Frame, f rawpeer.Frame) {
	switch opcode {
	case rawpeer.OpContinuation:
		return []rawpeer.Frame{rawpeer.Text("first ").More()}, rawpeer.Continuation([]byte("last"))
	case rawpeer.OpClose:
		return nil, rawpeer.CloseFrame(1000, "bye")
	}
	return nil, rawpeer.NewFrame(opcode, []byte("hello"))
}

// fault adds a rule: after an echo, the frames before are sent, and then bad, for which the server has to
// fail the connection with one of codes. See segmented for how it is tried.
func (g *group) fault(prefix, name string, before []rawpeer.Frame, bad []rawpeer.Frame, codes ...int) {
	e := fails(codes...)
	if bad[0].Opcode == rawpeer.OpClose {
		e = failsAfter(codes...)
	}
	x := exchange{want: []event{text("before")}, ending: e.strictly()}
	g.add(prefix, fmt.Sprintf("%s: fail %s", name, strings.Trim(strings.ReplaceAll(fmt.Sprint(codes), " ", " or "), "[]")), "", func(a *attempt) {
		a.segmented(x, rawpeer.Bytes(append(before, bad...)...))
	})
}

// exactly adds a rule: after an echo, the frames are sent, and what comes of them is want and no more.
func (g *group) exactly(prefix, name string, e ending, want []event, frames ...rawpeer.Frame) {
	x := exchange{want: append([]event{text("before")}, want...), ending: e}
	g.add(prefix, name, "", func(a *attempt) { a.segmented(x, rawpeer.Bytes(frames...)) })
}

// segmented plays x, whose writes are an echo and then p, with p in one write and then byte by byte, or in
// some thousand pieces if it is long. The worse outcome stands.
func (a *attempt) segmented(x exchange, p []byte) {
	hello := write{data: rawpeer.Bytes(rawpeer.Text("before")), await: 1}
	for _, chops := range []int{0, 1 + len(p)/1000} {
		earlier := a.out
		x.writes = []write{hello, {data: p, chops: chops}}
		a.exchange(x)
		if earlier.Verdict != "" && worse(earlier.Verdict, a.out.Verdict) == earlier.Verdict {
			a.out = earlier
		}
		if a.out.Verdict.Failure() {
			return
		}
	}
}

func framingHeader() []Rule {
	g := group{section: "F1 Framing: the first two bytes", source: "RFC 6455 5.2: an unknown opcode MUST fail the connection"}
	for op := range byte(16) {
		if op > rawpeer.OpBinary && op < rawpeer.OpClose || op > rawpeer.OpPong {
			g.fault("F1", fmt.Sprintf("opcode %d, empty", op), nil, []rawpeer.Frame{rawpeer.NewFrame(op, nil)}, 1002)
			g.fault("F1", fmt.Sprintf("opcode %d with payload", op), nil, []rawpeer.Frame{rawpeer.NewFrame(op, []byte("hello"))}, 1002)
		}
	}
	g.source = "RFC 6455 5.2: reserved bits MUST be 0 unless negotiated, or the connection MUST fail"
	for _, o := range opcodes {
		for rsv := range byte(8) {
			if before, f := sound(o.opcode); rsv != 0 {
				g.fault("F1", fmt.Sprintf("%s with reserved bits %03b", o.name, rsv), before, []rawpeer.Frame{f.WithRSV(rsv)}, 1002)
			}
		}
	}
	g.source = "RFC 6455 5.1: a server MUST close upon a frame that is not masked"
	for _, o := range opcodes {
		before, f := sound(o.opcode)
		g.fault("F1", o.name+" without a mask", before, []rawpeer.Frame{f.Unmasked()}, 1002)
	}
	g.fault("F1", "empty text without a mask", nil, []rawpeer.Frame{rawpeer.Text("").Unmasked()}, 1002)
	g.source = "RFC 6455 5.3: any key may be chosen"
	for _, key := range [][4]byte{{}, {255, 255, 255, 255}, {0, 0, 0, 1}, {128, 0, 0, 0}} {
		f, want := frame(rawpeer.OpBinary, []byte("0123456789"))
		g.exactly("F1", fmt.Sprintf("binary masked with the key %x: echo", key), clean(), []event{want}, f.WithKey(key))
	}
	return g.rules
}

func framingLength() []Rule {
	g := group{section: "F2 Framing: payload lengths", source: "RFC 6455 5.2: the minimal number of bytes MUST be used"}
	for _, c := range []struct {
		form rawpeer.LengthForm
		n    int
	}{
		{rawpeer.Length16, 0},
		{rawpeer.Length16, 1},
		{rawpeer.Length16, 125},
		{rawpeer.Length64, 0},
		{rawpeer.Length64, 1},
		{rawpeer.Length64, 125},
		{rawpeer.Length64, 126},
		{rawpeer.Length64, 65535},
	} {
		f := rawpeer.Binary(bytes.Repeat([]byte{'a'}, c.n)).WithForm(c.form)
		g.fault("F2", fmt.Sprintf("%d bytes, with the length in %d bits", c.n, c.form), nil, []rawpeer.Frame{f}, 1002)
	}
	for _, o := range opcodes {
		before, f := sound(o.opcode)
		g.fault("F2", o.name+" with its length in 16 bits for no need", before, []rawpeer.Frame{f.WithForm(rawpeer.Length16)}, 1002)
	}
	g.source = "RFC 6455 5.2: the most significant bit MUST be 0"
	for _, n := range []uint64{1 << 63, 1<<63 + 5, 1<<64 - 1} {
		f := rawpeer.Binary([]byte("hello")).WithForm(rawpeer.Length64).WithDeclared(n)
		g.fault("F2", fmt.Sprintf("a length of %#x", n), nil, []rawpeer.Frame{f}, 1002, 1009)
	}
	g.source = "RFC 6455 5.5: control frames MUST have a payload of 125 bytes or less"
	for _, o := range opcodes {
		if _, f := sound(o.opcode); f.IsControl() {
			for _, n := range []int{126, 127, 65535, 65536} {
				f.Payload = append([]byte{1000 >> 8, 1000 & 0xff}, bytes.Repeat([]byte{'a'}, n-2)...)
				g.fault("F2", fmt.Sprintf("%s of %d bytes", o.name, n), nil, []rawpeer.Frame{f}, 1002)
			}
		}
	}
	g.source = "RFC 6455 5.5.3: a pong has the ping's payload"
	var pings []rawpeer.Frame
	var pongs []event
	for n := range 126 {
		payload := strings.Repeat("p", n)
		pings = append(pings, rawpeer.Ping([]byte(payload)))
		pongs = append(pongs, pong(payload))
	}
	g.exactly("F2", "pings of 0 to 125 bytes: all pongs, in order", clean(), pongs, pings...)
	g.source = "RFC 6455 5.2, 5.3"
	var messages []rawpeer.Frame
	var echoes []event
	for n := range 140 {
		f, want := frame(rawpeer.OpBinary, bytes.Repeat([]byte{byte(n)}, n))
		messages, echoes = append(messages, f), append(echoes, want)
	}
	g.exactly("F2", "messages of 0 to 139 bytes: all echoes, in order", clean(), echoes, messages...)
	return g.rules
}

func framingSequence() []Rule {
	g := group{section: "F3 Framing: fragments", source: "RFC 6455 5.5: control frames MUST NOT be fragmented"}
	for _, o := range opcodes {
		if _, f := sound(o.opcode); f.IsControl() {
			g.fault("F3", o.name+" without FIN", nil, []rawpeer.Frame{f.More()}, 1002)
			g.fault("F3", o.name+" without FIN inside a message", []rawpeer.Frame{rawpeer.Text("a").More()}, []rawpeer.Frame{f.More()}, 1002)
		}
	}
	g.source = "RFC 6455 5.4: a continuation frame follows an unfinished message"
	stray := rawpeer.Continuation([]byte("stray"))
	g.fault("F3", "continuation with nothing to continue", nil, []rawpeer.Frame{stray}, 1002)
	g.fault("F3", "continuation without FIN with nothing to continue", nil, []rawpeer.Frame{stray.More()}, 1002)
	g.fault("F3", "empty continuation with nothing to continue", nil, []rawpeer.Frame{rawpeer.Continuation(nil)}, 1002)
	g.fault("F3", "continuation after a ping", []rawpeer.Frame{rawpeer.Pong(nil)}, []rawpeer.Frame{stray}, 1002)

	g.source = "RFC 6455 5.4: fragments of one message MUST NOT be interleaved with those of another"
	for _, outer := range opcodes[1:3] {
		for _, inner := range opcodes[1:3] {
			first := rawpeer.NewFrame(outer.opcode, []byte("first")).More()
			second := rawpeer.NewFrame(inner.opcode, []byte("second"))
			g.fault("F3", fmt.Sprintf("%s inside an unfinished %s", inner.name, outer.name), []rawpeer.Frame{first}, []rawpeer.Frame{second}, 1002)
			g.fault("F3", fmt.Sprintf("%s without FIN inside an unfinished %s", inner.name, outer.name), []rawpeer.Frame{first}, []rawpeer.Frame{second.More()}, 1002)
		}
	}
	g.soundFragments()
	return g.rules
}

// soundFragments adds fragmented messages that are right.
func (g *group) soundFragments() {
	g.source = "RFC 6455 5.4: control frames MAY be injected in the middle of a fragmented message"
	more := func(s string) rawpeer.Frame { return rawpeer.Continuation([]byte(s)).More() }
	last := rawpeer.Continuation([]byte("z"))
	first := rawpeer.Binary([]byte("a")).More()
	whole := event{rawpeer.OpBinary, []byte("az")}
	g.exactly("F3", "message with a pong inside: echo", clean(), []event{whole}, first, rawpeer.Pong([]byte("x")), last)
	g.exactly("F3", "message with two pings inside: pongs, echo", clean(), []event{pong("1"), pong("2"), whole},
		first, rawpeer.Ping([]byte("1")), rawpeer.Ping([]byte("2")), last)
	g.exactly("F3", "message with a close inside: no echo", cleanAfter(1000), nil, first, rawpeer.CloseFrame(1000, ""))

	g.source = "RFC 6455 5.4: any number of fragments, of any size"
	g.exactly("F3", "message of empty fragments: empty echo", clean(), []event{text("")},
		rawpeer.Text("").More(), more(""), more(""), rawpeer.Continuation(nil))
	g.exactly("F3", "message whose last fragment is empty: echo", clean(), []event{text("a")}, rawpeer.Text("a").More(), rawpeer.Continuation(nil))
	g.exactly("F3", "two fragmented messages, one after the other: both echoes", clean(), []event{whole, text("bz")},
		first, last, rawpeer.Text("b").More(), last)
	long := strings.Repeat("0123456789", 30)
	g.exactly("F3", "message in 300 fragments: echo", clean(), []event{text(long)}, rawpeer.Fragments(rawpeer.OpText, []byte(long), 1)...)
}
