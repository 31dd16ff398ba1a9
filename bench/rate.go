package bench

import (
	"context"
	"errors"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunRate is an open loop: messages are sent on a fixed schedule whatever the server does, and each
// is timed from when it was meant to be sent. A server that stalls is charged for every message that
// the schedule had in the meantime.
func RunRate(ctx context.Context, o Options) (*Result, error) {
	if o.Rate <= 0 {
		return nil, errors.New("rate needs -rate, in messages per second")
	}
	r, err := newRun(ctx, "rate", &o, func(*genLoop) reactor.Handler { return answering{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	var p *pacer
	r.measure(func() { p = r.pace(o.Rate) }, func() { p.halt(r.window.to.Load()); r.quiesce() })
	res := r.finish()
	res.expectRate(o.Rate)
	return res, nil
}

// answering is the handler of open loops: answers are only taken in.
type answering struct{ lifecycle }

func (a answering) OnMessage(c *reactor.Conn, m codec.Message) { deliver(a, c, m) }

func (answering) answer(s *session, m codec.Message, at int64) (over bool) {
	s.reply(m, at)
	return false
}
