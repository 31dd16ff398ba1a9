//go:build !linux

package reactor

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// writableWatcher tells when congested sockets may take bytes again: without epoll it lets each try
// every 10 ms.
type writableWatcher struct {
	end chan struct{}

	mu    sync.Mutex
	conns map[*Conn]struct{}
}

func newWritableWatcher() (*writableWatcher, error) {
	return &writableWatcher{end: make(chan struct{}), conns: make(map[*Conn]struct{})}, nil
}

func (w *writableWatcher) await(c *Conn) {
	c.flags.set(flagWatched)
	w.mu.Lock()
	w.conns[c] = struct{}{}
	w.mu.Unlock()
}

func (w *writableWatcher) forget(c *Conn) {
	c.flags.clear(flagWatched)
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
}

// awaiting returns the connections that are waited for.
func (w *writableWatcher) awaiting() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.conns))
}

func (w *writableWatcher) run() {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-w.end:
			return
		case <-t.C:
		}
		w.mu.Lock()
		for c := range w.conns {
			delete(w.conns, c)
			go c.loop.post(task{c, nowWritable})
		}
		w.mu.Unlock()
	}
}

func (w *writableWatcher) stop() { close(w.end) }
