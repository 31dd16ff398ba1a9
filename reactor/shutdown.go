package reactor

import (
	"context"
	"sync"
)

// Shutdown ends the server gracefully: new connections are refused with 503, or go to other processes with
// SharePort; every client gets what waits for it and then a close frame with 1001, all at once or spread over
// DrainWindow; requests that HTTP serves are finished; and those that have not gone when ctx is done are cut. OnClose has been called for every connection when it returns. It returns ctx.Err() when some
// had to be cut. It may be called from any goroutine but an event loop's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.life.mu.Lock()
	started := s.life.started
	s.life.closed = true
	s.life.mu.Unlock()
	if !started {
		return nil
	}
	s.leavePorts(ctx)
	s.core.draining.Store(true)
	s.authorizer.stop()
	var web sync.WaitGroup
	if s.web != nil {
		web.Go(func() { s.web.shutdown(ctx) })
	}
	err := s.core.drain(ctx, s.DrainWindow, s.stopEngines)
	s.authorizer.wait(ctx)
	web.Wait()
	s.topics.finish(ctx)
	return err
}

// Close ends the server at once: all connections are cut, without a closing handshake.
func (s *Server) Close() error {
	_ = s.Shutdown(ended) // the context's error, which is no news
	return nil
}
