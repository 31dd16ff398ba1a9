package reactor

import (
	"fmt"
	"testing"

	"example.org/weir/codec"
)

// TestPublishAllocs holds that what a publish allocates does not depend on the number of subscribers.
func TestPublishAllocs(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	for name, deflate := range map[string]*codec.Deflate{"plain": nil, "deflate": {}} {
		for _, members := range []int{0, 1, 1000} {
			t.Run(fmt.Sprint(name, "/", members), func(t *testing.T) {
				c := newCrowd(t, &Server{IO: IODirect, Deflate: deflate}, 1)
				fd := null(t)
				for range members {
					conn := c.add(fd)
					c.subscribe(conn, "a.b", "a.*")
					if deflate != nil {
						conn.rare.deflate = c.srv.core.deflating(codec.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}, 0)
					}
				}
				p := []byte(prose(1000, 1))
				publish := func() {
					_ = c.srv.Publish("a.b", codec.Text, p)
					c.settle()
				}
				publish()
				n := testing.AllocsPerRun(20, publish)
				runs := 2 * members / subscribersPerRun
				most := float64(4 + 3*runs) // each run but the last starts a goroutine for the next
				if members == 0 {
					most = 0
				}
				if deflate != nil && members > 0 {
					most += 40 // one compression
				}
				if n > most {
					t.Errorf("%v allocations for %d subscribers in %d runs, want %v at most", n, members, runs, most)
				}
			})
		}
	}
}

// TestSubscriptionMemory counts the bytes of a subscription, and of the first of a connection and of a
// pattern.
func TestSubscriptionMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes memory too")
	}
	const conns, each = 2000, 20
	for _, row := range []struct {
		name  string
		most  int // bytes
		first []string
		next  func(i, j int) string
		each  int
	}{
		{"a subscription", 64, []string{"first"}, func(i, j int) string { return fmt.Sprint("room.", (i+j)%100) }, each},
		{"a connection's first subscription", 320, nil, func(int, int) string { return "all" }, 1},
		{"a pattern with one subscriber", 320, []string{"first"}, func(i, _ int) string { return fmt.Sprint("user.", i) }, 1},
		{"a pattern with wildcards and one subscriber", 480, []string{"first"}, func(i, _ int) string { return fmt.Sprintf("user.%d.>", i) }, 1},
	} {
		c := newCrowd(t, &Server{}, 1)
		var all []*Conn
		for range conns {
			conn := c.congested()
			c.subscribe(conn, row.first...)
			all = append(all, conn)
		}
		before := liveHeap()
		for i, conn := range all {
			for j := range row.each {
				c.subscribe(conn, row.next(i, j))
			}
		}
		after := liveHeap()
		if n := c.srv.TopicStats().Subscriptions; n != conns*(len(row.first)+row.each) {
			t.Fatalf("%d subscriptions", n)
		}
		bytes := int(after.HeapAlloc-before.HeapAlloc) / (conns * row.each)
		t.Logf("%s takes %d bytes", row.name, bytes)
		if bytes > row.most || bytes < 32 {
			t.Errorf("%s takes %d bytes, want %d at most", row.name, bytes, row.most)
		}
	}
}
