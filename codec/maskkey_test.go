package codec

import (
	"sync"
	"testing"
)

// RFC 6455 5.3: keys are fresh, from whatever goroutine. Of 40,000 random keys of 32 bits fewer than
// one is expected to come twice; a block of random bytes handed out twice would repeat 256.
func TestNewMaskKeyIsFresh(t *testing.T) {
	const goroutines, each = 8, 5000
	keys := make([][]MaskKey, goroutines)
	var wg sync.WaitGroup
	for g := range keys {
		wg.Go(func() {
			for range each {
				keys[g] = append(keys[g], NewMaskKey())
			}
		})
	}
	wg.Wait()

	seen := make(map[MaskKey]bool)
	var ones, zeros MaskKey
	repeated := 0
	for _, some := range keys {
		for _, k := range some {
			if seen[k] {
				repeated++
			}
			seen[k] = true
			ones |= k
			zeros |= ^k
		}
	}
	if repeated > 20 {
		t.Errorf("%d of %d keys came twice", repeated, goroutines*each)
	}
	if ones != 0xFFFFFFFF || zeros != 0xFFFFFFFF {
		t.Errorf("some bits never change: ever set %032b, ever clear %032b", ones, zeros)
	}
}

func TestNewMaskKeyAllocatesNothing(t *testing.T) {
	NewMaskKey()
	if n := testing.AllocsPerRun(2000, func() { NewMaskKey() }); n != 0 {
		t.Errorf("NewMaskKey allocates %v times", n)
	}
}
