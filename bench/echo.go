package bench

import (
	"context"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunEcho is a closed loop: each connection keeps Depth messages in flight, and sends the next when
// one comes back. It measures how much the server can do, and how long a message takes then. With
// Raw the connections are plain TCP.
func RunEcho(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "echo", &o, func(*genLoop) reactor.Handler { return echoing{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.chooseTransport(echoing{}); err != nil {
		return nil, err
	}
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	r.measure(r.startEchoes, r.quiesce)
	return r.finish(), nil
}

// startEchoes puts the messages in flight, on every connection.
func (r *run) startEchoes() {
	for _, l := range r.loops {
		for _, s := range l.open() {
			_ = s.conn.Do(func(*reactor.Conn) { // one that has gone has been counted
				at := now()
				l.mu.Lock()
				defer l.mu.Unlock()
				for range r.opt.Depth {
					s.send(at, at)
				}
			})
		}
	}
}

// lifecycle is the part of a handler that all scenarios share.
type lifecycle struct{}

func (lifecycle) OnOpen(c *reactor.Conn) { c.Data.(*session).opened(c) }

func (lifecycle) OnClose(c *reactor.Conn, err error) { c.Data.(*session).closed(err) }

func (lifecycle) begin(*session) {}

func (lifecycle) end(*session) {}

// deliver has x take in a message that a WebSocket has brought. It is called on the loop.
func deliver(x exchange, c *reactor.Conn, m codec.Message) (over bool) {
	s := c.Data.(*session)
	at := now()
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	return x.answer(s, m, at)
}

// echoing is the handler of closed loops.
type echoing struct{ lifecycle }

func (e echoing) OnMessage(c *reactor.Conn, m codec.Message) { deliver(e, c, m) }

func (echoing) answer(s *session, m codec.Message, at int64) (over bool) {
	if s.reply(m, at) && !s.loop.run.stop.Load() {
		s.send(at, at)
	}
	return false
}
