package natsbus

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// inbox is what has come from NATS and waits to be delivered, in order. It is bounded in messages and in bytes.
type inbox struct {
	messages, bytes int                     // the bounds; one message always fits
	arrived         chan struct{}           // of capacity 1
	overflowing     chan *nats.Subscription // of capacity 1

	mu      sync.Mutex
	queue   []*nats.Msg
	size    int    // bytes of the queue
	dropped uint64 // messages
	full    bool   // the last message was dropped
}

// put leaves m, and word in overflowing if m is the first of those for which there is no room.
func (i *inbox) put(m *nats.Msg) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.queue)
	if n == i.messages || n > 0 && m.Size() > i.bytes-i.size {
		i.dropped++
		if !i.full {
			i.full = true
			select {
			case i.overflowing <- m.Sub:
			default:
			}
		}
		return
	}
	i.full = false
	i.queue = append(i.queue, m)
	i.size += m.Size()
	select {
	case i.arrived <- struct{}{}:
	default:
	}
}

// take returns the first message, nil when there is none.
func (i *inbox) take() *nats.Msg {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == 0 {
		i.queue = nil
		return nil
	}
	m := i.queue[0]
	i.queue[0] = nil
	i.queue = i.queue[1:]
	i.size -= m.Size()
	return m
}

// count returns how many messages wait, and how many had to be dropped.
func (i *inbox) count() (waiting int, dropped uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.queue), i.dropped
}

// collect takes what the NATS client hands out, at once, until quit.
func (b *Bus) collect() {
	for {
		select {
		case m := <-b.arriving:
			b.inbox.put(m)
		case <-b.quit:
			return
		}
	}
}

// receive delivers what collect has taken, until quit.
func (b *Bus) receive() {
	for {
		select {
		case <-b.inbox.arrived:
		case <-b.quit:
			return
		}
		for m := b.inbox.take(); m != nil && !b.closed.Load(); m = b.inbox.take() {
			b.receiveMessage(m)
		}
	}
}
