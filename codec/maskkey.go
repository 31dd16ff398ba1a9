package codec

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// NewMaskKey returns a fresh masking key from crypto/rand, read in blocks so that a key costs no
// system call. RFC 6455 5.3: it "MUST be derived from a strong source of entropy, and the masking
// key for a given frame MUST NOT make it simple for a server/proxy to predict the masking key for a
// subsequent frame." It is safe for use from any goroutine and never fails.
func NewMaskKey() MaskKey {
	b := keyBlocks.Get().(*keyBlock)
	if b.left == 0 {
		_, _ = rand.Read(b.bytes[:]) // never fails since Go 1.24
		b.left = len(b.bytes)
	}
	b.left -= 4
	key := MaskKey(binary.LittleEndian.Uint32(b.bytes[b.left:]))
	keyBlocks.Put(b)
	return key
}

// keyBlock holds random bytes, of which the first left ones have not been used.
type keyBlock struct {
	bytes [1024]byte
	left  int
}

var keyBlocks = sync.Pool{New: func() any { return new(keyBlock) }}
