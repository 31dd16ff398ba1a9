package reactor

import "context"

// Shutdown ends the server gracefully: new connections are refused with 503, every client gets what
// waits for it and then a close frame with 1001, and those that have not gone when ctx is done are
// cut. OnClose has been called for every connection when it returns. It returns ctx.Err() when some
// had to be cut. It may be called from any goroutine but an event loop's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.life.mu.Lock()
	started := s.life.started
	s.life.mu.Unlock()
	if !started {
		return nil
	}
	err := s.core.drain(ctx, s.stopEngines)
	s.topics.finish(ctx)
	return err
}

// Close ends the server at once: all connections are cut, without a closing handshake.
func (s *Server) Close() error {
	_ = s.Shutdown(ended) // the context's error, which is no news
	return nil
}
