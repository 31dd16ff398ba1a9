package reactor

import "testing"

// codec.BufferPool wants buffers of length 0, and gives them back at the length that was used, by
// which bytebufferpool calibrates itself.
func TestBuffersAreEmpty(t *testing.T) {
	var pool buffers
	for range 100 {
		b := pool.Get()
		if len(b.B) != 0 {
			t.Fatalf("Get gave a buffer of length %d", len(b.B))
		}
		b.B = append(b.B, make([]byte, 1000)...)
		pool.Put(b)
	}
}
