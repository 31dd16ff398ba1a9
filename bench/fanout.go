package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Fanout publishes to many. Publishers and subscribers connect to the target, a room in which
// everyone, the sender included, hears each message; each publisher keeps Depth publishes in flight,
// and sends the next when one has reached everybody. Messages are deliveries.
func RunFanout(ctx context.Context, o Options) (*Result, error) {
	if len(o.Size.choices) == 0 {
		o.Size = FixedSize(128)
	}
	if o.Size.min() < publishLen {
		return nil, fmt.Errorf("a published message has at least %d bytes", publishLen)
	}
	f := &fanout{first: newHistogram(), median: newHistogram(), last: newHistogram(), finished: make(chan uint32, 1<<12)}
	r, err := newRun(ctx, "fanout", &o, func(*genLoop) reactor.Handler { return f })
	if err != nil {
		return nil, err
	}
	defer r.close()
	f.run = r
	f.slots = make([]publish, max(o.Publishers*o.Depth, 1))
	r.res.Connections.Wanted = o.Publishers + o.Subscribers
	if err := r.openAll(o.Publishers + o.Subscribers); err != nil {
		return nil, err
	}
	f.receivers = int32(r.opened.Load())
	r.measure(f.start, f.stop)
	res := r.finish()
	f.report(res)
	return res, nil
}

// publishLen is how many bytes of a published message say which one it is: hex digits.
const publishLen = 16

// publishTimeout is how long a publish may take to reach everybody before it is given up.
const publishTimeout = 5 * time.Second

// fanout is the handler, and the publishers.
type fanout struct {
	run       *run
	receivers int32
	slots     []publish // one for each publish in flight
	finished  chan uint32
	done      chan struct{}

	// The rest belongs to the goroutine that publishes.
	first, median, last *hdrhistogram.Histogram
	publishes           uint64 // in the measured time, as are the others
	reached, due        uint64
}

// publish is a message on its way to the receivers.
type publish struct {
	round               atomic.Uint32 // how often the slot has been used
	count               atomic.Int32
	sent                int64
	first, median, last atomic.Int64
	measured            bool
}

func (f *fanout) OnOpen(c *reactor.Conn) { c.Data.(*session).conn = c }

func (f *fanout) OnClose(c *reactor.Conn, err error) { c.Data.(*session).closed(err) }

// OnMessage takes in a delivery.
func (f *fanout) OnMessage(c *reactor.Conn, m codec.Message) {
	at := now()
	meter := c.Data.(*session).loop.meter
	slot, round, ok := parsePublish(m.Payload)
	if !ok || int(slot) >= len(f.slots) {
		meter.failed("a message that was not published")
		return
	}
	p := &f.slots[slot]
	if p.round.Load() != round {
		meter.failed("a delivery after its publish was given up")
		return
	}
	meter.received(len(m.Payload), at-p.sent, -1)
	switch n := p.count.Add(1); n {
	case 1:
		p.first.Store(at)
		fallthrough
	default:
		if n == (f.receivers+1)/2 {
			p.median.Store(at)
		}
		if n == f.receivers {
			p.last.Store(at)
			f.finished <- slot
		}
	}
}

// start begins to publish; stop ends it.
func (f *fanout) start() {
	f.done = make(chan struct{})
	go f.publishAll()
}

func (f *fanout) stop() {
	f.run.stop.Store(true)
	<-f.done
}

// publishAll keeps all slots in flight until the run stops.
func (f *fanout) publishAll() {
	defer close(f.done)
	deadlines := make([]time.Time, len(f.slots))
	for i := range f.slots {
		f.publish(uint32(i))
		deadlines[i] = time.Now().Add(publishTimeout)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !f.run.stop.Load() && f.run.ctx.Err() == nil {
		select {
		case slot := <-f.finished:
			f.account(slot)
			f.publish(slot)
			deadlines[slot] = time.Now().Add(publishTimeout)
		case <-tick.C:
			for i := range f.slots {
				if time.Now().After(deadlines[i]) {
					f.run.loops[0].meter.failed("a publish did not reach everybody in time")
					f.account(uint32(i))
					f.publish(uint32(i))
					deadlines[i] = time.Now().Add(publishTimeout)
				}
			}
		}
	}
}

// account takes down how a publish went. One that began outside the measured time is left out.
func (f *fanout) account(slot uint32) {
	p := &f.slots[slot]
	n := p.count.Load()
	if !p.measured || f.run.phase() != phaseMeasuring {
		return
	}
	f.publishes++
	f.reached += uint64(n)
	f.due += uint64(f.receivers)
	for h, at := range map[*hdrhistogram.Histogram]int64{f.first: p.first.Load(), f.median: p.median.Load(), f.last: p.last.Load()} {
		if at > 0 {
			record(h, at-p.sent)
		}
	}
}

// publish sends the next message of a slot, from the publisher whose it is.
func (f *fanout) publish(slot uint32) {
	r := f.run
	p := &f.slots[slot]
	publisher := int(slot) % r.opt.Publishers
	l := r.loops[publisher%len(r.loops)]
	all := l.all()
	s := all[publisher/len(r.loops)%len(all)]
	p.count.Store(0)
	p.first.Store(0)
	p.median.Store(0)
	p.last.Store(0)
	p.measured = r.phase() == phaseMeasuring
	p.sent = now()
	round := p.round.Add(1)
	_ = s.conn.Do(func(c *reactor.Conn) {
		m := append([]byte(nil), l.payloads.next(uint64(round))...)
		formatPublish(m, slot, round)
		if err := c.WriteMessage(l.payloads.op, m); err != nil {
			l.meter.failed("publish: " + reason(err))
			return
		}
		l.meter.sent(len(m))
	})
}

// formatPublish writes over the beginning of b which publish it is.
func formatPublish(b []byte, slot, round uint32) {
	hex.Encode(b[:publishLen], []byte{
		byte(slot >> 24), byte(slot >> 16), byte(slot >> 8), byte(slot),
		byte(round >> 24), byte(round >> 16), byte(round >> 8), byte(round),
	})
}

func parsePublish(b []byte) (slot, round uint32, ok bool) {
	var d [8]byte
	if len(b) < publishLen {
		return 0, 0, false
	}
	if _, err := hex.Decode(d[:], b[:publishLen]); err != nil {
		return 0, 0, false
	}
	word := func(d []byte) uint32 { return uint32(d[0])<<24 | uint32(d[1])<<16 | uint32(d[2])<<8 | uint32(d[3]) }
	return word(d[:4]), word(d[4:]), true
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
