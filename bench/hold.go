package bench

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunHold opens connections, holds them for Duration without a message, and then has each echo one, at
// Rate if there is one. It shows that connections which have been idle for long are still there.
//
// With Listen the server has something to publish after that: all connections wait for one message,
// for as long as Listen at most. It is made by [Stamp], and timed by
// the machine's clock.
func RunHold(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "hold", &o, func(*genLoop) reactor.Handler { return &holding{delivered: newHistogram()} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	r.synchronize(stageMeasure)
	end := r.beginCost()
	r.window.open()
	r.sampleFor(o.Duration, phaseMeasuring)
	r.synchronize(stageEcho)
	if !o.Mute {
		r.during(phaseEchoing, r.echoOnce)
	}
	r.res.Seconds = r.window.close()
	end()
	r.quiesce()
	if o.Listen > 0 {
		r.synchronize(stagePublish)
		r.during(phaseListening, r.awaitDeliveries)
	}
	r.sample(phaseEnding)
	r.noteEnd()
	res := r.finish()
	if ctx.Err() != nil {
		return res, nil
	}
	if !o.Mute {
		res.expect("echoed", int(res.Messages.Received) == res.Connections.Opened, "%d of %d connections", res.Messages.Received, res.Connections.Opened)
	}
	if o.Listen > 0 {
		n := int64(0)
		if res.Delivered = newLatency(r.deliveries()); res.Delivered != nil {
			n = res.Delivered.Count
		}
		res.expect("delivered", n == r.live.Load(), "to %d of %d connections", n, r.live.Load())
	}
	return res, nil
}

// during takes samples while f works. f ends early with the context.
func (r *run) during(phase string, f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	r.sample(r.phase) // what was before belongs to another phase
	r.sampleUntil(done, phase)
	<-done
}

// echoOnce sends a message on each connection, at the rate of the options, and waits for the answers.
func (r *run) echoOnce() {
	start, sent := now(), uint64(0)
	for _, l := range r.loops {
		for _, s := range l.open() {
			intended := start
			if r.opt.Rate > 0 {
				intended += int64(float64(sent) / r.opt.Rate * 1e9)
			}
			if wait := time.Duration(intended - now()); wait > time.Millisecond {
				r.sleepUntil(time.Now().Add(wait))
			}
			if r.ctx.Err() != nil {
				return
			}
			sent++
			_ = s.conn.Do(func(*reactor.Conn) { // one that has gone has been counted
				l.mu.Lock()
				defer l.mu.Unlock()
				s.send(intended, now())
			})
		}
	}
	for end := time.Now().Add(r.opt.patience.answers); r.measured().received < sent && time.Now().Before(end) && r.ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
}

// awaitDeliveries waits until all connections have what is published, for Listen at most.
func (r *run) awaitDeliveries() {
	for end := time.Now().Add(r.opt.Listen); time.Now().Before(end) && r.ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		n := int64(0)
		for _, l := range r.loops {
			l.mu.Lock()
			n += l.handler.(*holding).delivered.TotalCount()
			l.mu.Unlock()
		}
		if n >= r.live.Load() {
			return
		}
	}
}

// deliveries are the times from the publish to each connection.
func (r *run) deliveries() *hdrhistogram.Histogram {
	all := newHistogram()
	for _, l := range r.loops {
		l.mu.Lock()
		all.Merge(l.handler.(*holding).delivered)
		l.mu.Unlock()
	}
	return all
}

// holding is the handler of a loop.
type holding struct {
	lifecycle
	delivered *hdrhistogram.Histogram // guarded by the loop's mutex
}

func (h *holding) OnMessage(c *reactor.Conn, m codec.Message) { deliver(h, c, m) }

// answer takes in an echo, or what was published, which comes when no echo is due.
func (h *holding) answer(s *session, m codec.Message, at int64) (over bool) {
	published, ok := Stamped(m.Payload)
	switch {
	case !ok || s.flights.count > 0 || s.loop.run.opt.Listen == 0:
		s.reply(m, at)
	case s.heard(0, 1, 1):
		s.loop.meter.failed("a delivery that was there before")
	default:
		record(h.delivered, int64(time.Since(published)))
	}
	return false
}

// Stamp returns a message to be published at t to the connections of [RunHold], of size bytes at
// least.
func Stamp(t time.Time, size int) []byte {
	p := append(strconv.AppendInt(nil, t.UnixNano(), 10), ' ')
	return append(p, bytes.Repeat([]byte{'.'}, max(0, size-len(p)))...)
}

// Stamped returns when a message of [Stamp] was published.
func Stamped(p []byte) (t time.Time, ok bool) {
	digits, _, ok := bytes.Cut(p, []byte{' '})
	if !ok || len(digits) != 19 { // until the year 2286
		return t, false
	}
	ns, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(0, ns), err == nil
}
