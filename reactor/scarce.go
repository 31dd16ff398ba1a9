package reactor

import (
	"runtime"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

// When accept finds no descriptor gnet ends the engine, with all its connections; it must not come to that. The
// kernel gives the lowest number that is free, so the number of a new descriptor tells how many are taken:
//
//	below full     connections are served
//	below nearly   connections are refused with 503, at once
//	above          nobody is accepted: those who connect wait in the kernel until descriptors are free
//
// Clients alone hardly come beyond full. The application can, with files and connections of its own; what it takes
// between two ticks, while a client connects, is not noticed in time if it is all that is left. And when it has
// taken them all, a low number tells only of one that has become free: so those that are free are counted as well.
type descriptorBounds struct{ full, nearly, limit int }

// newDescriptorBounds returns the bounds for this process.
func newDescriptorBounds() descriptorBounds {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return descriptorBounds{1 << 29, 1 << 29, 1 << 29}
	}
	n := int(min(uint64(r.Cur), 1<<29))
	left := min(64+2*runtime.GOMAXPROCS(0), n/8)
	return descriptorBounds{full: n - left, nearly: n - left/2, limit: n}
}

// room returns how many connections may be accepted before it is looked at again. It is negative when nobody is to
// be accepted. It looks at no more than the numbers from full on, unless the application has some of them.
func (b descriptorBounds) room() int {
	next := nextDescriptor()
	if next >= b.nearly {
		return -1
	}
	return freeDescriptors(next, b.limit, b.limit-b.full) - (b.limit - b.nearly)
}

// plenty reports whether what room has returned is enough to begin with.
func (b descriptorBounds) plenty(room int) bool { return room >= b.nearly-b.full }

// nextDescriptor returns the number that the next descriptor gets, a very high one when there is none.
func nextDescriptor() int {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
		_ = unix.Close(fd)
		return fd
	case unix.EMFILE, unix.ENFILE:
		return 1 << 30
	}
	return -1 // it cannot tell
}

// freeDescriptors counts the descriptors that are free, from limit down to lowest, until it has found enough. It opens
// none: the last ones may be the application's.
func freeDescriptors(lowest, limit, enough int) (free int) {
	var some [64]unix.PollFd
	for lowest = max(lowest, 0); limit > lowest && free < enough; {
		n := min(limit-lowest, len(some))
		limit -= n
		for i := range n {
			some[i] = unix.PollFd{Fd: int32(limit + i)}
		}
		_, err := unix.Poll(some[:n], 0)
		for err == unix.EINTR { // by the scheduler, where none is free
			_, err = unix.Poll(some[:n], 0)
		}
		if err != nil {
			return enough // it cannot tell
		}
		for i := range n {
			if some[i].Revents&unix.POLLNVAL != 0 {
				free++
			}
		}
	}
	return free
}

// guard sees to it that the engine accepts connections as long as there are descriptors, and no longer.
func (e *engine) guard() {
	p := &e.port
	if !p.mu.TryLock() { // the port is being left or found
		return
	}
	defer p.mu.Unlock()
	if len(p.listeners) == 0 {
		return
	}
	room := e.fds.room()
	e.room.Store(int64(room) / 2) // the other engines take some too
	switch {
	case room < 0 && !p.deaf:
		p.hear(false)
		e.core.cfg.log.Error("accepting no connections: file descriptors are used up; close some or raise the limit (ulimit -n)",
			"limit", e.fds.nearly, "connections", e.core.conns.Load())
	case p.deaf && e.fds.plenty(room):
		p.hear(true)
		e.core.cfg.log.Info("accepting connections again: there are file descriptors", "connections", e.core.conns.Load())
	}
}

// turnAway refuses a connection that has a descriptor which is to be left to others. It does not wait for the
// request: others that wait for theirs would keep the descriptors meanwhile.
func (e *engine) turnAway(g gnet.Conn) {
	e.warnDescriptors()
	e.guard()
	he := e.core.refusal(errDescriptors, g.RemoteAddr())
	c, enrolled := g.Context().(*Conn)
	// It has nothing that OnClose could take leave of: one that UpgradeHTTP takes over stays in limbo.
	g.SetContext(nil)
	if e.cfg.tls != nil || enrolled && c.tls() != nil { // there is no way to say so
		return
	}
	_, _ = unix.Read(g.Fd(), make([]byte, 4<<10)) // what is unread when it is closed may cost the client the answer
	_, _ = unix.Write(g.Fd(), codec.AppendRefusal(nil, he, false))
}

// warnDescriptors logs that connections are refused, once a second at most.
func (e *engine) warnDescriptors() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.lastLog) < time.Second {
		return
	}
	e.lastLog = time.Now()
	e.core.cfg.log.Warn("refusing connections: nearly all file descriptors are in use; raise the limit (ulimit -n)",
		"limit", e.fds.full, "connections", e.core.conns.Load())
}
