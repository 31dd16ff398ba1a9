package reactor

import (
	"context"
	"log/slog"

	"example.org/weir/codec"
)

// Bus carries published messages between servers, for instance by way of NATS: what is published on one
// reaches those who have subscribed to the topic on the others. The server calls its methods on one
// goroutine, one at a time and in order, never on an event loop; delivery on the server itself does not
// wait for it. The calls may block, but Shutdown waits for the one that is being made.
//
// An error is logged, at most every ten seconds, and counted in TopicStats.BusErrors. The call is not
// repeated: a Bus that loses its connection for a while tries again by itself.
type Bus interface {
	// Start is called once, by Server.Start, before all else; its error is that of Server.Start. deliver
	// gives the server a message that has come from another: it goes to exactly those who have subscribed
	// to pattern here, which is the subscription by which it came. p may be used again when deliver
	// returns. deliver may be called from any goroutine, for the messages of one publisher in order, and
	// has no effect once Close has been called.
	Start(deliver func(pattern, topic string, op codec.Opcode, p []byte)) error
	// Publish sends a message to the other servers; it must not come back to this one. p is valid until
	// Publish returns and must not be changed.
	Publish(topic string, op codec.Opcode, p []byte) error
	// Subscribe is called when a pattern has got its first subscriber here, before what is published after
	// that. A pattern that is left and taken again before its turn has come is not reported.
	Subscribe(pattern string) error
	// Unsubscribe is called when the last one has gone.
	Unsubscribe(pattern string) error
	// Close is called last, when the server has drained.
	Close() error
}

// startTopics starts what OnTopic and Bus need.
func (s *Server) startTopics(log *slog.Logger) error {
	if s.Bus != nil {
		if err := s.Bus.Start(s.fromBus); err != nil {
			return err
		}
	}
	t := &s.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.OnTopic != nil {
		t.hook = newFeed(log, &t.counters, 0)
		go t.hook.run(sink{change: func(pattern string, active bool) error {
			s.OnTopic(pattern, active)
			return nil
		}})
	}
	if s.Bus != nil {
		t.bus = newFeed(log, &t.counters, limit(s.MaxBusQueue, defaultMaxBusQueue))
		go t.bus.run(busSink(s.Bus))
	}
	return nil
}

// busSink is a sink that leads to b.
func busSink(b Bus) sink {
	return sink{
		change: func(pattern string, active bool) error {
			if active {
				return b.Subscribe(pattern)
			}
			return b.Unsubscribe(pattern)
		},
		publish: b.Publish,
		close:   b.Close,
	}
}

// fromBus delivers a message that another server has published.
func (s *Server) fromBus(pattern, topic string, op codec.Opcode, p []byte) {
	t := &s.topics
	if err := t.fromBus(pattern, topic, op, p, limit(s.MaxBacklog, defaultMaxBacklog)); err != nil {
		t.counters.busMissed.Add(1)
	}
}

// finish ends OnTopic and Bus, once all connections have gone. What waits for Bus is dropped when ctx is
// done.
func (t *topics) finish(ctx context.Context) {
	t.mu.Lock()
	t.closed = true
	hook, bus := t.hook, t.bus
	t.mu.Unlock()
	if bus != nil {
		bus.finish(ctx)
	}
	if hook != nil {
		hook.finish(context.Background())
	}
}
