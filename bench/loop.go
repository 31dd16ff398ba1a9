package bench

import (
	"sync"

	"example.org/weir/reactor"
)

// genLoop is one event loop of the generator: its connections, and what it measures.
type genLoop struct {
	run      *run
	client   *reactor.Client
	handler  reactor.Handler
	payloads *payloads // the loop's own

	// mu is taken by the loop once for each message, and by others a few times a second, so that it
	// is hardly ever contended. The loop alone changes sessions, and may read them without it.
	mu        sync.Mutex
	sessions  []*session // those that are open
	meter     meter
	underway  int      // messages that have not come back, on connections that are open
	abandoned []flight // those that had not when their connection ended
}

// remove forgets a session, whose connection has ended.
func (l *genLoop) remove(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.sessions) - 1
	l.sessions[last].index = s.index
	l.sessions[s.index] = l.sessions[last]
	l.sessions[last] = nil
	l.sessions = l.sessions[:last]
	l.underway -= s.flights.count
}

// abandon notes what a session that has ended had in flight.
func (l *genLoop) abandon(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.flights.all(func(x flight) { l.abandoned = append(l.abandoned, x) })
}

// open returns the sessions that are open.
func (l *genLoop) open() []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*session(nil), l.sessions...)
}

// any returns a session that is open, or nil.
func (l *genLoop) any() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sessions) == 0 {
		return nil
	}
	return l.sessions[0]
}

// failed counts an error by what went wrong.
func (l *genLoop) failed(what string) {
	l.mu.Lock()
	l.meter.failed(what)
	l.mu.Unlock()
}
