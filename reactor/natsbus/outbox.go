package natsbus

import (
	"sync"

	"github.com/nats-io/nats.go"

	"example.org/weir/codec"
)

// outbox is what waits for the goroutine that writes to NATS: publishing happens on event loops, which
// must not wait for a socket.
type outbox struct {
	wake  chan struct{} // of capacity 1: there is something to do
	limit int

	mu       sync.Mutex
	closed   bool
	size     int    // what waits, counted against limit
	payloads []byte // of all messages, one after the other
	messages []outMessage
}

// outMessage is a message in an outbox.
type outMessage struct {
	topic string
	end   int // of its payload
	op    codec.Opcode
}

const (
	messageSize = 64        // what a message counts for besides its payload, in bytes
	maxSpare    = 256 << 10 // payload for which memory is kept while nothing waits, in bytes
)

func (o *outbox) init(limit int) {
	o.wake = make(chan struct{}, 1)
	if limit < 0 {
		limit = defaultBuffer
	}
	o.limit = limit
}

// kick wakes the writer.
func (o *outbox) kick() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// add leaves a message. One is always taken while none waits.
func (o *outbox) add(topic string, op codec.Opcode, p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return errClosed
	case o.size > 0 && o.size+len(p)+messageSize > o.limit:
		return ErrFull
	}
	o.size += len(p) + messageSize
	o.payloads = append(o.payloads, p...)
	o.messages = append(o.messages, outMessage{topic, len(o.payloads), op})
	if len(o.messages) == 1 {
		o.kick()
	}
	return nil
}

// take returns what waits, and keeps the memory of what was taken before for the next.
func (o *outbox) take(payloads []byte, messages []outMessage) ([]byte, []outMessage) {
	if cap(payloads) > maxSpare {
		payloads, messages = nil, nil
	}
	clear(messages) // lets go of the topics
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size = 0
	payloads, o.payloads = o.payloads, payloads[:0]
	messages, o.messages = o.messages, messages[:0]
	return payloads, messages
}

// queued returns the bytes that wait.
func (o *outbox) queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}

// close refuses messages from now on.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// send writes to NATS what is left in the outbox, until quit, and then the rest.
func (b *Bus) send() {
	var payloads []byte
	var messages []outMessage
	for more := true; more; {
		select {
		case <-b.out.wake:
		case <-b.given:
			b.connectAgain()
		case <-b.quit:
			more = false
		}
		if b.nc == nil {
			return
		}
		// Subscriptions go first: whoever subscribes and then publishes a question hears the answer.
		payloads, messages = b.out.take(payloads, messages)
		b.tellSubscriptions()
		begin := 0
		for _, m := range messages {
			b.sendMessage(m, payloads[begin:m.end])
			begin = m.end
		}
	}
}

// sendMessage hands a message to the NATS client, which copies it.
func (b *Bus) sendMessage(m outMessage, p []byte) {
	subject := b.prefix + m.topic
	var err error
	if needsHeader(m.op, p) {
		err = b.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: b.from, Header: binaryHeader, Data: p})
	} else {
		err = b.nc.PublishRequest(subject, b.from, p)
	}
	if err != nil {
		b.state.lost.Add(1)
		b.log.Debug("a message is lost for other servers", "subject", subject, "err", err)
		return
	}
	b.state.out.Add(1)
	b.state.outBytes.Add(uint64(len(p)))
}
