package reactor

import (
	"fmt"
	"testing"

	"example.org/weir/codec"
)

// subscriber opens a connection and subscribes it to the patterns.
func subscriber(t testing.TB, h *probe, addr string, patterns ...string) (*rawClient, *Conn) {
	t.Helper()
	r := open(t, addr)
	c := <-h.opened
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
