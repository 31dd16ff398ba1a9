package torture

import (
	"time"

	"example.org/weir/bench/rawpeer"
)

func resets(a *attack) {
	a.each(a.n(5000), inTurn, func(int) {
		if c := a.dial(); c != nil {
			_ = c.Reset()
			a.ended(byUs)
		}
	})
}

func resetsUpgraded(a *attack) {
	a.each(a.n(5000), inTurn, func(int) {
		if c := a.open(); c != nil {
			_ = c.WriteFrame(rawpeer.Text("The echo of this finds nobody."))
			_ = c.Reset()
			a.ended(byUs)
		}
	})
}

func halfClose(a *attack) {
	a.each(a.n(100), together, func(int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		_ = c.CloseWrite() // an error means that the connection has ended already
		e := a.watch(c, a.opt.Settle, nil)
		a.mustLeave(e)
		a.ended(e)
	})
}

// mustLeave is not content when the server has not ended a connection whose client has ended its side.
func (a *attack) mustLeave(e ending) {
	if e == stillOpen {
		a.fault("a connection whose client has ended its side was still open after %v", a.opt.Settle)
	}
}

// crowdStays is how long the crowd stays once it is complete.
const crowdStays = 500 * time.Millisecond

func crowd(a *attack) {
	conns := make([]*rawpeer.Conn, a.n(3000))
	var before Usage
	if a.sampler != nil {
		before = a.sampler.look()
	}
	a.each(len(conns), inTurn, func(i int) {
		// A server may have room for fewer: that some are not let in is no fault of it.
		c, resp, err := a.dialer.open(a.ctx, 0, rawpeer.Options{})
		switch {
		case err == nil:
			conns[i] = c
		case resp != nil && resp.Status != 0:
			a.ended("not let in: " + answered(resp.Status))
		default:
			a.ended("not let in")
		}
	})
	select {
	case <-a.ctx.Done():
	case <-time.After(crowdStays):
	}
	here := 0
	for _, c := range conns {
		if c != nil {
			here++
		}
	}
	if a.sampler != nil && here > 0 {
		if grown := a.sampler.look().RSS - before.RSS; grown > 0 { // or what was free before was used
			a.note("%d bytes more memory per client", grown/int64(here))
		}
	}
	a.each(len(conns), inTurn, func(i int) {
		c := conns[i]
		if c == nil {
			return
		}
		defer c.Close()
		if err := echoOnce(c, "I was here all the time."); err != nil {
			a.ended(endingOf(err))
			a.fault("a client that was idle is not served: %s", brief(err))
			return
		}
		a.ended(byUs)
	})
}
