package natsbus

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// subscriptions are the patterns that NATS knows of, and the changes that it has not been told. Of
// several changes of one pattern the last counts, so what waits does not grow with the comings and
// goings while NATS is slow.
type subscriptions struct {
	mu      sync.Mutex
	known   map[string]*nats.Subscription
	changes map[string]bool // pattern: is it wanted?
	dropped uint64          // messages of subscriptions that have ended
}

func (s *subscriptions) init() {
	s.known = make(map[string]*nats.Subscription)
	s.changes = make(map[string]bool)
}

// change leaves a change to be told.
func (s *subscriptions) change(pattern string, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.known[pattern]; known == wanted {
		delete(s.changes, pattern)
	} else {
		s.changes[pattern] = wanted
	}
}

// next takes a change that has not been told; sub is what is to be ended, if it is one.
func (s *subscriptions) next() (pattern string, sub *nats.Subscription, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pattern, wanted := range s.changes {
		delete(s.changes, pattern)
		if wanted {
			s.known[pattern] = nil // until it is there
			return pattern, nil, true
		}
		sub = s.known[pattern]
		delete(s.known, pattern)
		return pattern, sub, true
	}
	return "", nil, false
}

// begun notes that NATS has been told of pattern; without sub it could not be.
func (s *subscriptions) begun(pattern string, sub *nats.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub == nil {
		delete(s.known, pattern)
	} else {
		s.known[pattern] = sub
	}
}

// forget makes everything that was known a change, for a connection that knows nothing.
func (s *subscriptions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pattern := range s.known {
		if _, changes := s.changes[pattern]; changes { // not wanted any more
			delete(s.changes, pattern)
		} else {
			s.changes[pattern] = true
		}
	}
	clear(s.known)
}

// ended adds what a subscription has dropped to the sum.
func (s *subscriptions) ended(dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += uint64(max(dropped, 0))
}

func (s *subscriptions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// drops returns how many messages were dropped in all.
func (s *subscriptions) drops() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.dropped
	for _, sub := range s.known {
		if sub == nil {
			continue
		}
		if n, err := sub.Dropped(); err == nil {
			sum += uint64(n)
		}
	}
	return sum
}

// tellSubscriptions tells NATS what has changed. While it is away, the client notes it for later.
func (b *Bus) tellSubscriptions() {
	for {
		pattern, sub, ok := b.subs.next()
		switch {
		case !ok:
			return
		case sub != nil:
			dropped, _ := sub.Dropped()
			b.subs.ended(dropped)
			_ = sub.Unsubscribe() // fails only once the connection is closed
		default:
			sub, err := b.nc.ChanSubscribe(b.prefix+pattern, b.inbox)
			if err != nil {
				b.state.errors.Add(1)
				b.log.Error("cannot subscribe to messages of other servers", "subject", b.prefix+pattern, "err", err)
			}
			b.subs.begun(pattern, sub)
		}
	}
}
