package bench

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunFanout publishes to many. Publishers and subscribers connect to the target, a room in which
// everyone, the sender included, hears each message; each publisher keeps Depth publishes in flight,
// and sends the next when one has reached everybody. Received messages are deliveries, those sent are
// publishes.
func RunFanout(ctx context.Context, o Options) (*Result, error) {
	// A publish is told by its number, which therefore is always in the message.
	if len(o.Lines) > 0 {
		return nil, errors.New("lines of a file carry no numbers: they cannot be published")
	}
	verified := o.Verify
	o.Verify = true
	f := &fanout{first: newHistogram(), median: newHistogram(), last: newHistogram()}
	r, err := newRun(ctx, "fanout", &o, func(*genLoop) reactor.Handler { return f })
	if err != nil {
		return nil, err
	}
	defer r.close()
	o.Verify = verified
	r.res.Settings = o.settings("fanout")
	f.run = r
	f.slots = make([]publish, o.Publishers*o.Depth)
	f.finished = make(chan uint64, 2*len(f.slots)) // a slot's last round, and one that was given up
	r.res.Connections.Wanted = o.Publishers + o.Subscribers
	if err := r.begin(o.Publishers + o.Subscribers); err != nil {
		return nil, err
	}
	f.receivers = uint32(r.opened.Load())
	r.measure(f.start, f.stop)
	r.unanswered = f.due - f.reached
	res := r.finish()
	f.report(res)
	return res, nil
}

// fanout is the handler, and the publishers.
type fanout struct {
	lifecycle
	run       *run
	receivers uint32
	slots     []publish // one for each publish in flight
	finished  chan uint64
	done      chan struct{}

	// The rest belongs to the goroutine that publishes.
	first, median, last *hdrhistogram.Histogram
	publishes           uint64 // in the measured time, as are the others
	reached, due        uint64
}

// OnMessage takes in a delivery.
func (f *fanout) OnMessage(c *reactor.Conn, m codec.Message) {
	at := now()
	s := c.Data.(*session)
	n, intact := unseal(m.Payload, 0)
	slot, round := int(n>>32), uint32(n)
	if !intact || slot >= len(f.slots) || round == 0 {
		s.loop.faulty(func(v *Verify) { v.Corrupted++ }, "a message that was not published, or has been changed")
		return
	}
	if f.run.opt.Verify && s.heard(slot, round, len(f.slots)) {
		s.loop.faulty(func(v *Verify) { v.Duplicated++ }, "a delivery that was there before")
		return
	}
	x, last, ok := f.slots[slot].arrive(round, at, f.receivers)
	if !ok {
		s.loop.failed("a delivery more than there are receivers, or after its publish was given up")
		return
	}
	s.loop.mu.Lock()
	s.loop.meter.received(len(m.Payload), x, at)
	s.loop.mu.Unlock()
	if last {
		f.finished <- n
	}
}

// faulty counts a fault in what came back.
func (l *genLoop) faulty(count func(*Verify), what string) {
	l.mu.Lock()
	count(&l.meter.verify)
	l.meter.failed(what)
	l.mu.Unlock()
}

// heard notes that the session has got a round of a slot, and reports whether it had it already.
func (s *session) heard(slot int, round uint32, slots int) bool {
	if s.seen == nil {
		s.seen = make([]uint32, slots)
	}
	again := round <= s.seen[slot]
	s.seen[slot] = max(s.seen[slot], round)
	return again
}

// start begins to publish; stop ends it, and waits for what is under way.
func (f *fanout) start() {
	f.done = make(chan struct{})
	go f.publishAll()
}

func (f *fanout) stop() {
	f.run.stop.Store(true)
	<-f.done
}

// publishAll keeps all slots in flight until the run stops, and then waits for what is under way.
func (f *fanout) publishAll() {
	defer close(f.done)
	for slot := range f.slots {
		f.publish(slot)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for rounds := len(f.slots); rounds > 0; {
		var over []int
		select {
		case n := <-f.finished:
			if slot := int(n >> 32); number(slot, f.slots[slot].round) == n {
				over = append(over, slot)
			}
		case <-tick.C:
			over = f.late()
		}
		stop := f.run.stop.Load() || f.run.ctx.Err() != nil
		for _, slot := range over {
			f.account(slot)
			if stop {
				f.slots[slot].idle = true
				rounds--
			} else {
				f.publish(slot)
			}
		}
	}
}

// late returns the slots whose publishes are to be given up.
func (f *fanout) late() (slots []int) {
	at := now()
	nobody := f.run.live.Load() == 0
	for i := range f.slots {
		p := &f.slots[i]
		if p.idle || at < p.deadline && !nobody {
			continue
		}
		slots = append(slots, i)
	}
	return slots
}

// account takes down how a publish went. One that began outside the measured time is left out.
func (f *fanout) account(slot int) {
	p := &f.slots[slot]
	p.mu.Lock()
	defer p.mu.Unlock()
	l := f.run.loops[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.sent {
		if f.run.ctx.Err() == nil {
			l.meter.failed("a publish could not be sent")
		}
		return
	}
	at := now()
	if p.count < f.receivers {
		l.meter.failed("a publish did not reach everybody")
		for range f.receivers - p.count { // they have waited in vain
			l.meter.time(p.flight, at)
		}
	}
	if !p.flight.measured {
		return
	}
	f.publishes++
	f.reached += uint64(p.count)
	f.due += uint64(f.receivers)
	waited := func(until int64) int64 {
		if until == 0 {
			until = at
		}
		return until - p.flight.intended
	}
	record(f.first, waited(p.first))
	record(f.median, waited(p.median))
	record(f.last, waited(p.last))
}

// publish sends the next message of a slot, from the publisher whose it is, or another if that one
// has gone.
func (f *fanout) publish(slot int) {
	r := f.run
	p := &f.slots[slot]
	intended := now()
	p.deadline = intended + int64(r.opt.patience.publish)
	round := p.next()
	publisher := slot % r.opt.Publishers
	for i := range r.loops {
		all := r.loops[(publisher+i)%len(r.loops)].open()
		for j := range all {
			s := all[(publisher/len(r.loops)+j)%len(all)]
			if s.conn.Do(func(*reactor.Conn) { f.send(s, slot, round, intended) }) == nil {
				return
			}
		}
	}
}

// send sends a round. It runs on the publisher's loop.
func (f *fanout) send(s *session, slot int, round uint32, intended int64) {
	l := s.loop
	f.slots[slot].send(round, func() flight {
		l.mu.Lock()
		defer l.mu.Unlock()
		m := l.payloads.next(0, number(slot, round))
		if err := s.conn.WriteMessage(l.payloads.op, m); err != nil {
			l.meter.failed("publish: " + reason(err))
		}
		return l.meter.sent(len(m), intended, now())
	})
}

// report fills in the result.
func (f *fanout) report(res *Result) {
	x := &Fanout{
		Publishes:  f.publishes,
		Receivers:  int(f.receivers),
		Deliveries: res.Messages.Received,
		Rate:       res.Messages.Rate,
		First:      newLatency(f.first),
		Median:     newLatency(f.median),
		Last:       newLatency(f.last),
	}
	if f.due > 0 {
		x.Reach = 100 * float64(f.reached) / float64(f.due)
	}
	res.Fanout = x
	f.run.expect("reach", f.due > 0 && f.reached == f.due, "%d of %d deliveries of %d publishes", f.reached, f.due, f.publishes)
}
