package bench

import "time"

// quiesce stops the load and waits for what is under way, also after Ctrl-C: what was sent before is
// to be accounted for.
func (r *run) quiesce() {
	r.stop.Store(true)
	r.drain(r.opt.patience.answers)
	r.giveUp()
}

// drain waits for what is under way, for d at most. It reports whether all has come.
func (r *run) drain(d time.Duration) bool {
	r.phase = phaseEnding
	for end := time.Now().Add(d); r.underway() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		if time.Since(r.sampled) >= time.Second {
			r.sample(phaseEnding)
		}
	}
	return true
}

// underway is the number of messages that have not come back, on connections that are open.
func (r *run) underway() (n int) {
	for _, l := range r.loops {
		l.mu.Lock()
		n += l.underway
		l.mu.Unlock()
	}
	return n
}

// giveUp counts what has not come back, and times it with how long it has been waited for: leaving it
// out would flatter the server. It is done once nothing more is sent.
func (r *run) giveUp() {
	at := now()
	for _, l := range r.loops {
		l.mu.Lock()
		miss := func(x flight) {
			r.unanswered++
			l.meter.time(x, at)
		}
		for _, x := range l.abandoned {
			miss(x)
		}
		for _, s := range l.sessions {
			if s.life.Load() == established {
				s.flights.all(miss)
			}
		}
		l.mu.Unlock()
	}
}
