package reactor

import (
	"context"
	"slices"
)

// EachConn calls f for each WebSocket connection that is open, until f returns false: for those in their opening or
// closing handshake, and those that HTTP serves, it does not, though Conns counts them. Nothing stops for it: each event
// loop in turn hands over a list of its connections, which takes it about a millisecond for a million, and what
// is known of them is then looked up one by one in the goroutine of the caller. A connection that opens or closes meanwhile may
// be missed. Those of one loop come together, in no order. Of c.Data f may read what has not changed since
// Server.Authorize and Server.Upgrade.
//
// A loop that a handler holds up is waited for until ctx is done, whose error is returned then. Otherwise the
// error is nil, also before Start and after Shutdown, when there are no connections. It must not be called on an event
// loop, as a handler is: it would wait for itself.
func (s *Server) EachConn(ctx context.Context, f func(*Conn, ConnInfo) bool) error {
	s.life.mu.Lock()
	engines := s.core.engines
	s.life.mu.Unlock()
	var loops []*loop
	for _, e := range engines {
		e.eachLoop(func(l *loop) { loops = append(loops, l) })
	}
	for _, l := range loops {
		select {
		case conns := <-l.census():
			for _, c := range conns {
				if c.isOpen() && !c.isClosed() && !f(c, c.Info()) {
					return nil
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// census asks for a list of the loop's connections. A loop that has ended has none.
func (l *loop) census() <-chan []*Conn {
	answer := make(chan []*Conn, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		answer <- nil
		return answer
	}
	l.asked = append(l.asked, answer)
	l.arm()
	return answer
}

// answer answers those who have asked for a census.
func (l *loop) answer(asked []chan<- []*Conn) {
	for _, a := range asked {
		a <- slices.Clone(l.wheel.conns)
	}
}
