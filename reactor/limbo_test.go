package reactor

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestLimbo has another goroutine call every method of a connection that UpgradeHTTP takes over, from the hooks on,
// before which it belongs to no event loop, until it is open.
func TestLimbo(t *testing.T) {
	for range 20 {
		var others sync.WaitGroup
		h := newProbe()
		opened := make(chan struct{})
		h.onOpen = func(*Conn) { close(opened) }
		srv := &Server{Handler: h, Logger: quiet}
		call := func(c *Conn) {
			called := make(chan struct{})
			var once sync.Once
			others.Go(func() {
				for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
					callAll(c)
					once.Do(func() { close(called) })
					select {
					case <-opened:
						return
					default:
					}
				}
			})
			<-called
		}
		srv.Authorize = func(_ context.Context, c *Conn, _ *Upgrade) error { call(c); return nil }
		srv.Upgrade = func(c *Conn, _ *Upgrade) error { call(c); return nil }
		front := httptest.NewServer(srv)
		r := open(t, front.Listener.Addr().String())
		c := within(t, h.opened)
		others.Wait()
		if err := c.Subscribe("topic"); err != nil {
			t.Error(err)
		}
		_ = r.Close()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		front.Close()
	}
}

// callAll calls what changes nothing that the client would see.
func callAll(c *Conn) {
	_ = c.Do(func(*Conn) {})
	_ = c.Subscribe("topic")
	_ = c.Publish("topic", codec.Text, nil)
	_ = c.Unsubscribe("topic")
	_, _ = c.TLS()
	_, _ = c.Deflate()
	_, _ = c.RemoteAddr(), c.LocalAddr()
	_, _ = c.Subprotocol(), c.BufferedAmount()
	_ = c.Info()
	_ = c.Ping(nil)
	_ = c.WriteText("")
}
