//go:build !linux

package bench

import "time"

// sleeper sleeps as finely as the runtime can.
type sleeper struct{}

func newSleeper() sleeper { return sleeper{} }

func (sleeper) sleep(d time.Duration) { time.Sleep(d) }

func (sleeper) close() {}
