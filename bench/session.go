package bench

import (
	"errors"
	"net"
	"sync/atomic"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// conn is what a session needs of its connection; a *reactor.Conn has it.
type conn interface {
	// WriteMessage sends a message; it copies p.
	WriteMessage(op codec.Opcode, p []byte) error
	// Do calls f on the connection's event loop, unless the connection ends before that.
	Do(f func(*reactor.Conn)) error
	// CloseNow cuts the connection.
	CloseNow() error
}

// session is one connection. What has no other comment is guarded by the loop's mutex.
type session struct {
	loop    *genLoop
	number  int // of the connection in the run, from 0; does not change
	conn    conn
	index   int // in loop.sessions
	flights flights
	newest  uint64        // 1 more than the highest number that has come back
	began   int64         // when the attempt to connect began; does not change
	churn   cycle         // the loop's
	seen    []uint32      // the loop's; of fanout
	leaving atomic.Bool   // we close it
	life    atomic.Uint32 // one of the states below
	err     error         // why it ended; set before it is gone
	ended   chan struct{} // closed once it is gone
}

// The life of a session. Whether one that ends counts as lost depends on whether the attempt to open
// it has succeeded; that is known on another goroutine than its end.
const (
	dialing uint32 = iota
	established
	gone
)

func newSession(l *genLoop, number int) *session {
	return &session{loop: l, number: number, ended: make(chan struct{})}
}

// opened takes the session in. It is called on the loop once the connection is open.
func (s *session) opened(c conn) {
	l := s.loop
	l.mu.Lock()
	s.conn = c
	s.index = len(l.sessions)
	l.sessions = append(l.sessions, s)
	l.mu.Unlock()
}

// establish counts the session as open: the attempt to open it has succeeded.
func (s *session) establish() {
	r := s.loop.run
	r.opened.Add(1)
	r.live.Add(1)
	if !s.life.CompareAndSwap(dialing, established) {
		s.lose()
	}
}

// closed is called on the loop once the connection has ended.
func (s *session) closed(err error) {
	s.err = err
	s.loop.remove(s)
	if s.life.Swap(gone) == established {
		s.lose()
	}
	close(s.ended)
}

// lose counts an established session that has ended: as lost, if we did not close it. What an attempt
// that was given up had sent, at Ctrl-C, does not count.
func (s *session) lose() {
	r := s.loop.run
	r.live.Add(-1)
	s.loop.abandon(s)
	if !s.leaving.Load() {
		r.lost.Add(1)
		s.loop.failed("connection lost: " + reason(s.err))
	}
}

// leave cuts the connection, which does not count as lost then.
func (s *session) leave() {
	s.leaving.Store(true)
	_ = s.conn.CloseNow() // an error means that it has gone already
}

// send sends the session's next message, which was meant to be sent at intended. It is called on the
// loop, with its mutex.
func (s *session) send(intended, at int64) {
	l := s.loop
	p := l.payloads.next(s.number, s.flights.tail)
	if err := s.conn.WriteMessage(l.payloads.op, p); err != nil {
		s.refused(err, len(p), intended, at)
		return
	}
	s.flights.push(l.meter.sent(len(p), intended, at))
	l.underway++
}

// refused is called when a message could not be sent. An open loop counts it as one that did not come
// back: the schedule had it.
func (s *session) refused(err error, bytes int, intended, at int64) {
	l := s.loop
	if !errors.Is(err, net.ErrClosed) { // that is counted when the connection ends
		l.meter.failed("send: " + reason(err))
	}
	if l.meter.openLoop {
		l.abandoned = append(l.abandoned, l.meter.sent(bytes, intended, at))
	}
}

// reply takes in a message that came back. It reports false for one that nothing was sent for. It is
// called on the loop, with its mutex.
func (s *session) reply(m codec.Message, at int64) bool {
	x, ok := s.answered(m)
	if ok {
		s.loop.meter.received(len(m.Payload), x, at)
	}
	return ok
}

// answered finds out which message has come back.
func (s *session) answered(m codec.Message) (x flight, ok bool) {
	l := s.loop
	number := s.flights.head // servers answer in order
	if l.payloads.verify {
		n, intact := unseal(m.Payload, s.number)
		switch {
		case !intact || n >= s.flights.tail || m.Opcode != l.payloads.op:
			l.meter.verify.Corrupted++ // it stands for the one that was due
		case !s.flights.underway(n):
			l.meter.verify.Duplicated++
			return flight{}, false
		default:
			if n < s.newest {
				l.meter.verify.Reordered++
			}
			number, s.newest = n, max(s.newest, n+1)
		}
	}
	if x, ok = s.flights.take(number); !ok {
		l.meter.failed("a message that was not asked for")
		return x, false
	}
	l.underway--
	return x, true
}
