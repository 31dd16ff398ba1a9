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
	if o.Raw {
		end, err := r.useRaw()
		if err != nil {
			return nil, err
		}
		defer end()
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

// echoing is the handler of closed loops.
type echoing struct{ lifecycle }

func (echoing) OnMessage(c *reactor.Conn, m codec.Message) {
	s := c.Data.(*session)
	l := s.loop
	at := now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.reply(m, at) && !l.run.stop.Load() {
		s.send(at, at)
	}
}
