package natsbus

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// subscriptions are the patterns that this server wants to hear of.
type subscriptions struct {
	telling sync.Mutex // one change at a time is told to NATS

	mu      sync.Mutex // of the rest, for moments only
	known   map[string]*nats.Subscription
	dropped uint64 // messages of subscriptions that have ended
}

// set notes what pattern is subscribed by. It may be nil: NATS is to be told by connectAgain.
func (s *subscriptions) set(pattern string, sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[pattern] = sub
}

// remove forgets pattern and returns what it was subscribed by.
func (s *subscriptions) remove(pattern string) *nats.Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.known[pattern]
	delete(s.known, pattern)
	s.dropped += drops(sub)
	return sub
}

// reset forgets what the patterns are subscribed by, and returns them.
func (s *subscriptions) reset() (patterns []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pattern, sub := range s.known {
		s.dropped += drops(sub)
		s.known[pattern] = nil
		patterns = append(patterns, pattern)
	}
	return patterns
}

// count returns how many patterns there are, and how many messages by them had to be dropped.
func (s *subscriptions) count() (patterns int, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped = s.dropped
	for _, sub := range s.known {
		dropped += drops(sub)
	}
	return len(s.known), dropped
}

// drops returns how many messages of sub had to be dropped.
func drops(sub *nats.Subscription) uint64 {
	n, _ := sub.Dropped() // -1 for none, and for one that has ended
	return uint64(max(n, 0))
}

// Subscribe asks for the messages that match pattern; while NATS is away it is noted for later. It fails
// with ErrTopicTooLong, and once the Bus is closed with an error for which errors.Is(err, net.ErrClosed)
// holds.
func (b *Bus) Subscribe(pattern string) error {
	b.subs.telling.Lock()
	defer b.subs.telling.Unlock()
	nc := b.nc.Load()
	switch {
	case nc == nil || b.closed.Load():
		return errClosed
	case len(b.prefix)+len(pattern) > maxSubject:
		return ErrTopicTooLong
	}
	return b.subscribe(nc, pattern)
}

// subscribe notes pattern and tells nc of it. One that has given up fails, and connectAgain makes up for it.
func (b *Bus) subscribe(nc *nats.Conn, pattern string) error {
	sub, err := nc.ChanSubscribe(b.prefix+pattern, b.arriving)
	if err != nil && !nc.IsClosed() {
		return fmt.Errorf("natsbus: %w", err)
	}
	b.subs.set(pattern, sub)
	return nil
}

// Unsubscribe ends what Subscribe has begun. It fails as Subscribe does.
func (b *Bus) Unsubscribe(pattern string) error {
	b.subs.telling.Lock()
	defer b.subs.telling.Unlock()
	if b.closed.Load() {
		return errClosed
	}
	if sub := b.subs.remove(pattern); sub != nil {
		_ = sub.Unsubscribe() // fails only once the connection is closed
	}
	return nil
}
