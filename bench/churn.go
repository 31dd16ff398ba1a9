package bench

import (
	"context"
	"sync"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Churn connects, upgrades, has one message echoed and closes, over and over, on Conns connections
// at a time. Messages are cycles; a latency is that of a whole cycle.
func RunChurn(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "churn", &o, func(*genLoop) reactor.Handler { return churning{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := enoughFiles(2 * o.Conns); err != nil {
		return nil, err
	}
	var workers sync.WaitGroup
	r.measure(func() {
		for i := range o.Conns {
			workers.Go(func() { r.churn(i) })
		}
	}, func() {
		r.stop.Store(true)
		workers.Wait()
	})
	c := &r.res.Connections
	c.Opened = int(r.opened.Load())
	c.Failed = r.failed
	if r.res.Seconds > 0 {
		c.Rate = float64(r.measured.received) / r.res.Seconds
	}
	return r.finish(), nil
}

// churn is one worker. It pauses after a failure, so that a server that is down is not hammered.
func (r *run) churn(worker int) {
	for i := worker; !r.stop.Load() && r.ctx.Err() == nil; i += r.opt.Conns {
		start := now()
		s, err := r.open(r.ctx, i)
		if err != nil {
			r.sleepUntil(time.Now().Add(100 * time.Millisecond))
			continue
		}
		s.loop.clear()
		<-s.ended
		if s.seq > 0 && s.inFlight.len() == 0 {
			s.loop.meter.received(0, now()-start, -1)
		}
	}
}

// churning sends one message, and closes when it has come back.
type churning struct{}

func (churning) OnOpen(c *reactor.Conn) {
	s := c.Data.(*session)
	s.conn = c
	at := now()
	s.send(at, at)
}

func (churning) OnMessage(c *reactor.Conn, m codec.Message) {
	s := c.Data.(*session)
	s.inFlight.pop()
	if s.loop.run.opt.Verify {
		s.loop.meter.mu.Lock()
		s.order.check(&s.loop.meter.verify, m.Payload)
		s.loop.meter.mu.Unlock()
	}
	s.leaving.Store(true)
	_ = c.Close(codec.CloseNormal, "")
}

func (churning) OnClose(c *reactor.Conn, err error) { c.Data.(*session).closed(err) }
