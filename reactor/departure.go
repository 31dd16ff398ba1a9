package reactor

import (
	"context"
	"math/rand/v2"
	"time"
)

// departureStep is the time between the close frames of a loop that spreads them.
const departureStep = 10 * time.Millisecond

// sendAway tells all connections that this endpoint goes away: at once, or spread evenly over window, in an
// order that has nothing to do with their age, so that clients that come back do not all come at the same
// time. Connections that have not been opened yet go at once.
func (c *core) sendAway(ctx context.Context, window time.Duration) {
	for _, e := range c.engines {
		if window <= 0 {
			e.eachConn(goAway)
			continue
		}
		e.eachConn(func(c *Conn) {
			if c.phase != phaseFrames {
				goAway(c)
			}
		})
		e.eachLoop(func(l *loop) { go l.spread(ctx, window) })
	}
}

// spread sends the loop's connections away, evenly over window. It ends early with ctx and with the loop.
func (l *loop) spread(ctx context.Context, window time.Duration) {
	var conns []*Conn
	select {
	case conns = <-l.census():
	case <-ctx.Done():
		return
	}
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	steps := time.NewTicker(departureStep)
	defer steps.Stop()
	begin := time.Now()
	for told := 0; told < len(conns); {
		select {
		case <-steps.C:
		case <-ctx.Done():
			return
		case <-l.engine.core.done:
			return
		}
		for due := dueBy(time.Since(begin), window, len(conns)); told < due; told++ {
			l.post(task{conns[told], goAway})
		}
	}
}

// dueBy returns how many of n are due when a part of window has passed.
func dueBy(passed, window time.Duration, n int) int {
	if passed >= window {
		return n
	}
	return int(float64(n) * passed.Seconds() / window.Seconds())
}
