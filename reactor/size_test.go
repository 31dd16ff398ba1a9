package reactor

import (
	"testing"
	"unsafe"
)

// TestConnSize holds a Conn in its size class, of which the next one is larger by a tenth: see BENCHMARKS.md
// for what an idle connection costs in all.
func TestConnSize(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); unsafe.Sizeof(uintptr(0)) == 8 && n > 160 {
		t.Errorf("a Conn takes %d bytes, want 160 at most", n)
	}
}
