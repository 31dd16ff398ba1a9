package reactor

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The watcher is told once that a socket takes bytes again, and then not until it is asked for anew:
// otherwise it would spin for as long as the socket does.
func TestWatcherIsToldOnce(t *testing.T) {
	srv := &Server{}
	s := newStandOn(t, srv, unix.SOCK_STREAM)
	s.arrive(request())
	told := func() int {
		n, err := unix.EpollWait(srv.core.writable.epoll, make([]unix.EpollEvent, 8), 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 2 {
		congest(t, s.c)
		if n := told(); n != 0 {
			t.Fatalf("told %d times while the socket is full", n)
		}
		s.out()
		if first, second := told(), told(); first != 1 || second != 0 {
			t.Fatalf("told %d and %d times, want once", first, second)
		}
		s.drain()
		s.c.run(nowWritable)
		s.drain()
	}
}
