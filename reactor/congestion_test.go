package reactor

import (
	"testing"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// TestBufferedCount follows what waits for a slow client.
func TestBufferedCount(t *testing.T) {
	srv := &Server{}
	s := newStandOn(t, srv, unix.SOCK_STREAM)
	s.arrive(request())
	s.out()
	congest(t, s.c)
	if st := srv.Stats(); st.Congested != 1 || st.Buffered != int64(s.c.BufferedAmount()) || st.Buffered < 100_000 {
		t.Errorf("%d connections, %d bytes; it has %d", st.Congested, st.Buffered, s.c.BufferedAmount())
	}
	before := srv.Stats().Buffered
	_ = s.c.Ping([]byte("behind"))
	if n := srv.Stats().Buffered - before; n != 8 {
		t.Errorf("a ping counts as %d bytes, want 8", n)
	}
	s.drain()
	if st := srv.Stats(); st.Congested != 0 || st.Buffered != 0 {
		t.Errorf("%d connections, %d bytes, after everything has been sent", st.Congested, st.Buffered)
	}
	congest(t, s.c)
	_ = s.c.CloseNow()
	s.settle()
	if st := srv.Stats(); st.Congested != 0 || st.Buffered != 0 {
		t.Errorf("%d connections, %d bytes, after the connection has gone", st.Congested, st.Buffered)
	}
}

// TestMaxBuffered checks that the connection for which the most is waiting goes first, and the others stay.
func TestMaxBuffered(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, MaxBuffered: 40 << 20, MaxOutbound: -1}
	addr := serve(t, srv)
	var conns []*Conn
	for range 3 {
		open(t, addr) // and never reads
		conns = append(conns, <-h.opened)
	}
	p := make([]byte, 4<<20)
	for i, n := range []int{2, 8, 2} { // the kernel takes some
		for range n {
			if err := conns[i].WriteMessage(codec.Binary, p); err != nil && i != 1 {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "what waits is within the limit", func() bool { return srv.Stats().Buffered <= 40<<20 })
	for range 8 {
		_ = conns[1].WriteMessage(codec.Binary, p)
	}
	for range 3 {
		_ = conns[0].WriteMessage(codec.Binary, p)
	}
	h.wantClosed(t, codec.CloseTryAgainLater, false)
	if !conns[1].isClosed() || conns[0].isClosed() || conns[2].isClosed() {
		t.Errorf("closed: %v %v %v, want only the second", conns[0].isClosed(), conns[1].isClosed(), conns[2].isClosed())
	}
	if st := srv.Stats(); st.Shed != 1 || st.Buffered > 40<<20 {
		t.Errorf("%d were cut, %d bytes wait", st.Shed, st.Buffered)
	}
}
