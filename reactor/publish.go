package reactor

import (
	"errors"
	"time"

	"example.org/weir/codec"
)

var (
	// ErrTooManySubscriptions is returned by Subscribe to a connection that has
	// Server.MaxSubscriptions already.
	ErrTooManySubscriptions = errors.New("reactor: the connection has too many subscriptions")
	// ErrBacklog is returned by Publish when an event loop that would have to deliver the message has
	// Server.MaxBacklog bytes to deliver already. Nobody gets the message.
	ErrBacklog = errors.New("reactor: messages are published faster than they can be delivered")

	errNoTopics = errors.New("reactor: topics belong to a server, and this is a client's connection")
)

// Subscribe makes c receive what is published to the topics that match pattern, from the moment when it
// returns until Unsubscribe or the end of the connection. A connection that has subscribed to the pattern
// already stays so, once. Where several of its patterns match a topic it gets the message once for each,
// as in NATS. It may be called from OnOpen on, any number of connections and patterns at a time.
//
// Topics and patterns are NATS's subjects: tokens between dots, 255 bytes at most in all, without empty
// tokens, spaces and ASCII control characters. In a pattern the token "*" stands for any one token and
// ">", as the last, for one or more: "rooms.*.chat", "rooms.>". In a topic neither character may be.
//
// The errors are ErrBadTopic, ErrTooManySubscriptions, and net.ErrClosed.
func (c *Conn) Subscribe(pattern string) error {
	srv := c.server()
	kind := kindOf(pattern)
	switch {
	case srv == nil:
		return errNoTopics
	case kind == topicBad:
		return ErrBadTopic
	}
	return srv.topics.subscribe(c, pattern, kind, limit(srv.MaxSubscriptions, defaultMaxSubscriptions))
}

// Unsubscribe ends the subscription to the pattern, if there is one. When it returns c has got the last
// message by it, though bytes of it may still have to be sent. The errors are ErrBadTopic and
// net.ErrClosed.
func (c *Conn) Unsubscribe(pattern string) error {
	srv := c.server()
	switch {
	case srv == nil:
		return errNoTopics
	case kindOf(pattern) == topicBad:
		return ErrBadTopic
	}
	return srv.topics.unsubscribe(c, pattern)
}

// Publish sends a message to all that have subscribed to the topic, except c itself, here and behind
// Server.Bus. See [Server.Publish], which it is but for that; the error is net.ErrClosed once c has closed.
func (c *Conn) Publish(topic string, op codec.Opcode, p []byte) error {
	if c.isClosed() { // or in limbo, where its loop is not to be looked at
		return c.closed()
	}
	srv := c.loop.engine.srv
	if srv == nil {
		return errNoTopics
	}
	return srv.publish(c, topic, op, p)
}

// Publish sends a message to all that have subscribed to the topic, here and behind Server.Bus. op is
// codec.Text or codec.Binary. It copies p once, whatever the number of subscribers, and compresses it at
// most once for each size of window that was agreed on. It returns at once: the message is on its way.
//
// What one goroutine publishes arrives in this order at each subscriber. Between what several publish
// there is no order, nor with what is written to a connection by other means. A subscriber that reads too
// slowly is subject to Server.SlowSubscriber.
//
// The errors are ErrBadTopic, ErrBacklog, and ErrServerClosed; with an error nobody gets the message.
func (s *Server) Publish(topic string, op codec.Opcode, p []byte) error {
	return s.publish(nil, topic, op, p)
}

// Subscribers returns how many subscriptions match the topic, on this server; 0 for one that is malformed.
func (s *Server) Subscribers(topic string) (n int) {
	if kindOf(topic) != topicPlain {
		return 0
	}
	t := &s.topics
	var room [8]*audience
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, au := range t.match(room[:0], topic) {
		n += au.n
	}
	return n
}

// TopicStats are counts of what topics do. Those of messages grow from the start of the server.
type TopicStats struct {
	Patterns      int   // that have subscribers
	Subscriptions int   // of all connections
	Published     int64 // messages, by Publish and from Bus
	Delivered     int64 // messages, counted for each subscription by which they were sent or wait
	Missed        int64 // messages that slow subscribers did not get, counted likewise: see SlowPolicy
	SlowClosed    int64 // connections that SlowClose has closed
	BusMissed     int64 // messages for which there was no room on the way to Bus or from it
	BusErrors     int64 // calls of Bus that failed
}

// TopicStats returns the counts of what topics do.
func (s *Server) TopicStats() TopicStats {
	t := &s.topics
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := &t.counters
	missed := n.missed.Load()
	return TopicStats{
		Patterns:      len(t.patterns),
		Subscriptions: t.subscriptions,
		Published:     n.published.Load(),
		Delivered:     max(n.met.Load()-missed, 0), // a loop counts when its run ends
		Missed:        missed,
		SlowClosed:    n.slowClosed.Load(),
		BusMissed:     n.busMissed.Load(),
		BusErrors:     n.busErrors.Load(),
	}
}

func (s *Server) publish(from *Conn, topic string, op codec.Opcode, p []byte) error {
	if kindOf(topic) != topicPlain {
		return ErrBadTopic
	}
	if op != codec.Text && op != codec.Binary {
		return errNotData
	}
	t := &s.topics
	var room [8]*audience
	t.mu.RLock()
	defer t.mu.RUnlock()
	matched := t.match(room[:0], topic)
	switch {
	case t.closed:
		return ErrServerClosed
	case len(matched) == 0 && t.bus == nil:
		t.counters.published.Add(1)
		return nil
	case behind(matched, limit(s.MaxBacklog, defaultMaxBacklog)):
		return ErrBacklog
	}
	message := &publication{message: codec.Prepare(op, p), topic: topic, from: from, at: time.Now()}
	t.post(matched, message)
	if t.bus != nil && !t.bus.publish(message) {
		t.counters.busMissed.Add(1)
	}
	return nil
}

// fromBus delivers what has come from another server to those who have subscribed to the pattern.
func (t *topics) fromBus(pattern, topic string, op codec.Opcode, p []byte, most int) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	au := t.patterns[pattern]
	switch {
	case t.closed:
		return ErrServerClosed
	case au == nil: // the last has just gone
		return nil
	case behind([]*audience{au}, most):
		return ErrBacklog
	}
	t.post([]*audience{au}, &publication{message: codec.Prepare(op, p), topic: topic, at: time.Now()})
	return nil
}

// post leaves a publication for all who are to get it. t.mu is held for reading.
func (t *topics) post(to []*audience, p *publication) {
	t.counters.published.Add(1)
	for _, au := range to {
		for _, g := range au.groups {
			g.loop.publish(p, g)
		}
	}
}

// behind reports whether a loop of one of them has more than so many bytes to deliver already.
func behind(to []*audience, most int) bool {
	for _, au := range to {
		for _, g := range au.groups {
			if g.loop.fan.backlog.Load() > int64(most) {
				return true
			}
		}
	}
	return false
}
