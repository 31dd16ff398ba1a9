package reactor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.org/weir/codec"
)

// topicLog notes what Server.OnTopic is told.
type topicLog struct {
	mu    sync.Mutex
	calls []string
	block chan struct{} // if set, each call waits for a value
}

func (l *topicLog) hook(pattern string, active bool) {
	if l.block != nil {
		<-l.block
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintf("%s %t", pattern, active))
}

func (l *topicLog) got() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// TestOnTopic holds when the hook is called: for the first subscriber on any loop, and the last.
func TestOnTopic(t *testing.T) {
	h, log := newProbe(), &topicLog{}
	srv := &Server{Handler: h, Loops: 2, OnTopic: log.hook}
	addr := serve(t, srv)
	var want []string
	step := func(calls ...string) {
		t.Helper()
		want = append(want, calls...)
		eventually(t, fmt.Sprintf("%q; got %q", want, log.got()), func() bool { return slices.Equal(log.got(), want) })
	}
	_, a := subscriber(t, h, addr, "x")
	step("x true")
	_, b := subscriber(t, h, addr, "x", "y.>")
	step("y.> true")
	_ = a.Unsubscribe("x")
	_ = b.Unsubscribe("y.>")
	step("y.> false")
	_ = b.CloseNow()
	step("x false")
	_ = a.Subscribe("x")
	_ = a.Subscribe("z.*")
	step("x true", "z.* true")
	_ = srv.Close()
	got := log.got()[len(want):] // all of them have been made when Close returns
	slices.Sort(got)
	if !slices.Equal(got, []string{"x false", "z.* false"}) {
		t.Errorf("at the end: %q", got)
	}
}

// TestOnTopicAlternates has many connections subscribe and unsubscribe at the same time.
func TestOnTopicAlternates(t *testing.T) {
	h, log := newProbe(), &topicLog{}
	srv := &Server{Handler: h, Loops: 3, OnTopic: log.hook}
	addr := serve(t, srv)
	var wg sync.WaitGroup
	for i := range 6 {
		_, c := subscriber(t, h, addr)
		wg.Go(func() {
			for n := range 500 {
				p := fmt.Sprint("p", (n*i)%3)
				_ = c.Subscribe(p)
				_ = c.Unsubscribe(p)
			}
			_ = c.Subscribe("last")
		})
	}
	wg.Wait()
	_ = srv.Close()
	state := map[string]string{}
	calls := log.got()
	for i, call := range calls {
		pattern, now, _ := strings.Cut(call, " ")
		if now == state[pattern] || state[pattern] == "" && now != "true" {
			t.Fatalf("call %d is %q, and the one before it was %q", i, call, state[pattern])
		}
		state[pattern] = now
	}
	for _, p := range []string{"p0", "p1", "p2", "last"} {
		if state[p] == "true" || p == "last" && state[p] == "" { // what is undone before its turn is not reported
			t.Errorf("%s: the last call was %q", p, state[p])
		}
	}
	if n := len(srv.topics.hook.patterns); n != 0 {
		t.Errorf("%d patterns are still remembered", n)
	}
}

// TestOnTopicBusy holds what a hook misses that is busy: what is undone before its turn has come. What
// waits for it is bounded.
func TestOnTopicBusy(t *testing.T) {
	h, log := newProbe(), &topicLog{block: make(chan struct{})}
	srv := &Server{Handler: h, OnTopic: log.hook}
	_, c := subscriber(t, h, serve(t, srv), "busy")
	f := srv.topics.hook
	eventually(t, "the hook is called", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.queue) == 0
	})
	for range 1000 {
		_ = c.Subscribe("a")
		_ = c.Unsubscribe("a")
		_ = c.Unsubscribe("busy")
		_ = c.Subscribe("busy")
		_ = c.Subscribe("b")
	}
	f.mu.Lock()
	n := len(f.queue)
	f.mu.Unlock()
	if n != 3 {
		t.Errorf("%d changes wait", n)
	}
	close(log.block)
	eventually(t, "b is told", func() bool { return slices.Equal(log.got(), []string{"busy true", "b true"}) })
}

// TestOnTopicPanics has a hook that panics. The next call comes all the same.
func TestOnTopicPanics(t *testing.T) {
	var log logBuffer
	h, called := newProbe(), make(chan string, 4)
	srv := &Server{Handler: h, Logger: log.logger(), OnTopic: func(pattern string, _ bool) {
		called <- pattern
		panic("oops")
	}}
	subscriber(t, h, serve(t, srv), "a", "b")
	if a, b := within(t, called), within(t, called); a != "a" || b != "b" {
		t.Errorf("called for %s and %s", a, b)
	}
	_ = srv.Close()
	if !strings.Contains(log.String(), "oops") {
		t.Errorf("logged %q", log.String())
	}
}

// fakeNet is what fake buses are connected by: a message published on one comes to the others at once.
type fakeNet struct {
	mu    sync.Mutex
	buses []*fakeBus
}

type fakeBus struct {
	net     *fakeNet
	deliver func(pattern, topic string, op codec.Opcode, p []byte)
	calls   []string
	subs    map[string]bool
	start   error
	fail    error
	block   chan struct{} // if set, each Publish waits for a value
	closed  bool
}

func (n *fakeNet) bus() *fakeBus {
	b := &fakeBus{net: n, subs: map[string]bool{}}
	n.buses = append(n.buses, b)
	return b
}

func (b *fakeBus) note(call string) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	if b.closed {
		call += " after Close"
	}
	b.calls = append(b.calls, call)
}

func (b *fakeBus) got() []string {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	return slices.Clone(b.calls)
}

func (b *fakeBus) Start(deliver func(pattern, topic string, op codec.Opcode, p []byte)) error {
	b.deliver = deliver
	deliver("early", "early", codec.Text, nil) // which nobody has subscribed to yet
	return b.start
}

func (b *fakeBus) Publish(topic string, op codec.Opcode, p []byte) error {
	if b.block != nil {
		<-b.block
	}
	b.note(fmt.Sprintf("publish %s %v %s", topic, op, p))
	for _, other := range b.net.buses {
		if other == b {
			continue
		}
		var patterns []string
		b.net.mu.Lock()
		for pattern := range other.subs {
			if matches(pattern, topic) {
				patterns = append(patterns, pattern)
			}
		}
		b.net.mu.Unlock()
		for _, pattern := range patterns {
			q := slices.Clone(p)
			other.deliver(pattern, topic, op, q)
			clear(q)
		}
	}
	return b.fail
}

func (b *fakeBus) set(pattern string, on bool) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	b.subs[pattern] = on
	if !on {
		delete(b.subs, pattern)
	}
}

func (b *fakeBus) Subscribe(pattern string) error {
	b.note("subscribe " + pattern)
	b.set(pattern, true)
	return b.fail
}

func (b *fakeBus) Unsubscribe(pattern string) error {
	b.note("unsubscribe " + pattern)
	b.set(pattern, false)
	return b.fail
}

func (b *fakeBus) Close() error {
	b.note("close")
	b.net.mu.Lock()
	b.closed = true
	b.net.mu.Unlock()
	return b.fail
}

// TestBus connects two servers. Each subscription gets a copy, wherever the message was published, and
// nobody gets one twice.
func TestBus(t *testing.T) {
	var fake fakeNet
	h := [2]*probe{newProbe(), newProbe()}
	var srv [2]*Server
	var addr [2]string
	for i := range srv {
		srv[i] = &Server{Handler: h[i], Bus: fake.bus()}
	}
	for i := range srv {
		addr[i] = serve(t, srv[i])
	}
	ada, adaConn := subscriber(t, h[0], addr[0], "room.1", "room.*")
	bob, bobConn := subscriber(t, h[1], addr[1], "room.>")
	eve, _ := subscriber(t, h[1], addr[1], "room.1", "room.>")
	eventually(t, "all is subscribed", func() bool {
		return len(fake.buses[0].got()) == 2 && len(fake.buses[1].got()) == 2
	})
	_ = adaConn.Publish("room.1", codec.Text, []byte("hello"))
	bob.want(codec.Text, "hello")
	eve.want(codec.Text, "hello")
	eve.want(codec.Text, "hello")
	_ = bobConn.Publish("room.1", codec.Binary, []byte("hi"))
	ada.want(codec.Binary, "hi") // the first that she gets: not her own
	ada.want(codec.Binary, "hi")
	eve.want(codec.Binary, "hi")
	eve.want(codec.Binary, "hi")
	_ = srv[0].Publish("room.2", codec.Text, []byte("the end"))
	bob.want(codec.Text, "the end")
	_ = srv[0].Close()
	_ = srv[1].Close()
	for i, want := range []string{
		"subscribe room.1, subscribe room.*, publish room.1 text hello, publish room.2 text the end",
		"subscribe room.>, subscribe room.1, publish room.1 binary hi",
	} {
		calls := fake.buses[i].got()
		if got := strings.Join(calls, ", "); !strings.HasPrefix(got, want) || calls[len(calls)-1] != "close" {
			t.Errorf("bus %d: %s", i, got)
		}
	}
	before := srv[1].TopicStats()
	fake.buses[1].deliver("room.>", "room.9", codec.Text, nil) // too late
	if after := srv[1].TopicStats(); after.Published != before.Published {
		t.Error("a message from the bus was taken after Close")
	}
}

// TestBusOrder holds that the bus is told of a subscription before what is published after it.
func TestBusOrder(t *testing.T) {
	var fake fakeNet
	h := newProbe()
	b := fake.bus()
	b.block = make(chan struct{})
	srv := &Server{Handler: h, Bus: b}
	_, c := subscriber(t, h, serve(t, srv))
	var want []string
	publish := func(s string) {
		_ = c.Publish("t", codec.Text, []byte(s))
		want = append(want, "publish t text "+s)
	}
	publish("0") // which blocks the bus
	eventually(t, "the bus is busy", func() bool {
		srv.topics.bus.mu.Lock()
		defer srv.topics.bus.mu.Unlock()
		return len(srv.topics.bus.queue) == 0
	})
	_ = c.Subscribe("a")
	want = append(want, "subscribe a")
	publish("1")
	_ = c.Subscribe("gone")
	publish("2")
	_ = c.Unsubscribe("gone")
	_ = c.Subscribe("b")
	want = append(want, "subscribe b")
	publish("3")
	close(b.block)
	eventually(t, fmt.Sprint(want), func() bool { return slices.Equal(b.got(), want) })
	_ = c.CloseNow() // not earlier: what ends before it was reported never is
	want = append(want, "unsubscribe b", "unsubscribe a")
	eventually(t, fmt.Sprint(want), func() bool { return slices.Equal(b.got(), want) })
}

// TestBusBlocks has a bus that takes nothing: local delivery goes on, what waits is bounded, and Shutdown
// drops it when its time is up.
func TestBusBlocks(t *testing.T) {
	var fake fakeNet
	h := newProbe()
	b := fake.bus()
	b.block = make(chan struct{})
	srv := &Server{Handler: h, Bus: b, MaxBusQueue: 10 * (98 + publicationCost)}
	r, _ := subscriber(t, h, serve(t, srv), "t")
	p := strings.Repeat("x", 96) // 98 with its header
	for range 100 {
		if err := srv.Publish("t", codec.Text, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		r.want(codec.Text, p)
	}
	if n := srv.TopicStats().BusMissed; n != 89 && n != 90 { // one may have been taken already
		t.Errorf("%d did not reach the bus", n)
	}
	closed := make(chan struct{})
	go func() {
		_ = srv.Close()
		close(closed)
	}()
	eventually(t, "the bus drops what waits", func() bool {
		f := srv.topics.bus
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.dropping
	})
	b.block <- struct{}{} // the one call
	within(t, closed)
	calls := b.got()
	if n := len(calls); n > 3 || calls[n-1] != "close" {
		t.Errorf("%d calls: %q", n, calls)
	}
}

// TestBusFails has a bus whose calls fail: that is counted, and logged once.
func TestBusFails(t *testing.T) {
	var fake fakeNet
	var log logBuffer
	h := newProbe()
	b := fake.bus()
	b.fail = errors.New("no bus today")
	srv := &Server{Handler: h, Bus: b, Logger: log.logger()}
	_, c := subscriber(t, h, serve(t, srv), "t")
	for range 10 {
		_ = c.Publish("t", codec.Text, nil)
	}
	eventually(t, "11 errors", func() bool { return srv.TopicStats().BusErrors == 11 })
	_ = c.Unsubscribe("t")
	eventually(t, "12 errors", func() bool { return srv.TopicStats().BusErrors == 12 })
	_ = srv.Close()
	if n := strings.Count(log.String(), "no bus today"); n != 1 || srv.TopicStats().BusErrors != 13 {
		t.Errorf("logged %d times; %+v", n, srv.TopicStats())
	}

	b = fake.bus()
	b.start = errors.New("not even started")
	srv = &Server{Handler: h, Bus: b, Logger: quiet, OnTopic: func(string, bool) {}}
	if err := srv.Start("127.0.0.1:0"); !errors.Is(err, b.start) {
		t.Errorf("Start: %v", err)
	}
}

// TestBusGraceful has Shutdown pass on what still waits for the bus, in the time that it has.
func TestBusGraceful(t *testing.T) {
	var fake fakeNet
	b := fake.bus()
	b.block = make(chan struct{})
	srv := &Server{Bus: b}
	serve(t, srv)
	for i := range 50 {
		_ = srv.Publish("t", codec.Text, fmt.Append(nil, i))
	}
	go func() {
		for range 50 {
			b.block <- struct{}{}
		}
	}()
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := b.got(); len(calls) != 51 || calls[49] != "publish t text 49" || calls[50] != "close" {
		t.Errorf("%d calls: %q", len(calls), calls)
	}
}
