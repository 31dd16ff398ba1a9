package natsbus

import (
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// Stats says how a Bus is and what it has done since Start.
type Stats struct {
	Connected     bool   // to a NATS server
	Server        string // its URL, without credentials; while there is none, the last
	Reconnects    uint64 // connections after the first
	Subscriptions int    // patterns that NATS knows of, or will once it is back

	Out, OutBytes uint64 // messages published, and their payload
	In, InBytes   uint64 // messages delivered, one for each pattern that they match
	Lost          uint64 // messages for which Publish has failed
	Dropped       uint64 // messages that came faster than they could be delivered, see Options.Backlog
	Errors        uint64 // errors that NATS has reported, for instance permissions that are missing
	Backlog       int    // messages that wait to be delivered
}

// Stats returns how the Bus is. It is safe from any goroutine, and takes some time if there are very
// many subscriptions.
func (b *Bus) Stats() Stats {
	connected, server := b.state.connection()
	patterns, before := b.subs.count() // by the NATS client
	waiting, dropped := b.inbox.count()
	return Stats{
		Connected:     connected,
		Server:        server,
		Reconnects:    b.state.reconnects.Load(),
		Subscriptions: patterns,
		Out:           b.state.out.Load(),
		OutBytes:      b.state.outBytes.Load(),
		In:            b.state.in.Load(),
		InBytes:       b.state.inBytes.Load(),
		Lost:          b.state.lost.Load(),
		Dropped:       before + dropped,
		Errors:        b.state.errors.Load(),
		Backlog:       waiting,
	}
}

// Connected reports whether the Bus is connected to a NATS server.
func (b *Bus) Connected() bool {
	connected, _ := b.state.connection()
	return connected
}

// state is what Stats tells. The NATS client knows much of it too, but keeps it under the lock that it
// writes to the socket with.
type state struct {
	out, outBytes, in, inBytes atomic.Uint64
	lost, errors, reconnects   atomic.Uint64

	mu        sync.Mutex
	connected bool
	server    string
}

func (s *state) connection() (connected bool, server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected, s.server
}

// arrive notes that there is a connection, if there still is. It reports whether that is news.
func (s *state) arrive(nc *nats.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected || !nc.IsConnected() {
		return false
	}
	s.server = nc.ConnectedUrlRedacted()
	s.connected = true
	return true
}

// leave notes that the connection is gone.
func (s *state) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = false
}
