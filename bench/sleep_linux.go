package bench

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper sleeps more finely than the runtime's timers, which round up to a millisecond when
// nothing else goes on. It has a thread of its own.
type sleeper struct{}

func newSleeper() sleeper {
	runtime.LockOSThread()
	return sleeper{}
}

func (sleeper) sleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil)
}

func (sleeper) close() { runtime.UnlockOSThread() }
