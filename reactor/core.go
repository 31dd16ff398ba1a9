package reactor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
)

// core is what a Server and a Client have in common: engines with their connections.
type core struct {
	cfg       config
	_         [cacheLine]byte // all loops read what is above for each message
	conns     atomic.Int64    // opened and not yet closed
	dropped   atomic.Int64    // messages, by OverflowDrop
	tally     tally
	pings     pingClock
	congested atomic.Int64  // connections
	buffered  atomic.Int64  // bytes that wait for them
	shedding  atomic.Bool   // some of them are being cut
	draining  atomic.Bool   // no new connections
	empty     chan struct{} // gets a value when a draining core has lost its last connection
	done      chan struct{} // closed when all engines have ended
	writable  *writableWatcher
	engines   []*engine
	stopped   sync.Once

	tls       tlsHandshakes // in a server
	tlsFailed atomic.Int64  // handshakes

	lastID     atomic.Uint64 // of a connection, with Server.TrackConns
	leased     atomic.Int64  // bytes of the contexts of compression
	deflatings sync.Map      // those that connections share, by codec.DeflateParams
}

// init prepares c for engines, and starts what they need besides.
func (c *core) init(cfg config) (err error) {
	c.cfg = cfg
	c.pings = newPingClock()
	c.empty = make(chan struct{}, 1)
	c.done = make(chan struct{})
	c.tls.init()
	if cfg.io == IOUring {
		r, err := newRing(maxBatch)
		if err != nil {
			return fmt.Errorf("io_uring is not to be had here: %w", err)
		}
		r.close()
	}
	if c.writable, err = newWritableWatcher(); err != nil {
		return err
	}
	go c.writable.run()
	return nil
}

// newBatch returns the batch of a new loop.
func (c *core) newBatch() batch {
	mode := c.cfg.io
	if mode == IODirect {
		return batch{}
	}
	r, err := newRing(maxBatch)
	if err != nil {
		c.cfg.log.Debug("writing without io_uring", "err", err)
		return batch{}
	}
	return batch{
		ring: r, always: mode == IOUring,
		conns: make([]*Conn, 0, maxBatch), sending: make([]*Conn, 0, maxBatch),
	}
}

// tick moves the timing wheels of all loops on, until the engines have ended.
func (c *core) tick() {
	t := time.NewTicker(c.cfg.tick)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-t.C:
		}
		for _, e := range c.engines {
			e.guard()
			e.eachLoop((*loop).tick)
		}
	}
}

// drain closes all connections, spread over window, and waits for them, and then stops the engines by
// calling stop, after which done must be closed. It returns ctx.Err() when some had to be cut.
func (c *core) drain(ctx context.Context, window time.Duration, stop func()) error {
	c.draining.Store(true)
	c.sendAway(ctx, window)
	var err error
	for c.conns.Load() > 0 && err == nil {
		select {
		case <-c.empty:
		case <-c.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	c.stop(stop)
	return err
}

// stop ends the engines; connections that are left are cut.
func (c *core) stop(stop func()) {
	c.stopped.Do(func() {
		stop()
		<-c.done
		c.writable.stop()
	})
	<-c.done
}

// goAway tells the peer that this endpoint goes away.
func goAway(c *Conn) {
	switch {
	case c.phase == phaseFrames:
		if w, ok := c.handler().(*Workers); ok {
			w.goAway(c)
			return
		}
		c.sayGoodbye()
	case c.phase == phaseFinished: // it ends by itself, once the peer has got what it is still to get
	case c.phase == phaseProxy: // nobody knows yet what it speaks
		_ = c.CloseNow()
	case c.loop.engine.srv != nil:
		c.refuse(errShuttingDown)
	default:
		c.refused(ErrClientClosed)
	}
}

// sayGoodbye closes c because this endpoint goes away.
func (c *Conn) sayGoodbye() {
	_ = c.Close(codec.CloseGoingAway, c.loop.cfg.decoder.Role.String()+" is shutting down")
}

// eachConn calls f for every connection, on its loop.
func (e *engine) eachConn(f func(*Conn)) {
	e.eachLoop(func(l *loop) { l.post(task{do: f}) })
}

// leaveOut takes c, which has come too late, out of the connections that drain waits for.
func (c *Conn) leaveOut() {
	c.mu.Lock()
	c.rarely().leftOut = true
	c.mu.Unlock()
	c.loop.engine.core.lost()
}

// lost counts a connection that has gone.
func (c *core) lost() {
	if c.conns.Add(-1) == 0 && c.draining.Load() {
		select {
		case c.empty <- struct{}{}:
		default:
		}
	}
}
