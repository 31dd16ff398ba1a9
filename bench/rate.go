package bench

import (
	"context"
	"errors"
	"math"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Rate is an open loop: messages are sent on a fixed schedule whatever the server does, and each is
// timed from when it was meant to be sent. A server that stalls is charged for every message that
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
	if err := r.openAll(o.Conns); err != nil {
		return nil, err
	}
	var p *pacer
	r.measure(func() { p = r.pace(o.Rate) }, func() { p.halt(); r.quiesce() })
	res := r.finish()
	res.Latency = newLatency(r.withUnanswered())
	res.expectRate(o.Rate)
	return res, nil
}

// answering is the handler of open loops: replies are only taken in.
type answering struct{}

func (answering) OnOpen(c *reactor.Conn) { c.Data.(*session).conn = c }

func (answering) OnMessage(c *reactor.Conn, m codec.Message) { c.Data.(*session).reply(m, now()) }

func (answering) OnClose(c *reactor.Conn, err error) { c.Data.(*session).closed(err) }

// pacer sends messages on a schedule, on all loops.
type pacer struct {
	stop chan struct{}
	done chan struct{}
}

// step is how long the pacer sleeps; what falls due meanwhile is sent together. What that costs in
// latency is counted, since latencies are taken from the schedule.
const step = 200 * time.Microsecond

// pace begins to send rate messages per second, over all connections in turn.
func (r *run) pace(rate float64) *pacer {
	p := &pacer{stop: make(chan struct{}), done: make(chan struct{})}
	schedules := make([]*schedule, len(r.loops))
	for i, l := range r.loops {
		schedules[i] = &schedule{loop: l, start: now(), perNS: rate / float64(len(r.loops)) / 1e9}
	}
	go func() {
		defer close(p.done)
		sleep := newSleeper()
		defer sleep.close()
		for {
			select {
			case <-p.stop:
				return
			case <-r.ctx.Done():
				return
			default:
			}
			sleep.sleep(step)
			for _, s := range schedules {
				s.post()
			}
		}
	}()
	return p
}

// halt ends the schedule.
func (p *pacer) halt() {
	close(p.stop)
	<-p.done
}

// schedule is the timetable of one loop.
type schedule struct {
	loop   *genLoop
	start  int64
	perNS  float64
	posted int64 // messages handed to the loop
}

// post hands the loop what has fallen due.
func (s *schedule) post() {
	due := int64(math.Floor(float64(now()-s.start) * s.perNS))
	from := s.posted
	if due <= from {
		return
	}
	all := s.loop.all()
	for i := range all {
		carrier := all[(int(from)+i)%len(all)]
		if carrier.conn.Do(func(*reactor.Conn) { s.send(from, due) }) == nil {
			s.posted = due
			return
		}
	}
}

// send sends the messages from up to due, each on the next connection. It runs on the loop.
func (s *schedule) send(from, due int64) {
	all := s.loop.all()
	at := now()
	for i := from; i < due; i++ {
		intended := s.start + int64(float64(i)/s.perNS)
		all[int(i)%len(all)].send(intended, at)
	}
}
