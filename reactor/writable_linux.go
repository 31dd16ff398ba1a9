package reactor

import (
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// writableWatcher tells when congested sockets take bytes again. gnet does so only for bytes in its
// own buffer, which has no bound and is therefore never used; this is a second epoll instance, in
// which a socket is only while it is congested.
type writableWatcher struct {
	epoll int
	event int // an eventfd, to end it

	mu    sync.Mutex
	conns map[int32]*Conn // by descriptor
}

func newWritableWatcher() (*writableWatcher, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &writableWatcher{epoll: epoll, event: event, conns: make(map[int32]*Conn)}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(event)})
	if err != nil {
		w.close()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return w, nil
}

// await asks for a task on c's loop once its socket takes bytes. It is called with c.mu held.
func (w *writableWatcher) await(c *Conn) {
	op := unix.EPOLL_CTL_MOD
	if !c.flags.has(flagWatched) {
		op = unix.EPOLL_CTL_ADD
		c.flags.set(flagWatched)
	}
	w.mu.Lock()
	w.conns[c.fd] = c
	w.mu.Unlock()
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: c.fd}
	if err := unix.EpollCtl(w.epoll, op, int(c.fd), &ev); err != nil {
		c.broken(os.NewSyscallError("epoll_ctl", err))
	}
}

// forget takes c out. It is called with c.mu held, before the descriptor is closed.
func (w *writableWatcher) forget(c *Conn) {
	c.flags.clear(flagWatched)
	w.mu.Lock()
	delete(w.conns, c.fd)
	w.mu.Unlock()
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, int(c.fd), nil)
}

// awaiting returns the connections that are waited for.
func (w *writableWatcher) awaiting() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.conns))
}

// run waits for sockets until stop.
func (w *writableWatcher) run() {
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return // closed
		}
		for _, ev := range events[:max(n, 0)] {
			if ev.Fd == int32(w.event) {
				w.close()
				return
			}
			w.mu.Lock()
			c := w.conns[ev.Fd]
			delete(w.conns, ev.Fd)
			w.mu.Unlock()
			if c != nil {
				c.loop.post(task{c, nowWritable})
			}
		}
	}
}

// stop ends run. Nothing may be awaited from here on.
func (w *writableWatcher) stop() {
	_, _ = unix.Write(w.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (w *writableWatcher) close() {
	_ = unix.Close(w.event)
	_ = unix.Close(w.epoll)
}
