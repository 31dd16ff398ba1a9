package reactor

import (
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before the next attempt: a random time up to a bound that doubles with each
// attempt (RFC 6455 7.2.3: "truncated binary exponential backoff"). Clients that have lost the same server
// at the same moment thus come back spread over the whole of the bound, from the first attempt on.
type backoff struct {
	first, most time.Duration
	failures    int                 // attempts since one was good
	random      func(n int64) int64 // from 0 up to n, exclusively
	now         func() time.Time    // tells Retry-After from the present
}

func newBackoff(first, most time.Duration) *backoff {
	first = timeout(first, defaultMinBackoff)
	return &backoff{first: first, most: max(timeout(most, defaultMaxBackoff), first), random: rand.Int64N, now: time.Now}
}

// bound returns the longest time that the next attempt may wait.
func (b *backoff) bound() time.Duration {
	d := b.first
	for i := 0; i < b.failures && d < b.most; i++ {
		d *= 2
	}
	return min(d, b.most)
}

// next returns the time to wait before the next attempt: what the server asks for, and a random time besides.
func (b *backoff) next(err error) time.Duration {
	d := time.Duration(b.random(int64(b.bound()) + 1))
	b.failures++
	return retryAfter(err, b.now()) + d
}

// lived notes that a connection has lived for d. One that lived for as long as the next attempt might wait
// was a good one.
func (b *backoff) lived(d time.Duration) {
	if d >= b.bound() {
		b.failures = 0
	}
}
