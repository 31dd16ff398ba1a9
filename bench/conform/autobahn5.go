package conform

import (
	"time"

	"example.org/weir/bench/rawpeer"
)

// hows are the three ways in which Autobahn writes the same frames.
var hows = []struct {
	name  string
	write func(...rawpeer.Frame) []write
}{{"in one write", whole}, {"frame by frame", framewise}, {"byte by byte", bytewise}}

func section5() []Rule {
	g := group{section: "5 Fragmentation", source: autobahn}
	more := func(s string) rawpeer.Frame { return rawpeer.Text(s).More() }
	cont := func(s string) rawpeer.Frame { return rawpeer.Continuation([]byte(s)) }
	failing := func(name string, writes []write) {
		g.exchange("5", name+": fail 1002", exchange{writes: writes, ending: fails(1002)})
	}
	failing("ping without FIN, continuation", whole(rawpeer.Ping([]byte("fragment1")).More(), cont("fragment2")))
	failing("pong without FIN, continuation", whole(rawpeer.Pong([]byte("fragment1")).More(), cont("fragment2")))

	for _, h := range hows {
		g.exchange("5", "text in 2 fragments, "+h.name+": echo",
			echo(h.write(more("fragment1"), cont("fragment2")), text("fragment1fragment2"), 0))
	}
	for _, h := range hows {
		x := echo(h.write(more("fragment1"), rawpeer.Ping([]byte("ping payload")), cont("fragment2")), text("fragment1fragment2"), 0)
		x.want = append([]event{pong("ping payload")}, x.want...)
		g.exchange("5", "text in 2 fragments with a ping between, "+h.name+": pong, then echo", x)
	}
	stray := cont("non-continuation payload")
	for _, h := range hows {
		failing("continuation with nothing to continue, text, "+h.name, h.write(stray, rawpeer.Text("Hello, world!")))
	}
	for _, h := range hows {
		failing("continuation without FIN with nothing to continue, text, "+h.name, h.write(stray.More(), rawpeer.Text("Hello, world!")))
	}
	g.exchange("5", "text in 2 fragments, continuation with nothing to continue, text: echo, fail 1002", exchange{
		writes:  whole(more("fragment1"), cont("fragment2"), cont("fragment3").More(), rawpeer.Text("fragment4")),
		want:    []event{text("fragment1fragment2")},
		lenient: [][]event{nil},
		ending:  fails(1002),
	})
	failing("twice: continuation without FIN with nothing to continue, text in 2 fragments", whole(
		cont("fragment1").More(), more("fragment2"), cont("fragment3"),
		cont("fragment4").More(), more("fragment5"), cont("fragment6")))
	failing("twice: continuation with nothing to continue, text in 2 fragments", whole(
		cont("fragment1"), more("fragment2"), cont("fragment3"),
		cont("fragment4"), more("fragment5"), cont("fragment6")))
	failing("text without FIN, text", whole(more("fragment1"), rawpeer.Text("fragment2")))
	section5Pause(&g, "in one write", whole)
	section5Pause(&g, "frame by frame", framewise)
	return g.rules
}

// section5Pause adds a message in 5 fragments whose second half is sent only when the ping in its first
// half has been answered. Autobahn pauses for a second instead.
func section5Pause(g *group, how string, write func(...rawpeer.Frame) []write) {
	part := func(s string) rawpeer.Frame { return rawpeer.Continuation([]byte(s)).More() }
	first := write(rawpeer.Text("fragment1").More(), part("fragment2"), rawpeer.Ping([]byte("pongme 1!")))
	first[len(first)-1].await = 1
	second := write(part("fragment3"), part("fragment4"), rawpeer.Ping([]byte("pongme 2!")), rawpeer.Continuation([]byte("fragment5")))
	g.exchange("5", "text in 5 fragments with two pings, the second after the first pong, "+how+": pong, pong, echo", exchange{
		writes: append(first, second...),
		want:   []event{pong("pongme 1!"), pong("pongme 2!"), text("fragment1fragment2fragment3fragment4fragment5")},
		ending: clean(),
		limit:  time.Second,
	})
}
