package conform

import (
	"fmt"
	"strings"

	"example.org/weir/bench/rawpeer"
)

func framingClose() []Rule {
	g := group{section: "F4 Framing: close frames", source: "RFC 6455 7.4: a code that may not be in a close frame"}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999} {
		g.fault("F4", fmt.Sprintf("close %d", code), nil, []rawpeer.Frame{rawpeer.CloseFrame(code, "")}, 1002)
	}
	g.source = "RFC 6455 5.5.1: the first two bytes of a payload are a code"
	g.fault("F4", "close with a payload of 1 byte", nil, []rawpeer.Frame{rawpeer.NewFrame(rawpeer.OpClose, []byte{3})}, 1002)
	g.source = "RFC 6455 5.5.1: the reason is UTF-8"
	for _, reason := range []string{"\xff", "\xc3", "a\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", strings.Repeat("a", 122) + "\xe2"} {
		g.fault("F4", fmt.Sprintf("close 1000 with the reason %s", short(reason)), nil, []rawpeer.Frame{rawpeer.CloseFrame(1000, reason)}, 1007, 1002)
	}
	g.source = "RFC 6455 5.5.1: answered with a close frame, with the code received as a rule"
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999} {
		g.exactly("F4", fmt.Sprintf("close %d: the same or 1000", code), cleanAfter(code, 1000), nil, rawpeer.CloseFrame(code, "bye"))
	}
	g.exactly("F4", "close without a payload: empty or 1000", cleanAfter(1000), nil, rawpeer.NewFrame(rawpeer.OpClose, nil))
	g.exactly("F4", "close with a reason of 123 bytes beyond ASCII: 1000", cleanAfter(1000), nil, rawpeer.CloseFrame(1000, strings.Repeat("é", 61)+"!"))
	g.source = "IANA WebSocket Close Code Number registry"
	for _, code := range []int{1012, 1013, 1014} {
		e := cleanAfter(code, 1000)
		e.late = true
		g.exactly("F4", fmt.Sprintf("close %d, which came after the RFC: the same or 1000", code), e, nil, rawpeer.CloseFrame(code, ""))
	}

	g.source = "RFC 6455 5.5.1: what follows a close frame is not looked at"
	leave := rawpeer.CloseFrame(1000, "")
	for _, o := range opcodes[1:] {
		_, f := sound(o.opcode)
		g.exactly("F4", "close, then "+o.name+": nothing but a close", cleanAfter(1000), nil, leave, f)
	}
	g.exactly("F4", "close, then a frame that is wrong in every way: nothing but a close", cleanAfter(1000), nil,
		leave, rawpeer.NewFrame(3, nil).Unmasked().WithRSV(7))

	g.source = "RFC 6455 8.1: bad UTF-8 in a text message MUST fail the connection"
	g.fault("F4", "text that ends inside a code point", nil, []rawpeer.Frame{rawpeer.Text("a\xe2\x82")}, 1007)
	g.fault("F4", "fragmented text that ends inside a code point", []rawpeer.Frame{rawpeer.Text("a\xe2").More()},
		[]rawpeer.Frame{rawpeer.Continuation([]byte("\x82"))}, 1007)
	g.fault("F4", "fragmented text with an empty end inside a code point", []rawpeer.Frame{rawpeer.Text("a\xe2\x82").More()},
		[]rawpeer.Frame{rawpeer.Continuation(nil)}, 1007)
	g.fault("F4", "text that is bad in its second fragment", []rawpeer.Frame{rawpeer.Text("a").More()},
		[]rawpeer.Frame{rawpeer.Continuation([]byte("\xff"))}, 1007)
	return g.rules
}

// framingSegments are long conversations cut at any place.
func framingSegments() []Rule {
	g := group{section: "F5 Framing: any segmentation", source: "RFC 6455 5.2; TCP has no boundaries"}
	frames := []rawpeer.Frame{
		rawpeer.Text("Hello"), rawpeer.Ping([]byte("one")), rawpeer.Binary(make([]byte, 126)),
		rawpeer.Text(kosme[:3]).More(), rawpeer.Ping(nil), rawpeer.Continuation([]byte(kosme[3:])),
		rawpeer.Binary([]byte("x")).More(), rawpeer.Continuation(nil).More(), rawpeer.Pong([]byte("unasked")),
		rawpeer.Continuation([]byte(strings.Repeat("y", 200))), rawpeer.Text(""), rawpeer.Ping([]byte(strings.Repeat("p", 125))),
		rawpeer.Binary([]byte(strings.Repeat("z", 65536))),
	}
	want := []event{
		text("Hello"), pong("one"), bin(make([]byte, 126)), pong(""), text(kosme),
		bin([]byte("x" + strings.Repeat("y", 200))), text(""), pong(strings.Repeat("p", 125)),
		bin([]byte(strings.Repeat("z", 65536))),
	}
	for _, n := range []int{0, 2, 3, 5, 7, 11, 13, 127, 1000, 4096, 65535} {
		name := fmt.Sprintf("13 frames in pieces of %d bytes: all answers, in order", n)
		if n == 0 {
			name = "13 frames in one write: all answers, in order"
		}
		g.exchange("F5", name, exchange{writes: chopped(n, frames...), want: want, ending: clean(), size: 65536})
	}
	small := frames[:len(frames)-1]
	g.exchange("F5", "12 frames byte by byte: all answers, in order", exchange{
		writes: chopped(1, small...), want: want[:len(want)-1], ending: clean(),
	})
	p := rawpeer.Bytes(small...)
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12} {
		g.exchange("F5", fmt.Sprintf("12 frames in two writes, the first of %d bytes: all answers, in order", n), exchange{
			writes: []write{{data: p[:n]}, {data: p[n:]}}, want: want[:len(want)-1], ending: clean(),
		})
	}
	return g.rules
}
