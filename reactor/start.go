package reactor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
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
// "tcp://host:port", "tcp4://…", "tcp6://…" or "unix:///path"; without a host it is all of the
// machine's, and port 0 is one that is free, see Addrs. Without any address it is ":8080".
//
// It fails when an address is malformed or taken, when Handler is not set, and when the server has
// been started before.
func (s *Server) Start(addrs ...string) error {
	if len(addrs) == 0 {
		addrs = []string{":8080"}
	}
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if s.life.started {
		return errors.New("reactor: a Server can be started only once")
	}
	if err := s.configure(); err != nil {
		return err
	}
	listeners, err := reserve(addrs, s.SharePort)
	if err != nil {
		return err
	}
	defer listeners.release()
	if s.writable, err = newWritableWatcher(); err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	go s.writable.run()
	s.life.started = true
	s.life.empty = make(chan struct{}, 1)
	s.life.done = make(chan struct{})
	s.life.engines = nil
	ended := make(chan error, 2)
	for _, group := range listeners.groups() {
		e := s.newEngine(group)
		s.life.engines = append(s.life.engines, e)
		go func() { ended <- e.run() }()
	}
	for _, e := range s.life.engines {
		select {
		case <-e.boot:
		case err = <-ended:
			ended <- err // for reap
		}
	}
	s.life.addrs = listeners.addrs()
	go s.reap(ended)
	if err != nil {
		s.life.stopping.Store(true)
		s.life.mu.Unlock()
		s.stop()
		s.life.mu.Lock()
		return err
	}
	go s.tick()
	for _, a := range s.life.addrs {
		s.cfg.log.Info("listening", "addr", a.Network()+"://"+a.String())
	}
	return nil
}

// Wait returns when the server has ended: ErrServerClosed after Shutdown or Close.
func (s *Server) Wait() error {
	s.life.mu.Lock()
	done := s.life.done
	s.life.mu.Unlock()
	if done == nil {
		return errors.New("reactor: the server has not been started")
	}
	<-done
	return s.life.err
}

// reap waits for the engines to end.
func (s *Server) reap(ended <-chan error) {
	for range s.life.engines {
		if err := <-ended; err != nil && s.life.err == nil {
			s.life.err = err
		}
	}
	if s.life.err == nil {
		s.life.err = ErrServerClosed
	}
	close(s.life.done)
}

// tick moves the timing wheels of all loops on.
func (s *Server) tick() {
	t := time.NewTicker(s.cfg.tick)
	defer t.Stop()
	for {
		select {
		case <-s.life.done:
			return
		case <-t.C:
		}
		for _, e := range s.life.engines {
			e.eachLoop((*loop).tick)
		}
	}
}

func (s *Server) newEngine(l listenerGroup) *engine {
	return &engine{
		srv:   s,
		cfg:   &s.cfg,
		epoch: time.Now(),
		addrs: l.addrs,
		reuse: l.reuse,
		fds:   descriptorLimit(),
		boot:  make(chan struct{}),
	}
}

// run runs the engine until it is stopped. An engine that ends by itself has lost its connections,
// but not its addresses: it is started again.
func (e *engine) run() error {
	readBuffer := e.srv.ReadBuffer
	if readBuffer <= 0 {
		readBuffer = defaultReadBuffer
	}
	pause := 100 * time.Millisecond
	for {
		err := gnet.Rotate(e, e.addrs,
			gnet.WithNumEventLoop(e.cfg.loops),
			gnet.WithMulticore(true),
			gnet.WithReusePort(e.reuse),
			gnet.WithReuseAddr(true),
			gnet.WithReadBufferCap(readBuffer),
			gnet.WithLogger(gnetLog{e.cfg.log}),
		)
		e.eachLoop((*loop).stop)
		if e.srv.life.stopping.Load() {
			return nil
		}
		e.mu.Lock()
		booted := e.booted
		e.mu.Unlock()
		if !booted {
			return fmt.Errorf("reactor: %w", err)
		}
		e.cfg.log.Error("the event loops have ended and all their connections are lost; starting again", "err", err)
		e.loops.Clear()
		time.Sleep(pause)
		pause = min(2*pause, 5*time.Second)
	}
}

// stop ends the engines. Connections that are left are cut.
func (s *Server) stop() {
	s.life.stopping.Store(true)
	for _, e := range s.life.engines {
		go func() {
			e.mu.Lock()
			g := e.gnet
			e.mu.Unlock()
			_ = g.Stop(context.Background()) // polls; done tells earlier
		}()
	}
	<-s.life.done
	s.life.stopped.Do(s.writable.stop)
}

// descriptorLimit is the number from which on descriptors are left to others: the listeners of
// gnet's loops must always find one to accept with.
func descriptorLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1 << 30
	}
	n := int(min(uint64(r.Cur), 1<<30))
	return n - min(64+2*runtime.GOMAXPROCS(0), n/8)
}
