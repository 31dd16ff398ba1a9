package codec

import (
	"testing"
	"unsafe"
)

// Every connection has a Decoder, and its comment says how large that is.
func TestDecoderSize(t *testing.T) {
	if n := unsafe.Sizeof(Decoder{}); unsafe.Sizeof(uintptr(0)) == 8 && n != 56 {
		t.Errorf("a Decoder takes %d bytes, want 56", n)
	}
}
