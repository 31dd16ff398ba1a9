package bench

import (
	"context"
	"sync"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunChurn connects, upgrades, has one message echoed and closes, over and over, on Conns
// connections at a time. Messages are cycles; a latency is that of a whole cycle. With Raw the
// connections are plain TCP, without an upgrade.
func RunChurn(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "churn", &o, func(*genLoop) reactor.Handler { return churning{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.chooseTransport(churning{}); err != nil {
		return nil, err
	}
	if err := enoughFiles(2 * o.Conns); err != nil {
		return nil, err
	}
	r.reconnects = true
	var workers sync.WaitGroup
	hurry := make(chan struct{})
	r.measure(func() {
		for i := range o.Conns {
			workers.Go(func() { r.churn(i, hurry) })
		}
	}, func() {
		r.stop.Store(true)
		t := time.AfterFunc(o.patience.answers, func() { close(hurry) })
		defer t.Stop()
		workers.Wait()
		r.giveUp()
	})
	res := r.finish()
	res.Connections.Wanted = res.Connections.Opened + res.Connections.Failed
	res.Connections.Rate = res.Messages.Rate
	return res, nil
}

// churn is one worker. It pauses after a failure, so that a server that is down is not hammered.
func (r *run) churn(worker int, hurry <-chan struct{}) {
	for i := worker; !r.stop.Load() && r.ctx.Err() == nil; i += r.opt.Conns {
		s, err := r.open(i)
		if err != nil {
			r.sleepUntil(time.Now().Add(100 * time.Millisecond))
			continue
		}
		select {
		case <-s.ended:
		case <-hurry:
			s.leave()
			<-s.ended
		case <-time.After(r.opt.patience.cycle):
			s.loop.failed("a cycle was not over within " + r.opt.patience.cycle.String())
			s.leave()
			<-s.ended
		}
	}
}

// cycle is the message of a cycle, once it has come back.
type cycle struct {
	flight
	bytes int
}

// churning is the handler: it sends one message, and closes when that has come back. The cycle ends
// with the connection.
type churning struct{}

func (churning) begin(s *session) { s.send(s.began, now()) }

func (churning) answer(s *session, m codec.Message, _ int64) (over bool) {
	x, ok := s.answered(m)
	if ok {
		s.churn = cycle{x, len(m.Payload)}
		s.leaving.Store(true)
	}
	return ok
}

func (churning) end(s *session) {
	if x := s.churn; x.sent != 0 {
		s.loop.meter.received(x.bytes, x.flight, now())
	}
}

func (h churning) OnOpen(c *reactor.Conn) {
	s := c.Data.(*session)
	s.opened(c)
	s.loop.mu.Lock()
	h.begin(s)
	s.loop.mu.Unlock()
}

func (h churning) OnMessage(c *reactor.Conn, m codec.Message) {
	if deliver(h, c, m) {
		_ = c.Close(codec.CloseNormal, "") // fails only when it is closing already
	}
}

func (h churning) OnClose(c *reactor.Conn, err error) {
	s := c.Data.(*session)
	s.loop.mu.Lock()
	h.end(s)
	s.loop.mu.Unlock()
	s.closed(err)
}
