package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// live feeds the dashboards: a WebSocket server of its own, whose clients get a snapshot each second. It begins with
// the first of them, and looks at nothing while there is none.
type live struct {
	admin *admin
	srv   *reactor.Server
	begin sync.Once
	stop  chan struct{}
	ended sync.WaitGroup
}

const (
	liveTopic = "live"
	liveEvery = time.Second
	liveConns = 100 // dashboards
)

func newLive(a *admin) *live {
	l := &live{admin: a, stop: make(chan struct{})}
	l.srv = &reactor.Server{
		Handler:    watcher{},
		Loops:      1,
		IO:         reactor.IODirect,
		MaxMessage: 1 << 10, // nothing is expected
		MaxConns:   liveConns,
		Logger:     slog.New(slog.DiscardHandler),
	}
	return l
}

// watcher is the handler of dashboards.
type watcher struct{ reactor.NopHandler }

// OnOpen has c get the snapshots.
func (watcher) OnOpen(c *reactor.Conn) { _ = c.Subscribe(liveTopic) }

// ServeHTTP takes a dashboard in.
func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.begin.Do(func() { l.ended.Go(l.run) })
	l.srv.ServeHTTP(w, r)
}

// close ends it for good.
func (l *live) close() {
	close(l.stop)
	l.begin.Do(func() {})
	l.ended.Wait()
	_ = l.srv.Close()
}

// run publishes snapshots until close.
func (l *live) run() {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	var last *sample
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		srv := l.admin.srv.Load()
		if srv == nil || l.srv.Subscribers(liveTopic) == 0 {
			last = nil
			continue
		}
		now := newSample(srv)
		if last != nil {
			b, err := json.Marshal(l.admin.snapshot(last, now))
			if err == nil { // or a figure is not a number
				_ = l.srv.Publish(liveTopic, codec.Text, b)
			}
		}
		last = now
	}
}
