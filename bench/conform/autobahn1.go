package conform

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"example.org/weir/bench/rawpeer"
)

const autobahn = "Autobahn Testsuite 25.10.1"

// echo is a message that is sent and has to come back.
func echo(writes []write, want event, limit time.Duration) exchange {
	x := exchange{writes: writes, want: []event{want}, ending: clean(), limit: limit}
	if n := len(want.payload); n >= sizable {
		x.size = n
	}
	return x
}

// sizable is from which size on, in bytes, a server may refuse a message as too big without being
// called wrong for it.
const sizable = 65535

// frame is a data message in one frame, and the event that its echo is.
func frame(opcode byte, payload []byte) (rawpeer.Frame, event) {
	return rawpeer.NewFrame(opcode, payload), event{opcode, payload}
}

// kinds are the two kinds of data messages and the bytes that Autobahn fills them with.
var kinds = []struct {
	name   string
	opcode byte
	fill   byte
}{{"text", rawpeer.OpText, '*'}, {"binary", rawpeer.OpBinary, 0xfe}}

func section1() []Rule {
	g := group{section: "1 Framing: payload lengths", source: autobahn}
	for i, k := range kinds {
		prefix := fmt.Sprintf("1.%d", i+1)
		for _, n := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
			f, want := frame(k.opcode, bytes.Repeat([]byte{k.fill}, n))
			limit, chops, how := time.Second, 0, ""
			if n >= sizable {
				limit = 10 * time.Second
			}
			if len(g.rules)%8 == 7 {
				chops, how = 997, ", in pieces of 997 bytes"
			}
			g.exchange(prefix, fmt.Sprintf("%s message of %d bytes%s: echo", k.name, n, how), echo(chopped(chops, f), want, limit))
		}
	}
	return g.rules
}

func section2() []Rule {
	g := group{section: "2 Pings and pongs", source: autobahn}
	ping := func(name, payload string, chops int) {
		g.exchange("2", name+": pong with its payload", exchange{
			writes: chopped(chops, rawpeer.Ping([]byte(payload))), want: []event{pong(payload)}, ending: clean(),
		})
	}
	ping("empty ping", "", 0)
	ping("ping with text", "Hello, world!", 0)
	ping("ping with bytes that are not UTF-8", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 0)
	ping("ping of 125 bytes", strings.Repeat("\xfe", 125), 0)
	g.exchange("2", "ping of 126 bytes: fail 1002", exchange{
		writes: whole(rawpeer.Ping(bytes.Repeat([]byte{0xfe}, 126))), ending: fails(1002),
	})
	ping("ping of 125 bytes, byte by byte", strings.Repeat("\xfe", 125), 1)

	leave := rawpeer.CloseFrame(1000, "")
	unasked := rawpeer.Pong([]byte("unsolicited pong payload"))
	g.exchange("2", "unasked pong, empty, then close: no answer to the pong", exchange{
		writes: framewise(rawpeer.Pong(nil), leave), ending: cleanAfter(1000),
	})
	g.exchange("2", "unasked pong, then close: no answer to the pong", exchange{
		writes: framewise(unasked, leave), ending: cleanAfter(1000),
	})
	g.exchange("2", "unasked pong, then ping: one pong", exchange{
		writes: framewise(unasked, rawpeer.Ping([]byte("ping payload"))), want: []event{pong("ping payload")}, ending: clean(),
	})
	var pings []rawpeer.Frame
	var pongs []event
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		pings = append(pings, rawpeer.Ping([]byte(payload)))
		pongs = append(pongs, pong(payload))
	}
	ten := exchange{writes: whole(pings...), want: pongs, ending: clean(), limit: 3 * time.Second}
	g.exchange("2", "10 pings: 10 pongs in order", ten)
	ten.writes = chopped(1, pings...)
	g.exchange("2", "10 pings, byte by byte: 10 pongs in order", ten)
	return g.rules
}

// between is a sound text message, a faulty frame, and a ping that must have no answer.
func between(bad rawpeer.Frame, how func(...rawpeer.Frame) []write) exchange {
	const hello = "Hello, world!"
	return exchange{
		writes:  how(rawpeer.Text(hello), bad, rawpeer.Ping(nil)),
		want:    []event{text(hello)},
		lenient: [][]event{nil}, // failed before the echo got out
		ending:  fails(1002),
	}
}

// bytewise writes frames byte by byte.
func bytewise(frames ...rawpeer.Frame) []write { return chopped(1, frames...) }

func section3() []Rule {
	g := group{section: "3 Reserved bits", source: autobahn}
	hello := rawpeer.Text("Hello, world!")
	g.exchange("3", "text with RSV3: fail 1002", exchange{writes: whole(hello.WithRSV(1)), ending: fails(1002)})
	g.exchange("3", "text, text with RSV2, ping: echo, fail 1002", between(hello.WithRSV(2), whole))
	g.exchange("3", "text, text with RSV2 and RSV3, ping, frame by frame: echo, fail 1002", between(hello.WithRSV(3), framewise))
	g.exchange("3", "text, text with RSV1, ping, byte by byte: echo, fail 1002", between(hello.WithRSV(4), bytewise))
	g.exchange("3", "binary with RSV1 and RSV3: fail 1002", exchange{
		writes: whole(rawpeer.Binary([]byte("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")).WithRSV(5)), ending: fails(1002),
	})
	g.exchange("3", "binary with RSV1 and RSV2: fail 1002", exchange{
		writes: whole(rawpeer.Binary([]byte("Hello, world!")).WithRSV(6)), ending: fails(1002),
	})
	g.exchange("3", "close with RSV1, RSV2 and RSV3: fail 1002", exchange{
		writes: whole(rawpeer.CloseFrame(1000, "").WithRSV(7)), ending: failsAfter(1002),
	})
	return g.rules
}

func section4() []Rule {
	g := group{section: "4 Reserved opcodes", source: autobahn}
	for i, first := range []byte{3, 11} {
		prefix := fmt.Sprintf("4.%d", i+1)
		for j := range byte(5) {
			op := first + j
			f := rawpeer.NewFrame(op, nil)
			name := fmt.Sprintf("opcode %d, empty", op)
			if j == 1 || j >= 3 {
				f.Payload = []byte("reserved opcode payload")
				name = fmt.Sprintf("opcode %d with payload", op)
			}
			switch j {
			case 0, 1:
				g.exchange(prefix, name+": fail 1002", exchange{writes: whole(f), ending: fails(1002)})
			case 4:
				g.exchange(prefix, "text, "+name+", ping, byte by byte: echo, fail 1002", between(f, bytewise))
			default:
				g.exchange(prefix, "text, "+name+", ping: echo, fail 1002", between(f, whole))
			}
		}
	}
	return g.rules
}
