package reactor

import (
	"context"

	"example.org/weir/codec"
)

// Shutdown ends the server gracefully: new connections are refused with 503, every client gets what
// waits for it and then a close frame with 1001, and those that have not gone when ctx is done are
// cut. OnClose has been called for every connection when it returns. It returns ctx.Err() when some
// had to be cut. It may be called from any goroutine but an event loop's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.life.mu.Lock()
	engines := s.life.engines
	s.life.mu.Unlock()
	if engines == nil {
		return nil
	}
	s.life.draining.Store(true)
	for _, e := range engines {
		e.eachConn(goAway)
	}
	var err error
	for s.conns.Load() > 0 && err == nil {
		select {
		case <-s.life.empty:
		case <-s.life.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.stop()
	return err
}

// Close ends the server at once: all connections are cut, without a closing handshake.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); err != context.Canceled {
		return err
	}
	return nil
}

// goAway tells a client that the server goes away.
func goAway(c *Conn) {
	switch c.phase {
	case phaseHandshake:
		c.refuse(errShuttingDown)
	case phaseFrames:
		_ = c.Close(codec.CloseGoingAway, "server is shutting down")
	}
}

// eachConn calls f for every connection, on its loop.
func (e *engine) eachConn(f func(*Conn)) {
	e.eachLoop(func(l *loop) { l.post(task{do: f}) })
}

// lost counts a connection that has gone.
func (s *Server) lost() {
	if s.conns.Add(-1) == 0 && s.life.draining.Load() {
		select {
		case s.life.empty <- struct{}{}:
		default:
		}
	}
}
