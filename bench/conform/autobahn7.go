package conform

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"example.org/weir/bench/rawpeer"
)

func section7() []Rule {
	g := group{section: "7 Close handling", source: autobahn + ", RFC 6455 7"}
	section7Order(&g)
	section7Payload(&g)
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		g.exchange("7.7", fmt.Sprintf("close %d, which is valid: the same or 1000", code), exchange{
			writes: whole(rawpeer.CloseFrame(code, "")), ending: cleanAfter(code, 1000),
		})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		g.exchange("7.9", fmt.Sprintf("close %d, which is invalid: fail 1002", code), exchange{
			writes: whole(rawpeer.CloseFrame(code, "")), ending: failsAfter(1002),
		})
	}
	for _, code := range []int{5000, 65535} {
		g.exchange("7.13", fmt.Sprintf("close %d, which no RFC speaks of", code), exchange{
			writes: whole(rawpeer.CloseFrame(code, "")), informational: true, ending: ending{begun: true, informational: true},
		})
	}
	return g.rules
}

// section7Order adds what comes before and after a close frame.
func section7Order(g *group) {
	leave := rawpeer.CloseFrame(1000, "")
	after := func(name string, frames ...rawpeer.Frame) {
		g.exchange("7.1", name, exchange{writes: framewise(frames...), ending: cleanAfter(1000)})
	}
	hello := rawpeer.Text("Hello World!")
	g.exchange("7.1", "text, then close: echo, close", echo(whole(hello), text("Hello World!"), time.Second))
	after("close, then another close: one close", leave, rawpeer.NewFrame(rawpeer.OpClose, nil))
	after("close, then ping: no pong", leave, rawpeer.Ping(nil))
	after("close, then text: no echo", leave, hello)
	after("first fragment, close, last fragment: no echo", rawpeer.Text("fragment1").More(), leave, rawpeer.Continuation([]byte("fragment2")))
	big := rawpeer.NewFrame(rawpeer.OpText, bytes.Repeat([]byte("BAsd7&jh23"), 26*1024)[:256<<10])
	g.exchange("7.1", "text of 256 KiB, text, close, ping: does the echo come before the close?", exchange{
		writes: whole(big, hello, leave, rawpeer.Ping(nil)), informational: true, ending: ending{begun: true, informational: true},
	})
}

// section7Payload adds what a close frame may hold.
func section7Payload(g *group) {
	good := func(name string, f rawpeer.Frame) {
		g.exchange("7.3", name+": close 1000", exchange{writes: whole(f), ending: cleanAfter(1000)})
	}
	bad := func(prefix, name string, payload []byte, codes ...int) {
		g.exchange(prefix, name, exchange{writes: whole(rawpeer.NewFrame(rawpeer.OpClose, payload)), ending: failsAfter(codes...)})
	}
	reason := func(s string) []byte { return append([]byte{1000 >> 8, 1000 & 0xff}, s...) }
	good("close without a payload", rawpeer.NewFrame(rawpeer.OpClose, nil))
	bad("7.3", "close with a payload of 1 byte: fail 1002", []byte("a"), 1002)
	good("close without a reason", rawpeer.CloseFrame(1000, ""))
	good("close with a reason", rawpeer.CloseFrame(1000, "Hello World!"))
	good("close with the longest reason, 123 bytes", rawpeer.CloseFrame(1000, strings.Repeat("*", 123)))
	bad("7.3", "close with a reason of 124 bytes: fail 1002", reason(strings.Repeat("*", 124)), 1002)
	bad("7.5", "close with a reason that is not UTF-8: fail 1002 or 1007", reason(broken), 1002, 1007)
}
