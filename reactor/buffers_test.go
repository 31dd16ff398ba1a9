package reactor

import "testing"

// codec.BufferPool wants buffers of length 0, and gives them back at the length that was used, by
// which bytebufferpool calibrates itself.
func TestBuffersAreEmptyAndAreReused(t *testing.T) {
	var pool buffers
	for range 100 {
		b := pool.Get()
		if len(b.B) != 0 {
			t.Fatalf("Get gave a buffer of length %d", len(b.B))
		}
		b.B = append(b.B, make([]byte, 1000)...)
		pool.Put(b)
	}
	n := testing.AllocsPerRun(100, func() {
		b := pool.Get()
		b.B = append(b.B, "some bytes that do not fit a fresh buffer"...)
		pool.Put(b)
	})
	if n >= 1 { // the race detector makes sync.Pool forget one in four
		t.Errorf("a buffer lent and given back allocates %v times", n)
	}
}
