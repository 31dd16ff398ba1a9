package reactor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"example.org/weir/codec"
)

// subscriber opens a connection and subscribes it to the patterns.
func subscriber(t *testing.T, h *probe, addr string, patterns ...string) (*rawClient, *Conn) {
	t.Helper()
	r := open(t, addr)
	c := within(t, h.opened)
	for _, p := range patterns {
		if err := c.Subscribe(p); err != nil {
			t.Fatalf("Subscribe(%q): %v", p, err)
		}
	}
	return r, c
}

// TestPublish holds who gets what: each subscription its copy, whoever publishes, but not the publisher.
func TestPublish(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint("loops=", loops), func(t *testing.T) {
			h := newProbe()
			srv := &Server{Handler: h, Loops: loops}
			addr := serve(t, srv)
			red, redConn := subscriber(t, h, addr, "rooms.red", "rooms.red", "end")
			blue, _ := subscriber(t, h, addr, "rooms.blue", "end")
			all, _ := subscriber(t, h, addr, "rooms.*", "rooms.>", "rooms.red", "end")
			if n := srv.Subscribers("rooms.red"); n != 4 {
				t.Errorf("rooms.red has %d subscribers", n)
			}
			publish := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			publish(srv.Publish("rooms.red", codec.Text, []byte("to red")))
			publish(redConn.Publish("rooms.red", codec.Binary, []byte("from red")))
			publish(srv.Publish("nobody", codec.Binary, []byte("to nobody")))
			publish(srv.Publish("end", codec.Text, []byte("end")))
			red.want(codec.Text, "to red")
			red.want(codec.Text, "end")
			blue.want(codec.Text, "end")
			for range 3 {
				all.want(codec.Text, "to red")
			}
			for range 3 {
				all.want(codec.Binary, "from red")
			}
			all.want(codec.Text, "end")
		})
	}
}

// TestTopicErrors holds what Subscribe, Unsubscribe and Publish refuse.
func TestTopicErrors(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, MaxSubscriptions: 2}
	addr := serve(t, srv)
	_, c := subscriber(t, h, addr, "a", "b.>", "a")
	message := []byte("m")
	for name, row := range map[string]struct{ got, want error }{
		"Subscribe, too many":           {c.Subscribe("c"), ErrTooManySubscriptions},
		"Subscribe, bad":                {c.Subscribe("a."), ErrBadTopic},
		"Unsubscribe, bad":              {c.Unsubscribe("a*"), ErrBadTopic},
		"Unsubscribe, unknown":          {c.Unsubscribe("unknown"), nil},
		"Conn.Publish, bad":             {c.Publish("", codec.Text, message), ErrBadTopic},
		"Conn.Publish, pattern":         {c.Publish("b.>", codec.Text, message), ErrBadTopic},
		"Conn.Publish, control frame":   {c.Publish("a", codec.Ping, message), errNotData},
		"Server.Publish, bad":           {srv.Publish("a b", codec.Text, message), ErrBadTopic},
		"Server.Publish, pattern":       {srv.Publish("*", codec.Text, message), ErrBadTopic},
		"Server.Publish, control frame": {srv.Publish("a", codec.Close, message), errNotData},
		"Server.Publish, nobody there":  {srv.Publish("nobody", codec.Binary, message), nil},
	} {
		if row.got != row.want {
			t.Errorf("%s: %v, want %v", name, row.got, row.want)
		}
	}
	if err := errors.Join(c.Unsubscribe("a"), c.Subscribe("c")); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if n := srv.Subscribers("b.*"); n != 0 {
		t.Errorf("a pattern has %d subscribers", n)
	}
	cl := &Client{}
	t.Cleanup(func() { _ = cl.Close() })
	dialed, err := cl.Dial(t.Context(), "ws://"+addr, newCollector(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{dialed.Subscribe("a"), dialed.Unsubscribe("a"), dialed.Publish("a", codec.Text, nil)} {
		if err != errNoTopics {
			t.Errorf("a client's connection: %v", err)
		}
	}
	_ = c.Close(codec.CloseNormal, "")
	if err := c.Subscribe("d"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Subscribe while closing: %v", err)
	}
	_ = srv.Close()
	if err := srv.Publish("a", codec.Text, message); err != ErrServerClosed {
		t.Errorf("Publish after Close: %v", err)
	}
}

// TestPresence counts subscribers as they come and go, in whatever way.
func TestPresence(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h}
	addr := serve(t, srv)
	want := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " subscribers"), func() bool { return srv.Subscribers("a.b") == n })
	}
	want(0)
	one, c1 := subscriber(t, h, addr, "a.b", "a.*", "x")
	two, _ := subscriber(t, h, addr, "a.b", "y")
	three, c3 := subscriber(t, h, addr, "a.b", ">")
	want(5)
	_ = c1.Unsubscribe("a.*")
	_ = c1.Unsubscribe("a.*")
	want(4)
	two.reset()
	want(3)
	_ = c3.CloseNow()
	three.end()
	want(1)
	_ = c1.Unsubscribe("a.b")
	want(0)
	if s := srv.TopicStats(); s.Subscriptions != 1 || s.Patterns != 1 {
		t.Errorf("%+v", s)
	}
	_ = one.Close()
	eventually(t, "no subscriptions", func() bool { return srv.TopicStats() == TopicStats{} })
}

// A topic that most have left gives their room back, and those that are left hear all, once.
func TestTopicShrinks(t *testing.T) {
	c := newCrowd(t, &Server{}, 1)
	var conns []*Conn
	for range 1000 {
		conn := c.add(null(t))
		c.subscribe(conn, "a")
		conns = append(conns, conn)
	}
	c.settle()
	members := func() []*subscription { return conns[0].loop.engine.srv.topics.patterns["a"].groups[0].members }
	full := cap(members())
	for _, conn := range conns[50:] {
		if err := conn.Unsubscribe("a"); err != nil {
			t.Fatal(err)
		}
	}
	if got := members(); len(got) != 50 || cap(got) > full/8 {
		t.Errorf("%d are left in room for %d, which was for %d", len(got), cap(got), full)
	}
	c.publish("a", "hello")
	c.settle()
	if got := c.srv.Stats().Sent.Text; got != 50 {
		t.Errorf("%d messages were sent to 50", got)
	}
}

// TestPublishersInOrder has goroutines and connections publish while others subscribe, unsubscribe and
// leave. Who stays gets all, each publisher's messages in order.
func TestPublishersInOrder(t *testing.T) {
	const publishers, each, stay = 6, 400, 8
	h := newProbe()
	srv := &Server{Handler: h, Loops: 3, MaxPublishQueue: -1, MaxOutbound: -1}
	addr := serve(t, srv)
	var staying []*rawClient
	for range stay {
		r, _ := subscriber(t, h, addr, "t.*", "t.end")
		staying = append(staying, r)
	}
	stop := make(chan struct{})
	var churn, publishing sync.WaitGroup
	for i := range 3 {
		r, c := subscriber(t, h, addr)
		go func() { // it reads until it is closed
			for {
				if _, _, err := r.next(); err != nil {
					return
				}
			}
		}()
		churn.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					r.reset()
					return
				default:
				}
				p := []string{"t.*", ">", fmt.Sprint("t.", n%4)}[(n+i)%3]
				if err := errors.Join(c.Subscribe(p), c.Subscribe("t.>"), c.Unsubscribe(p)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	_, quiet := subscriber(t, h, addr, "nothing")
	for i := range publishers {
		publishing.Go(func() {
			for n := range uint32(each) {
				p := binary.BigEndian.AppendUint32([]byte{byte(i)}, n)
				topic := fmt.Sprint("t.", n%4)
				publish := srv.Publish
				if i%2 == 1 {
					publish = quiet.Publish
				}
				if err := publish(topic, codec.Binary, p); err != nil {
					t.Errorf("Publish: %v", err)
				}
			}
		})
	}
	publishing.Wait()
	close(stop)
	churn.Wait()
	if err := srv.Publish("t.end", codec.Text, []byte("end")); err != nil {
		t.Fatal(err)
	}
	for i, r := range staying {
		var next [publishers]uint32
		for range publishers * each {
			op, p, err := r.next()
			if err != nil || op != codec.Binary || len(p) != 5 {
				t.Fatalf("subscriber %d got %v %q, %v; so far %d", i, op, p, err, next)
			}
			if n := binary.BigEndian.Uint32([]byte(p[1:])); n != next[p[0]] {
				t.Fatalf("subscriber %d got message %d of publisher %d, want %d", i, n, p[0], next[p[0]])
			}
			next[p[0]]++
		}
		r.want(codec.Text, "end")
		r.want(codec.Text, "end")
	}
}

// TestPublishCompressesOnce holds that what is published is one message for all, which is compressed once
// for all who agreed on the same window.
func TestPublishCompressesOnce(t *testing.T) {
	c := newCrowd(t, &Server{Deflate: &codec.Deflate{}, IO: IODirect}, 2)
	s := prose(2000, 3)
	type client struct {
		read func() []string
		bits uint8
	}
	var clients []client
	for i := range 12 {
		fd, read := pair(t)
		conn := c.add(fd)
		bits := []uint8{0, 10, 15}[i%3]
		if bits != 0 {
			p := codec.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: bits}
			conn.rarely().deflate = c.srv.core.deflating(p, 0)
		}
		clients = append(clients, client{read, bits})
		c.subscribe(conn, "a")
	}
	c.publish("a", s)
	message := c.loops[0].l.fan.inbox[0].message
	if other := c.loops[1].l.fan.inbox[0].message; other != message {
		t.Fatal("the loops have a message each")
	}
	c.settle()
	for i, cl := range clients {
		want := string(message.Frame())
		if cl.bits != 0 {
			p := codec.DeflateParams{ServerNoContextTakeover: true, ServerMaxWindowBits: cl.bits}
			frame := c.srv.core.cfg.deflate.NewDeflater(p, codec.Server).PreparedFrame(message)
			again := c.srv.core.cfg.deflate.NewDeflater(p, codec.Server).PreparedFrame(message)
			if &frame[0] != &again[0] || len(frame) > len(want)/3 {
				t.Fatalf("it is compressed more than once, to %d bytes", len(frame))
			}
			want = string(frame)
		}
		if got := cl.read(); !slices.Equal(got, []string{want}) {
			t.Errorf("client %d: %d writes", i, len(got))
		}
	}
}
