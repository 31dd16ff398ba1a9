package bench

import "sync"

// publish is a message on its way to the receivers. It is one of the slots of a fanout, which are
// used for one publish after the other: each is a round, and has the slot and the round for a number.
type publish struct {
	mu                  sync.Mutex
	round               uint32 // 0 before the first
	flight              flight
	sent                bool
	count               uint32 // how many have it
	first, median, last int64  // when they had it; 0 for not yet

	// These belong to the goroutine that publishes.
	deadline int64
	idle     bool // no round is under way
}

func number(slot int, round uint32) uint64 { return uint64(slot)<<32 | uint64(round) }

// next begins a round, and returns which it is.
func (p *publish) next() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round++
	p.sent, p.count = false, 0
	p.first, p.median, p.last = 0, 0, 0
	return p.round
}

// send has send send the round, unless it was given up before.
func (p *publish) send(round uint32, send func() flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.round == round {
		p.flight, p.sent = send(), true
	}
}

// arrive counts a delivery to one of the receivers, unless the round is over. It reports whether that
// was the last.
func (p *publish) arrive(round uint32, at int64, receivers uint32) (x flight, last, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.round != round || !p.sent || p.count == receivers {
		return flight{}, false, false
	}
	p.count++
	if p.count == 1 {
		p.first = at
	}
	if p.count == (receivers+1)/2 {
		p.median = at
	}
	if p.count == receivers {
		p.last = at
	}
	return p.flight, p.count == receivers, true
}
