package natsbus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"example.org/weir/codec"
)

// TestOnceInOrder: what one server publishes, each other that has subscribed gets once, in order, and it
// itself never.
func TestOnceInOrder(t *testing.T) {
	url := natsServer(t, nil).ClientURL()
	a := newPeer(t, Options{Servers: []string{url}}, "rooms.a")
	b := newPeer(t, Options{Servers: []string{url}}, "rooms.a")
	c := newPeer(t, Options{Servers: []string{url}}, "rooms.*")
	d := newPeer(t, Options{Servers: []string{url}}, "other")
	meet(t, a, b, c, d)
	meet(t, b, a)
	const n = 1000
	var want []string
	for i := range n {
		a.publish(t, "rooms.a", fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
	}
	for _, p := range []struct {
		*peer
		pattern string
	}{{b, "rooms.a"}, {c, "rooms.*"}} {
		var got []string
		for _, h := range p.awaitHeard(t, n) {
			if h.pattern != p.pattern || h.topic != "rooms.a" || h.op != codec.Text {
				t.Fatalf("heard %+v", h)
			}
			got = append(got, h.payload)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the order is %v", got)
		}
	}
	// What b publishes comes after what a has published could have come back.
	b.publish(t, "rooms.a", "end")
	if got := a.awaitHeard(t, 1); len(got) != 1 || got[0].payload != "end" {
		t.Errorf("the publisher heard %v", got)
	}
	if got := d.all(); len(got) != 0 {
		t.Errorf("who has not subscribed heard %v", got)
	}
	if s := a.Stats(); s.Out < n || s.Lost != 0 || !s.Connected || s.Subscriptions != 1 || !strings.Contains(s.Server, "127.0.0.1") {
		t.Errorf("the publisher's figures: %+v", s)
	}
	if s := b.Stats(); s.In < n || s.Dropped != 0 || s.Backlog != 0 {
		t.Errorf("the receiver's figures: %+v", s)
	}
}

// TestOverlappingPatterns: one copy for each pattern that matches, and the order holds across them.
func TestOverlappingPatterns(t *testing.T) {
	url := natsServer(t, nil).ClientURL()
	a := newPeer(t, Options{Servers: []string{url}})
	b := newPeer(t, Options{Servers: []string{url}}, "rooms.a", "rooms.*", "rooms.>", "*.b")
	meet(t, a, b)
	const n = 500
	for i := range n {
		a.publish(t, "rooms."+string(rune('a'+i%2)), fmt.Sprint(i))
	}
	copies := 3 // each topic is matched by three of the patterns
	got := b.awaitHeard(t, copies*n)
	if len(got) != copies*n {
		t.Fatalf("%d copies", len(got))
	}
	for i, h := range got {
		if h.payload != fmt.Sprint(i/copies) {
			t.Fatalf("copy %d is of message %s", i, h.payload)
		}
	}
	for _, want := range [][]string{{"rooms.a", "rooms.*", "rooms.>"}, {"rooms.*", "rooms.>", "*.b"}} {
		var patterns []string
		for _, h := range got[:copies] {
			patterns = append(patterns, h.pattern)
		}
		got = got[copies:]
		slices.Sort(patterns)
		slices.Sort(want)
		if !slices.Equal(patterns, want) {
			t.Errorf("came by %v, want %v", patterns, want)
		}
	}
}

// TestPrefix: servers with different prefixes do not hear each other.
func TestPrefix(t *testing.T) {
	url := natsServer(t, nil).ClientURL()
	a := newPeer(t, Options{Servers: []string{url}, Prefix: "one.live"})
	b := newPeer(t, Options{Servers: []string{url}, Prefix: "one.live."}, ">")
	c := newPeer(t, Options{Servers: []string{url}, Prefix: "two"}, ">")
	meet(t, a, b)
	a.publish(t, "x", "one")
	if got := b.awaitHeard(t, 1)[0]; got.topic != "x" || got.pattern != ">" {
		t.Errorf("heard %+v", got)
	}
	if got := c.all(); len(got) != 0 {
		t.Errorf("the other prefix heard %v", got)
	}
	for _, bad := range []string{".", "a..b", "a b", "a.*", ">", "a\r\nb"} {
		if err := New(Options{Servers: []string{url}, Prefix: bad}).Start(nil); err == nil || !strings.Contains(err.Error(), "prefix") {
			t.Errorf("prefix %q: %v", bad, err)
		}
	}
}

// TestLateEcho: NATS cannot know that a message is our own when it was published on an earlier
// connection, so the reply subject tells.
func TestLateEcho(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x")
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	meet(t, b, a)
	other := client(t, s)
	for _, reply := range []string{a.from, "elsewhere"} {
		if err := other.PublishRequest("weir.x", reply, []byte(reply)); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.awaitHeard(t, 1); len(got) != 1 || got[0].payload != "elsewhere" {
		t.Errorf("heard %v", got)
	}
}

// TestUnsubscribe: NATS is told what is wanted no longer.
func TestUnsubscribe(t *testing.T) {
	s := natsServer(t, nil)
	before := s.NumSubscriptions()
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x", "y")
	await(t, "NATS to know", func() bool { return s.NumSubscriptions() == before+2 })
	for _, pattern := range []string{"x", "y", "y"} {
		if err := a.Unsubscribe(pattern); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "NATS to know", func() bool { return s.NumSubscriptions() == before })
	if n := a.Stats().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestRefused(t *testing.T) {
	s := natsServer(t, func(o *server.Options) { o.MaxPayload = 1000 })
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	long := strings.Repeat("x", maxSubject)
	for _, row := range []struct {
		name string
		err  error
		want error
	}{
		{"text that fits", a.Publish("x", codec.Text, make([]byte, 1000)), nil},
		{"text that is too large", a.Publish("x", codec.Text, make([]byte, 1001)), ErrTooLarge},
		{"binary whose header does not fit", a.Publish("x", codec.Binary, make([]byte, 1000)), ErrTooLarge},
		{"topic that is too long", a.Publish(long, codec.Text, nil), ErrTopicTooLong},
		{"pattern that is too long", a.Subscribe(long), ErrTopicTooLong},
	} {
		if !errors.Is(row.err, row.want) {
			t.Errorf("%s: %v", row.name, row.err)
		}
	}
	if s := a.Stats(); s.Out != 1 || s.OutBytes != 1000 || s.Lost != 3 || s.Errors != 0 {
		t.Errorf("%+v", s)
	}
}

func TestClosed(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := newPeer(t, Options{Servers: []string{s.ClientURL()}}, "x")
	meet(t, a, b)
	if err := a.Start(a.deliver); err == nil {
		t.Error("started twice")
	}
	for range 1000 {
		a.publish(t, "x", "before Close")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b.awaitHeard(t, 1000) // Close has sent what waited
	for name, err := range map[string]error{
		"Publish":     a.Publish("x", codec.Text, nil),
		"Subscribe":   a.Subscribe("x"),
		"Unsubscribe": a.Unsubscribe("x"),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := a.Start(a.deliver); err == nil {
		t.Error("started after Close")
	}
	if err := New(Options{}).Close(); err != nil {
		t.Errorf("closing what was never started: %v", err)
	}
	await(t, "NATS to see b alone", func() bool { return s.NumClients() == 1 })
}

// TestCloseWaits: deliver is not under way any more when Close has returned.
func TestCloseWaits(t *testing.T) {
	s := natsServer(t, nil)
	a := newPeer(t, Options{Servers: []string{s.ClientURL()}})
	b := New(Options{Servers: []string{s.ClientURL()}, Logger: slog.New(slog.DiscardHandler)})
	delivering, closed, delivered := make(chan struct{}), make(chan error, 1), make(chan bool, 1)
	var once sync.Once
	if err := b.Start(func(string, string, codec.Opcode, []byte) {
		once.Do(func() {
			close(delivering)
			select {
			case <-closed:
				delivered <- false
			case <-time.After(200 * time.Millisecond): // Close would need less, if it did not wait
				delivered <- true
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Subscribe("x"); err != nil {
		t.Fatal(err)
	}
	await(t, "a message", func() bool {
		a.publish(t, "x", "")
		select {
		case <-delivering:
			return true
		default:
			return false
		}
	})
	closed <- b.Close()
	if !<-delivered {
		t.Error("Close did not wait")
	}
}

// TestUserOptions: the user's options cannot switch off what a Bus relies on.
func TestUserOptions(t *testing.T) {
	s := natsServer(t, func(o *server.Options) { o.Username, o.Password = "weir", "secret" })
	a := newPeer(t, Options{
		Servers: []string{s.ClientURL()},
		NATS:    []nats.Option{nats.UserInfo("weir", "secret"), nats.MaxReconnects(3), nats.ClosedHandler(nil)},
	})
	if opts := a.nc.Load().Opts; !a.Connected() || opts.MaxReconnect != -1 || !opts.NoEcho {
		t.Errorf("connected: %v, reconnects: %d, no echo: %v", a.Connected(), opts.MaxReconnect, opts.NoEcho)
	}
}
