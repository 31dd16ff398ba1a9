package reactor

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// BenchmarkFanOut is a publish to many, per delivery. The subscribers' sockets are one file that takes
// everything, so what is measured is all but the network.
func BenchmarkFanOut(b *testing.B) {
	const members = 10_000
	for _, inFlight := range []int{1, 4} {
		b.Run(fmt.Sprint("publishes=", inFlight), func(b *testing.B) {
			c := newCrowd(b, &Server{IO: IODirect}, 1)
			fd := null(b)
			for range members {
				c.subscribe(c.add(fd), "all")
			}
			benchmarkFanOut(b, c, members, inFlight)
		})
	}
}

// BenchmarkFanOutSockets is a publish to many over socket pairs, which nobody reads: they are emptied
// beside the clock.
func BenchmarkFanOutSockets(b *testing.B) {
	const members = 1000
	for name, mode := range ioModes() {
		for _, inFlight := range []int{1, 4} {
			b.Run(fmt.Sprint("io=", name, "/publishes=", inFlight), func(b *testing.B) {
				c := newCrowd(b, &Server{IO: mode, MaxOutbound: -1, MaxPublishQueue: -1}, 1)
				var peers []int
				for range members {
					fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
					c.subscribe(c.add(fds[0]), "all")
					peers = append(peers, fds[1])
				}
				p := make([]byte, 1<<16)
				benchmarkFanOut(b, c, members, inFlight, func() {
					for _, fd := range peers {
						_, _ = unix.Read(fd, p)
					}
				})
			})
		}
	}
}

// benchmarkFanOut publishes so many messages at a time and reports the time for each delivery.
func benchmarkFanOut(b *testing.B, c *crowd, members, inFlight int, after ...func()) {
	message := []byte(payload)
	b.ReportAllocs()
	for b.Loop() {
		for range inFlight {
			if err := c.srv.Publish("all", codec.Text, message); err != nil {
				b.Fatal(err)
			}
		}
		c.settle()
		b.StopTimer()
		for _, f := range after {
			f()
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members*inFlight), "ns/delivery")
	if n := c.srv.TopicStats().Delivered; n < int64(b.N*members*inFlight) {
		b.Fatalf("%d were delivered", n)
	}
}

// BenchmarkTopicMatch finds who gets a publish, among many patterns.
func BenchmarkTopicMatch(b *testing.B) {
	var t topics
	for i := range 10_000 {
		for _, format := range []string{"rooms.%d.chat", "rooms.%d.*", "users.%d.>"} {
			p := fmt.Sprintf(format, i)
			t.add(p, kindOf(p))
		}
	}
	t.add("rooms.*.chat", topicWild)
	var room [8]*audience
	b.ReportAllocs()
	for b.Loop() {
		if n := len(t.match(room[:0], "rooms.77.chat")); n != 3 {
			b.Fatal(n)
		}
	}
}

// BenchmarkSubscribe is a subscription that comes and goes, among many others of the same pattern.
func BenchmarkSubscribe(b *testing.B) {
	c := newCrowd(b, &Server{}, 2)
	for range 10_000 {
		c.subscribe(c.congested(), "all")
	}
	conn := c.congested()
	b.ReportAllocs()
	for b.Loop() {
		_ = conn.Subscribe("all")
		_ = conn.Unsubscribe("all")
	}
}
