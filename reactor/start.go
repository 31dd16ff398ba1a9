package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/panjf2000/gnet/v2"

	"example.org/weir/codec"
)

// ListenAndServe serves on the addresses until Shutdown or Close, and then returns ErrServerClosed.
// See Start for the addresses and the other errors.
func (s *Server) ListenAndServe(addrs ...string) error {
	if err := s.Start(addrs...); err != nil {
		return err
	}
	return s.Wait()
}

// Start listens on the addresses, serves in the background, and returns. An address is "host:port",
// "tcp://host:port", "tcp4://…", "tcp6://…", "tls://host:port", "tls4://…", "tls6://…" or
// "unix:///path"; without a host it is all of the machine's, and port 0 is one that is free, see Addrs.
// Without a network it is tls if TLS is set, and tcp otherwise. Without any address it is ":8080".
//
// It fails when an address is malformed (a *AddrError) or taken, when Handler is not set, when TLS has
// no certificate or is set and no address speaks it, when TrustedProxies and ProxyProtocol do not fit
// together, and when the server has been started before.
func (s *Server) Start(addrs ...string) error {
	if len(addrs) == 0 {
		addrs = []string{":8080"}
	}
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if s.life.started {
		return errors.New("reactor: a Server can be started only once")
	}
	var secure *tls.Config
	if s.TLS != nil {
		var err error
		if secure, err = serverTLS(s.TLS); err != nil {
			return err
		}
	}
	listeners, err := reserve(addrs, s.SharePort, secure != nil)
	if err != nil {
		return err
	}
	defer listeners.release()
	if err = s.start(listeners, secure); err != nil {
		return err
	}
	for _, r := range listeners {
		network := r.addr.Network()
		if r.tls {
			network = "tls"
		}
		s.core.cfg.log.Info("listening", "addr", network+"://"+r.addr.String())
	}
	return nil
}

// start serves on the listeners, if there are any. It is called with s.life.mu held, once.
func (s *Server) start(listeners reservations, secure *tls.Config) error {
	if s.Handler == nil {
		return errors.New("reactor: Server.Handler is not set")
	}
	if err := s.checkProxies(); err != nil {
		return err
	}
	set := s.settings()
	cfg := set.config(codec.Server, s.Handler)
	cfg.rate = s.rateLimits()
	cfg.track = s.TrackConns
	if err := s.startTopics(cfg.log); err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	if err := s.core.init(cfg); err != nil {
		s.topics.finish(ended)
		return fmt.Errorf("reactor: %w", err)
	}
	if s.Authorize != nil {
		s.authorizer.init(s)
	}
	s.life.started = true
	s.life.addrs = listeners.addrs()
	s.life.stop = make(chan struct{})
	if s.HTTP != nil {
		s.web = newWeb(s)
		go s.web.serve()
	}
	groups := listeners.groups()
	err := s.startEngines(groups, secure, set.gnetOptions(s.core.cfg.log))
	listeners.release() // before anyone knows the ports: connections that it got would be lost
	if err != nil {
		if s.web != nil {
			_ = s.web.http.Close()
		}
		s.core.stop(s.stopEngines)
		s.topics.finish(ended)
		return err
	}
	s.claimPorts(groups)
	go s.core.tick()
	return nil
}

// settings are the fields that a Client has too.
func (s *Server) settings() *settings {
	return &settings{
		maxMessage:   s.MaxMessage,
		maxFragments: s.MaxFragments,
		streamFrom:   s.StreamFrom,
		maxStream:    s.MaxStream,
		maxOutbound:  s.MaxOutbound,
		policy:       s.Overflow,
		overflow:     s.OverflowTimeout,
		maxBuffered:  s.MaxBuffered,
		handshake:    s.HandshakeTimeout,
		idle:         s.IdleTimeout,
		close:        s.CloseTimeout,
		head:         s.Head,
		onPong:       s.OnPong,
		onDrain:      s.OnDrain,
		loops:        s.Loops,
		readBuffer:   s.ReadBuffer,
		io:           s.IO,
		deflate:      s.Deflate,

		deflateMemory: s.DeflateMemory,

		log: s.Logger,
	}
}

// startEngines starts an engine for each group and returns once all of them listen. One more is for the
// connections that UpgradeHTTP takes over; its loops begin with the first.
func (s *Server) startEngines(groups []listenerGroup, secure *tls.Config, options []gnet.Option) (err error) {
	ended := make(chan error, len(groups))
	listening := make([]*engine, len(groups))
	for i, g := range groups {
		listening[i] = s.newEngine(func(cfg *config) {
			if g.tls {
				cfg.tls = secure
			}
		})
	}
	taking := s.newEngine(func(cfg *config) { cfg.mayTLS = true }) // where our own TLS comes back from HTTP
	s.takeovers.engine, s.takeovers.options = taking, options
	s.limbo = &loop{engine: taking, cfg: taking.cfg, stopped: true}
	s.core.engines = append(listening, taking)
	for i, g := range groups {
		options := append(options[:len(options):len(options)], gnet.WithReusePort(g.reuse), gnet.WithReuseAddr(true))
		go func() { ended <- listening[i].run(g.addrs, options) }()
	}
	for _, e := range listening {
		select {
		case <-e.boot:
		case err = <-ended:
			ended <- err // for reap
		}
	}
	go s.reap(ended)
	return err
}

// newEngine returns an engine whose connections go by the server's configuration with one change.
func (s *Server) newEngine(change func(*config)) *engine {
	e := newEngine(&s.core)
	e.srv = s
	cfg := s.core.cfg
	change(&cfg)
	e.cfg = &cfg
	return e
}

// reap waits for the engines to end.
func (s *Server) reap(ended <-chan error) {
	s.life.err = ErrServerClosed
	for range cap(ended) {
		if err := <-ended; err != nil {
			s.life.err = err
		}
	}
	<-s.life.stop
	s.takeovers.stop()
	close(s.core.done)
}

// Wait returns when the server has ended: ErrServerClosed after Shutdown or Close.
func (s *Server) Wait() error {
	s.life.mu.Lock()
	started := s.life.started
	s.life.mu.Unlock()
	if !started {
		return errors.New("reactor: the server has not been started")
	}
	<-s.core.done
	return s.life.err
}

// run runs the engine until it is stopped. An engine that ends by itself has lost its connections,
// but not its addresses: it is started again.
func (e *engine) run(addrs []string, options []gnet.Option) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := gnet.Rotate(e, addrs, options...)
		e.eachLoop((*loop).ended)
		e.port.release()
		if e.srv.life.stopping.Load() || e.core.draining.Load() {
			return nil
		}
		if !e.booted() {
			return fmt.Errorf("reactor: %w", err)
		}
		e.core.cfg.log.Error("the event loops have ended and all their connections are lost; starting again; "+
			"if accept found too many open files, raise the limit (ulimit -n)", "err", err)
		e.loops.Clear()
		time.Sleep(pause)
		for !e.fds.plenty(e.fds.room()) && !e.srv.life.stopping.Load() { // or gnet could leave a listener behind
			time.Sleep(pause)
		}
	}
}

// stopEngines makes the engines end. It does not wait for it: core.done tells.
func (s *Server) stopEngines() {
	s.life.stopping.Store(true)
	close(s.life.stop)
	for _, e := range s.core.engines {
		e.stop()
	}
}

// stop makes the engine end; one that has not begun yet is ended by OnBoot.
func (e *engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.booted() {
		_ = e.gnet.Stop(ended) // which would wait by polling
	}
}

// ended is a context that is done.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
