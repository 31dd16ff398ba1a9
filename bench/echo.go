package bench

import (
	"context"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Echo is a closed loop: each connection keeps Depth messages in flight, and sends the next when one
// comes back. It measures how much the server can do, and how long a message takes then.
func RunEcho(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "echo", &o, func(*genLoop) reactor.Handler { return echoing{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	r.measure(r.startEchoes, r.quiesce)
	return r.finish(), nil
}

// startEchoes puts the messages in flight, on every connection.
func (r *run) startEchoes() {
	for _, l := range r.loops {
		for _, s := range l.all() {
			_ = s.conn.Do(func(*reactor.Conn) {
				for range r.opt.Depth {
					at := now()
					s.send(at, at)
				}
			})
		}
	}
}

// echoing is the handler of closed loops.
type echoing struct{}

func (echoing) OnOpen(c *reactor.Conn) { c.Data.(*session).conn = c }

func (echoing) OnMessage(c *reactor.Conn, m codec.Message) {
	s := c.Data.(*session)
	at := now()
	s.reply(m, at)
	if !s.loop.run.stop.Load() {
		s.send(at, at)
	}
}

func (echoing) OnClose(c *reactor.Conn, err error) { c.Data.(*session).closed(err) }
