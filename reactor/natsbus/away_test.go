package natsbus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"example.org/weir/codec"
)

// on makes a NATS server listen where another has.
func on(port int) func(*server.Options) { return func(o *server.Options) { o.Port = port } }

func portOf(t *testing.T, s *server.Server) int {
	t.Helper()
	_, port, _ := strings.Cut(strings.TrimPrefix(s.ClientURL(), "nats://"), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAway: NATS is not there at first, comes, goes and comes back.
func TestAway(t *testing.T) {
	s := natsServer(t, nil)
	url, port := s.ClientURL(), portOf(t, s)
	stopNATS(s)

	if err := New(Options{Servers: []string{url}, Required: true}).Start(nil); err == nil {
		t.Error("started without the NATS server that is required")
	}
	a := newPeer(t, Options{Servers: []string{url}})
	b := newPeer(t, Options{Servers: []string{url}, Buffer: -1}, "x")
	for _, p := range []*peer{a, b} {
		p.awaitLog(t, "NATS cannot be reached; serving without it")
		if p.Connected() {
			t.Error("is said to be connected")
		}
	}

	s = natsServer(t, on(port))
	for _, p := range []*peer{a, b} {
		p.awaitLog(t, "connected to NATS\"")
		await(t, "Connected", p.Connected)
		if n := p.Stats().Reconnects; n != 0 {
			t.Errorf("%d reconnects with the first connection", n)
		}
	}
	meet(t, a, b)

	stopNATS(s)
	for _, p := range []*peer{a, b} {
		p.awaitLog(t, "NATS is away")
		await(t, "the end of Connected", func() bool { return !p.Connected() })
	}
	if err := b.Publish("y", codec.Text, []byte("b keeps nothing")); !errors.Is(err, ErrAway) || b.Stats().Lost != 1 {
		t.Errorf("publishing while NATS is away: %v, %d lost", err, b.Stats().Lost)
	}
	a.publish(t, "x", "kept") // within Options.Buffer
	b.subscribe(t, "z")       // to be told later

	natsServer(t, on(port))
	for _, p := range []*peer{a, b} {
		p.awaitLog(t, "connected to NATS again")
		await(t, "Connected", p.Connected)
		if n := p.Stats().Reconnects; n != 1 {
			t.Errorf("%d reconnects", n)
		}
	}
	meet(t, a, b)
	a.publish(t, "x", "on the topic of before")
	a.publish(t, "z", "on the topic that was told later")
	// Whether b was back before the message that was kept is chance.
	await(t, "both messages", func() bool {
		seen := fmt.Sprint(b.all())
		return strings.Contains(seen, "of before") && strings.Contains(seen, "told later")
	})
	if got := len(b.all()); got > 3 {
		t.Errorf("heard %v", b.all())
	}
}

// TestNodeDies: servers whose NATS node dies go to another, subscribe again, and hear nothing twice.
func TestNodeDies(t *testing.T) {
	nodes := natsCluster(t, 3)
	a := newPeer(t, Options{Servers: []string{nodes[0].ClientURL()}}, "from-b") // the others it gets to know
	b := newPeer(t, Options{Servers: []string{nodes[1].ClientURL()}}, "x", "x.>")
	c := newPeer(t, Options{Servers: []string{nodes[2].ClientURL()}}, "x")
	meet(t, a, b, c)
	meet(t, b, a)

	const n = 3000
	for i := range n {
		if i == n/3 {
			b.awaitHeard(t, i)
			stopNATS(nodes[1])
		}
		a.publish(t, "x", fmt.Sprint(i))
		_ = b.Publish("back", codec.Text, []byte("its own, while it changes nodes")) // fails where the socket breaks
	}
	await(t, "b at another node", func() bool { return b.Stats().Reconnects == 1 && b.Connected() })
	meet(t, a, b)
	meet(t, b, a)
	a.publish(t, "x", fmt.Sprint(n))
	a.publish(t, "x.y", fmt.Sprint(n+1))
	b.publish(t, "from-b", fmt.Sprint(n+2))
	await(t, "what comes after", func() bool {
		last := b.all()
		return len(last) > 0 && last[len(last)-1].payload == fmt.Sprint(n+1)
	})
	if got := ascending(t, "b", b); got < n/3+2 {
		t.Errorf("b heard %d messages", got)
	}
	await(t, "what comes after, by c", func() bool {
		last := c.all()
		return len(last) > 0 && last[len(last)-1].payload == fmt.Sprint(n)
	})
	if got := ascending(t, "c", c); got <= n/3 { // its node lives, but messages may be lost while the cluster changes
		t.Errorf("c heard %d messages", got)
	}
	if got := a.awaitHeard(t, 1); len(got) != 1 || got[0].payload != fmt.Sprint(n+2) {
		t.Errorf("a heard %v", got)
	}
}

// ascending checks that each message has a higher number than the one before: none came twice or late.
func ascending(t *testing.T, name string, p *peer) int {
	t.Helper()
	last := -1
	all := p.all()
	for _, h := range all {
		i, err := strconv.Atoi(h.payload)
		if err != nil || i <= last {
			t.Fatalf("%s heard %q after %d", name, h.payload, last)
		}
		last = i
	}
	return len(all)
}

// TestClientGivesUp: there are errors after which the NATS client closes for good.
func TestClientGivesUp(t *testing.T) {
	s := natsServer(t, func(o *server.Options) { o.MaxControlLine = 512 })
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x", "y")
	if err := a.Publish(strings.Repeat("x", 1000), codec.Text, nil); err != nil {
		t.Fatal(err)
	}
	a.awaitLog(t, "the NATS client has given up")
	if err := a.Unsubscribe("y"); err != nil {
		t.Fatal(err)
	}
	await(t, "Connected", a.Connected)
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	await(t, "x to arrive", func() bool {
		b.publish(t, "y", "not wanted")
		b.publish(t, "x", "wanted")
		return len(a.all()) > 0
	})
	for _, h := range a.all() {
		if h.topic != "x" {
			t.Errorf("heard %+v", h)
		}
	}
}

// TestDroppedBytes: large messages that wait are bounded by their bytes, and one always may wait.
func TestDroppedBytes(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}, BacklogBytes: 250_000}, "x")
	meet(t, a, b)
	const n = 50
	large := strings.Repeat("x", 100_000)
	b.mu.Lock() // nothing is delivered but one
	goOn := sync.OnceFunc(b.mu.Unlock)
	defer goOn()
	for range n {
		a.publish(t, "x", large)
	}
	await(t, "drops", func() bool { return b.Stats().Dropped >= n-3 })
	stats := b.Stats()
	goOn()
	if stats.Backlog > 2 {
		t.Errorf("%d messages wait", stats.Backlog)
	}
	await(t, "the end of the backlog", func() bool { return b.Stats().Backlog == 0 })
	before := len(b.awaitHeard(t, n-int(stats.Dropped)))
	a.publish(t, "x", strings.Repeat("x", 300_000)) // more than the bound
	if got := b.awaitHeard(t, before+1); len(got[before].payload) != 300_000 {
		t.Errorf("got %d bytes", len(got[before].payload))
	}
}

// TestBurst: much arrives while nobody has had a turn to take it over, as on a busy machine. Nothing is lost.
func TestBurst(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x")
	meet(t, a, b)
	const n = 10_000
	b.inbox.mu.Lock() // collect stands still
	goOn := sync.OnceFunc(b.inbox.mu.Unlock)
	defer goOn()
	for i := range n {
		a.publish(t, "x", fmt.Sprint(i))
	}
	for _, p := range []*peer{a, b} { // what is in front of an answer has been handed out
		if err := p.nc.Load().FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
	}
	goOn()
	b.awaitHeard(t, n)
	if got := ascending(t, "b", b); got != n {
		t.Errorf("b heard %d messages of %d", got, n)
	}
}

// TestDropped: what comes faster than it is delivered is dropped and counted.
func TestDropped(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}, Backlog: 10}, "x")
	meet(t, a, b)
	const n = 1000
	b.mu.Lock() // nothing is delivered
	goOn := sync.OnceFunc(b.mu.Unlock)
	defer goOn()
	for range n {
		a.publish(t, "x", "much")
	}
	await(t, "drops", func() bool { return b.Stats().Dropped >= n-11 })
	goOn()
	b.awaitLog(t, "messages from NATS are dropped")
	if stats := b.Stats(); stats.Dropped > n-10 || stats.Errors == 0 {
		t.Errorf("%+v", stats)
	}
	before := b.Stats().Dropped
	if err := b.Unsubscribe("x"); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the subscription", func() bool { return b.Stats().Subscriptions == 0 })
	if got := b.Stats().Dropped; got != before {
		t.Errorf("%d dropped, and %d once the subscription has ended", before, got)
	}
}
