package reactor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.org/weir/codec"
)

// TestFanOutInChunks publishes to 100,000 subscribers of one loop. Its runs are short, other tasks come in
// between, and each subscriber gets both messages in one write.
func TestFanOutInChunks(t *testing.T) {
	const members = 100_000
	c := newCrowd(t, &Server{IO: IODirect}, 1)
	fd := null(t)
	for range members {
		c.subscribe(c.add(fd), "all")
	}
	other := c.add(fd)
	c.publish("all", "one", "two")
	el := c.loops[0]
	runs, between := 0, 0
	var delivered int64
	for el.step() {
		runs++
		now := c.srv.TopicStats().Delivered
		if n := now - delivered; n > 2*subscribersPerRun {
			t.Fatalf("run %d delivered %d messages", runs, n)
		}
		if delivered = now; delivered < 2*members {
			_ = other.Do(func(*Conn) { between++ })
		}
	}
	if delivered != 2*members {
		t.Errorf("%d messages were delivered, want %d", delivered, 2*members)
	}
	if least := members / subscribersPerRun; runs < least || between < least-1 {
		t.Errorf("%d runs, with %d other tasks in between, want %d", runs, between, least)
	}
}

// TestFanOutLargeInChunks publishes a large message. A run sends it to few.
func TestFanOutLargeInChunks(t *testing.T) {
	const size, members = 1 << 20, 100
	c := newCrowd(t, &Server{IO: IODirect}, 1)
	fd := null(t)
	for range members {
		c.subscribe(c.add(fd), "all")
	}
	if err := c.srv.Publish("all", codec.Binary, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	runs := c.settle()
	if n := c.srv.TopicStats().Delivered; n != members {
		t.Errorf("%d were delivered", n)
	}
	if least := size / batchBytes * members / subscribersPerRun; runs < least {
		t.Errorf("%d runs, want %d at least", runs, least)
	}
}

// TestFanOutJoinsWrites holds that publications that wait together are written together, as far as they
// are not large.
func TestFanOutJoinsWrites(t *testing.T) {
	c := newCrowd(t, &Server{IO: IODirect}, 1)
	fd, out := pair(t)
	other, outOther := pair(t)
	conn := c.add(fd)
	c.subscribe(conn, "a", "b.*")
	c.subscribe(c.add(other), "b.1")
	c.publish("a", 1, 2, 3)
	c.settle()
	if w := out(); !slices.Equal(w, []string{unmasked(codec.Text, "1") + unmasked(codec.Text, "2") + unmasked(codec.Text, "3")}) {
		t.Errorf("three on one topic: %q", w)
	}
	c.publish("b.1", 4, 5)
	c.settle()
	joined := []string{unmasked(codec.Text, "4") + unmasked(codec.Text, "5")}
	if w, o := out(), outOther(); !slices.Equal(w, joined) || !slices.Equal(o, joined) {
		t.Errorf("two that match two patterns: %q and %q", w, o)
	}
	large := strings.Repeat("x", batchBytes-100)
	c.publish("a", large, large, "small", "small")
	c.settle()
	if w := out(); len(w) != 2 || w[0] != unmasked(codec.Text, large) || len(w[1]) != len(unmasked(codec.Text, large+"smallsmall"))+4 {
		t.Errorf("large ones: %d writes", len(w))
	}
}

// TestFanOutThroughRing has a burst for many subscribers written by way of the loop's batch, each once.
func TestFanOutThroughRing(t *testing.T) {
	for name, mode := range ioModes() {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, &Server{IO: mode}, 1)
			var outs []func() []string
			for range 150 {
				fd, out := pair(t)
				outs = append(outs, out)
				c.subscribe(c.add(fd), "all")
			}
			c.publish("all", "x", "y")
			c.settle()
			for i, out := range outs {
				if w := out(); !slices.Equal(w, []string{unmasked(codec.Text, "x") + unmasked(codec.Text, "y")}) {
					t.Fatalf("subscriber %d got %q", i, w)
				}
			}
		})
	}
}

// model says what the connections of a crowd are to get.
type model struct {
	t        *testing.T
	c        *crowd
	conns    []*Conn
	subs     []map[string]int // of each connection: patterns, with the publication that came next
	topics   []string         // of the publications so far
	owed     []map[int]int    // of each connection: copies that it must get, by publication
	most     []map[int]int    // copies that it may get
	finished []map[int]int    // copies it had got when it no longer was to get any
}

var modelPatterns = []string{"x.1", "x.2", "x.*", ">", "*.1"}

func (m *model) copies(conn, k int) (n int) {
	for _, s := range got(m.conns[conn]) {
		if s == fmt.Sprint(k) {
			n++
		}
	}
	return n
}

func (m *model) subscribe(i int, pattern string) {
	if _, ok := m.subs[i][pattern]; !ok {
		m.subs[i][pattern] = len(m.topics)
	}
	m.c.subscribe(m.conns[i], pattern)
}

// unsubscribe ends a subscription, which may have got of the latest publications all, some or nothing.
func (m *model) unsubscribe(i int, pattern string) {
	if err := m.conns[i].Unsubscribe(pattern); err != nil {
		m.t.Fatal(err)
	}
	from, ok := m.subs[i][pattern]
	if !ok {
		return
	}
	delete(m.subs[i], pattern)
	for k := from; k < len(m.topics); k++ {
		if !matches(pattern, m.topics[k]) {
			continue
		}
		if m.owed[i][k]--; m.owed[i][k] == 0 {
			m.finished[i][k] = m.copies(i, k)
		}
	}
}

func (m *model) publish(from int, topic string) {
	k := len(m.topics)
	m.topics = append(m.topics, topic)
	err := m.conns[from].Publish(topic, codec.Text, fmt.Append(nil, k))
	if err != nil {
		m.t.Fatal(err)
	}
	for i, subs := range m.subs {
		for pattern := range subs {
			if i != from && matches(pattern, topic) {
				m.owed[i][k]++
				m.most[i][k]++
			}
		}
	}
}

func (m *model) check() {
	for i, c := range m.conns {
		messages, last := got(c), -1
		count := map[int]int{}
		for _, s := range messages {
			var k int
			_, _ = fmt.Sscan(s, &k)
			if k < last {
				m.t.Fatalf("connection %d got %d after %d", i, k, last)
			}
			last = k
			count[k]++
		}
		for k := range m.topics {
			if n := count[k]; n < m.owed[i][k] || n > m.most[i][k] {
				m.t.Fatalf("connection %d got %d copies of %d, want %d to %d", i, n, k, m.owed[i][k], m.most[i][k])
			}
			if n, ok := m.finished[i][k]; ok && n != count[k] {
				m.t.Fatalf("connection %d got %d after it had unsubscribed", i, k)
			}
		}
	}
}

// TestFanOutExactlyOnce lets connections subscribe, unsubscribe and close while publications are on their
// way, in an order that chance decides. Each subscription gets what was published during it, once, in
// order; and nothing after its end.
func TestFanOutExactlyOnce(t *testing.T) {
	seeds := uint64(4)
	if raceDetector {
		seeds = 1 // it takes long, and there is one goroutine
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		const conns = 2 * subscribersPerRun
		m := &model{t: t, c: newCrowd(t, &Server{MaxOutbound: -1, MaxPublishQueue: -1}, 1)}
		for range conns {
			m.conns = append(m.conns, m.c.congested())
			m.subs = append(m.subs, map[string]int{})
			m.owed = append(m.owed, map[int]int{})
			m.most = append(m.most, map[int]int{})
			m.finished = append(m.finished, map[int]int{})
		}
		for i := range conns {
			m.subscribe(i, modelPatterns[r.IntN(3)])
			m.subscribe(i, modelPatterns[r.IntN(len(modelPatterns))])
		}
		for range 1500 {
			i, pattern := r.IntN(conns), modelPatterns[r.IntN(len(modelPatterns))]
			switch r.IntN(8) {
			case 0, 1, 2:
				m.subscribe(i, pattern)
			case 3, 4, 5:
				m.unsubscribe(i, pattern)
			case 6:
				if len(m.topics) < 150 {
					m.publish(i, fmt.Sprint("x.", 1+r.IntN(2)))
				}
			case 7:
				if r.IntN(3) == 0 {
					m.c.loops[0].step()
				}
			}
		}
		m.c.settle()
		m.check()
	}
}

// TestFanOutClosing closes half of the subscribers while a publication is on its way.
func TestFanOutClosing(t *testing.T) {
	const conns = 4 * subscribersPerRun
	c := newCrowd(t, &Server{}, 1)
	var all []*Conn
	for range conns {
		conn := c.congested()
		c.subscribe(conn, "all", "x")
		all = append(all, conn)
	}
	c.publish("all", "m")
	for i := 0; c.loops[0].step(); i++ {
		for j := i; j < conns; j += 8 {
			if conn := all[j]; j%2 == 0 && !conn.isClosed() {
				_ = c.loops[0].Close(conn.socket)
			}
		}
	}
	for i, conn := range all {
		switch {
		case conn.isClosed() && conn.rare.subs != nil:
			t.Fatalf("connection %d has closed and keeps its subscriptions", i)
		case !conn.isClosed() && !slices.Equal(got(conn), []string{"m"}):
			t.Fatalf("connection %d got %q", i, got(conn))
		}
	}
	open := 0
	for _, conn := range all {
		if !conn.isClosed() {
			open++
		}
	}
	if n := c.srv.Subscribers("all"); n != open || open == conns {
		t.Errorf("%d subscribers, %d connections of %d are open", n, open, conns)
	}
}

// TestFanOutOneWake holds that a burst of publications wakes each loop once.
func TestFanOutOneWake(t *testing.T) {
	c := newCrowd(t, &Server{}, 3)
	for range 15 {
		c.subscribe(c.congested(), "a", "b")
	}
	for i := range 10 {
		c.publish("a", i)
		c.publish("b", i)
	}
	for i, el := range c.loops {
		if n := len(el.runs); n != 1 {
			t.Errorf("loop %d was woken %d times", i, n)
		}
	}
	if runs := c.settle(); runs != len(c.loops) {
		t.Errorf("%d runs for %d loops", runs, len(c.loops))
	}
}

// TestFanOutBacklog publishes faster than the loop delivers.
func TestFanOutBacklog(t *testing.T) {
	c := newCrowd(t, &Server{MaxBacklog: 10_000, MaxPublishQueue: -1}, 2)
	ahead, behind := c.congested(), c.congested()
	c.subscribe(behind, "a", ">")
	c.subscribe(ahead, "a")
	p := make([]byte, 1000)
	accepted := 0
	for ; accepted < 100 && c.srv.Publish("a", codec.Binary, p) == nil; accepted++ {
		ahead.loop.events.(*crowdLoop).step()
	}
	if accepted != 5 { // each is to be delivered twice
		t.Errorf("%d were accepted", accepted)
	}
	if err := c.srv.Publish("a", codec.Binary, p); err != ErrBacklog {
		t.Errorf("Publish: %v", err)
	}
	c.settle()
	if err := c.srv.Publish("a", codec.Binary, p); err != nil {
		t.Errorf("after delivery: %v", err)
	}
	c.settle()
	if x, y := len(got(ahead)), len(got(behind)); x != 6 || y != 12 {
		t.Errorf("%d and %d were delivered", x, y)
	}
	if n := behind.loop.fan.backlog.Load(); n != 0 {
		t.Errorf("a backlog of %d bytes is left", n)
	}
}

// TestFanOutBacklogOfEmptyMessages bounds the memory of messages that have no bytes of their own.
func TestFanOutBacklogOfEmptyMessages(t *testing.T) {
	c := newCrowd(t, &Server{MaxBacklog: 10_000}, 1)
	c.subscribe(c.congested(), "a")
	accepted := 0
	for ; accepted < 1000 && c.srv.Publish("a", codec.Binary, nil) == nil; accepted++ {
	}
	if most := 10_000/publicationCost + 1; accepted > most {
		t.Errorf("%d were accepted, want %d at most", accepted, most)
	}
	c.settle()
	if err := c.srv.Publish("a", codec.Binary, nil); err != nil {
		t.Errorf("after delivery: %v", err)
	}
	c.settle()
}

// TestFanOutUnsubscribedAtTheLastMoment ends a subscription after it was looked up and before it is served.
func TestFanOutUnsubscribedAtTheLastMoment(t *testing.T) {
	c := newCrowd(t, &Server{}, 1)
	conn := c.congested()
	c.subscribe(conn, "a", "b")
	s := conn.rare.subs.first.next // "a"
	c.publish("a", "m")
	f := &conn.loop.fan
	f.take()
	f.next()
	_ = conn.Unsubscribe("a")
	f.deliver(s)
	c.settle()
	if m := got(conn); m != nil {
		t.Errorf("got %q", m)
	}
}
