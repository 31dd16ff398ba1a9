package bench

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// genLoop is one event loop of the generator, with its connections and what it measures. Sessions
// and payloads belong to the loop.
type genLoop struct {
	run      *run
	client   *reactor.Client
	handler  reactor.Handler
	meter    *meter
	payloads *payloads

	mu       sync.Mutex
	sessions []*session // those that are open
}

// add takes in a session that has been opened.
func (l *genLoop) add(s *session) {
	l.mu.Lock()
	l.sessions = append(l.sessions, s)
	l.mu.Unlock()
}

// all returns the sessions that have been opened.
func (l *genLoop) all() []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sessions)
}

// clear forgets the sessions.
func (l *genLoop) clear() {
	l.mu.Lock()
	l.sessions = nil
	l.mu.Unlock()
}

// session is one connection. It belongs to its loop but for conn.
type session struct {
	loop     *genLoop
	conn     *reactor.Conn
	seq      uint64 // of the next message
	inFlight flights
	order    sequence
	leaving  atomic.Bool   // we close it
	ended    chan struct{} // closed once it is gone
}

func newSession(l *genLoop) *session { return &session{loop: l, ended: make(chan struct{})} }

// flight is a message that has been sent and not come back.
type flight struct{ intended, sent int64 }

// flights is a queue.
type flights struct {
	ring       []flight // its length is a power of two
	head, tail uint64
}

func (f *flights) len() int { return int(f.tail - f.head) }

func (f *flights) push(x flight) {
	if f.len() == len(f.ring) {
		grown := make([]flight, max(2*len(f.ring), 2))
		for i := range f.len() {
			grown[i] = f.ring[(f.head+uint64(i))&uint64(len(f.ring)-1)]
		}
		f.tail -= f.head
		f.head = 0
		f.ring = grown
	}
	f.ring[f.tail&uint64(len(f.ring)-1)] = x
	f.tail++
}

func (f *flights) pop() (flight, bool) {
	if f.len() == 0 {
		return flight{}, false
	}
	x := f.ring[f.head&uint64(len(f.ring)-1)]
	f.head++
	return x, true
}

// send sends the session's next message, which was meant to be sent at intended.
func (s *session) send(intended, at int64) {
	l := s.loop
	p := l.payloads.next(s.seq)
	if err := s.conn.WriteMessage(l.payloads.op, p); err != nil {
		if !s.leaving.Load() && !errors.Is(err, net.ErrClosed) {
			l.meter.failed("send: " + err.Error())
		}
		return
	}
	s.seq++
	s.inFlight.push(flight{intended, at})
	l.meter.sent(len(p))
}

// reply takes in a message that came back.
func (s *session) reply(m codec.Message, at int64) {
	l := s.loop
	x, ok := s.inFlight.pop()
	if !ok {
		l.meter.failed("a message that was not asked for")
		return
	}
	raw := int64(-1)
	if x.intended != x.sent {
		raw = at - x.sent
	}
	l.meter.received(len(m.Payload), at-x.intended, raw)
	if l.run.opt.Verify {
		l.meter.mu.Lock()
		s.order.check(&l.meter.verify, m.Payload)
		l.meter.mu.Unlock()
	}
}

// closed counts a connection that ended, as lost if we did not close it.
func (s *session) closed(err error) {
	s.loop.run.gone.Add(1)
	close(s.ended)
	if s.leaving.Load() {
		return
	}
	s.loop.run.lost.Add(1)
	s.loop.meter.failed("connection lost: " + reason(err))
}

// reason says in few and always the same words why a connection ended or was not opened.
func reason(err error) string {
	var ce *codec.CloseError
	var op *net.OpError
	switch {
	case errors.As(err, &ce) && ce.Remote:
		return "closed by the server with " + ce.Code.String()
	case errors.Is(err, io.EOF):
		return "end of file"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
