package reactor

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// testRing returns a ring, or skips the test where the kernel permits none.
func testRing(t *testing.T) *ring {
	t.Helper()
	r, err := newRing(maxBatch)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(r.close)
	return r
}

// testPair returns two connected sockets.
func testPair(t *testing.T) (a, b int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(pair[0])
		_ = unix.Close(pair[1])
	})
	return pair[0], pair[1]
}

func TestRingSends(t *testing.T) {
	r := testRing(t)
	for round := range 5 { // around the queues' ends
		var res [maxBatch]int32
		var ends [maxBatch]int
		for i := range maxBatch {
			a, b := testPair(t)
			ends[i] = b
			r.add(int32(a), bytes.Repeat([]byte{byte(i)}, i+1))
		}
		if err := r.submit(res[:]); err != nil {
			t.Fatal(err)
		}
		for i, n := range res {
			got := make([]byte, 100)
			m, err := unix.Read(ends[i], got)
			if int(n) != i+1 || m != i+1 || err != nil || got[i] != byte(i) {
				t.Fatalf("round %d, send %d returned %d, and %d bytes arrived, %v", round, i, n, m, err)
			}
		}
	}
}

func TestRingResults(t *testing.T) {
	r := testRing(t)
	slow, end := testPair(t)
	full, _ := testPair(t)
	gone, peer := testPair(t)
	fine, other := testPair(t)
	_ = unix.Shutdown(peer, unix.SHUT_RDWR)
	big := make([]byte, 8<<20)
	for {
		if _, err := unix.Write(full, big); err != nil {
			break
		}
	}
	r.add(int32(slow), big)
	r.add(int32(full), big)
	r.add(int32(gone), big)
	r.add(int32(fine), []byte("fine"))
	res := make([]int32, 4)
	if err := r.submit(res); err != nil {
		t.Fatal(err)
	}
	if res[0] <= 0 || int(res[0]) >= len(big) {
		t.Errorf("a socket that takes a part: %d", res[0])
	}
	if n, _ := unix.Read(end, make([]byte, len(big))); n == 0 || n > int(res[0]) {
		t.Errorf("%d bytes of %d arrived", n, res[0])
	}
	if res[1] != -int32(unix.EAGAIN) {
		t.Errorf("a socket that takes nothing: %d", res[1])
	}
	if res[2] != -int32(unix.EPIPE) {
		t.Errorf("a socket whose peer is gone: %d", res[2])
	}
	if n, _ := unix.Read(other, make([]byte, 10)); res[3] != 4 || n != 4 {
		t.Errorf("a socket behind these: %d, %d bytes", res[3], n)
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	r := testRing(t)
	a, b := testPair(t)
	msg, got := []byte("hello"), make([]byte, 10)
	res := make([]int32, 1)
	if n := testing.AllocsPerRun(100, func() {
		r.add(int32(a), msg)
		_ = r.submit(res)
		_, _ = unix.Read(b, got)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// breakRing makes r's descriptor one that is no ring.
func breakRing(r *ring) {
	null, err := unix.Open("/dev/null", unix.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	_ = unix.Dup2(null, r.fd)
	_ = unix.Close(null)
}
