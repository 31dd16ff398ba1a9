package reactor

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"example.org/weir/codec"
)

// engine is one gnet engine with its loops: its methods are gnet's callbacks. A server has one for
// its TCP listeners, one for those that speak TLS, since gnet does not tell which of its listeners a
// connection came from, and one for its Unix sockets, since gnet gives each loop a listener of its own
// (SO_REUSEPORT) only where all of them are TCP.
type engine struct {
	gnet.BuiltinEventEngine
	core  *core
	cfg   *config // of the connections that it accepts
	srv   *Server // nil in a client
	epoch time.Time
	port  sharedPort
	fds   descriptorBounds
	room  atomic.Int64  // for connections, until guard looks again
	boot  chan struct{} // closed once it listens
	over  atomic.Bool   // the loops end, and take no tasks

	mu      sync.Mutex
	gnet    gnet.Engine
	loops   sync.Map // gnet.EventLoop to *loop; those that have had a connection
	lastLog time.Time
}

// OnBoot is called when the listeners are bound and before the loops run.
func (e *engine) OnBoot(g gnet.Engine) gnet.Action {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gnet = g
	e.over.Store(false)
	if !e.booted() {
		close(e.boot)
	} else {
		go e.reclaimPort()
	}
	if e.srv != nil && e.srv.life.stopping.Load() { // stop came before, and could not stop this one
		return gnet.Shutdown
	}
	return gnet.None
}

func newEngine(c *core) *engine {
	return &engine{core: c, cfg: &c.cfg, epoch: time.Now(), fds: newDescriptorBounds(), boot: make(chan struct{})}
}

// booted reports whether the engine listens, or has done.
func (e *engine) booted() bool {
	select {
	case <-e.boot:
		return true
	default:
		return false
	}
}

// OnShutdown is called when the engine is about to end, by request or not, while the loops still
// run. From here on nothing is posted to them.
func (e *engine) OnShutdown(gnet.Engine) {
	e.over.Store(true)
	e.port.release() // gnet is to be the last that has the listeners
	e.eachLoop((*loop).stop)
}

// OnOpen is called with each connection that was accepted, on the loop that it will belong to.
func (e *engine) OnOpen(g gnet.Conn) ([]byte, gnet.Action) {
	fd := g.Fd()
	if e.srv != nil && fd >= e.fds.full {
		e.turnAway(g)
		return nil, gnet.Close
	}
	if e.srv != nil && e.room.Add(-1) < 0 {
		e.guard()
	}
	l := e.loop(g.EventLoop())
	c, enrolled := g.Context().(*Conn)
	if !enrolled {
		c = new(Conn)
	}
	taken := enrolled && c.rare.dialing == nil // over from net/http, which has counted it
	if !taken {
		e.core.conns.Add(1)
		e.core.tally.count(&e.core.tally.accepted)
	}
	c.mu.Lock() // Server.Upgrade has seen one that is taken over
	c.loop = l
	c.socket = g
	c.fd = int32(fd)
	if l.cfg.tls != nil || c.tls() != nil {
		c.secure()
	}
	c.mu.Unlock()
	if e.srv != nil && !taken && e.srv.ProxyProtocol && e.srv.behindProxy(c) {
		c.phase = phaseProxy
	}
	g.SetContext(c)
	l.wheel.add(c)
	c.tick = l.wheel.now
	if l.cfg.handshake > 0 {
		c.cutIn(l.cfg.handshake)
	}
	switch draining := e.core.draining.Load(); {
	case taken:
		c.begin()
		c.protect(c.takeOver)
		if draining {
			goAway(c)
		}
	case draining:
		c.leaveOut() // or those who go on coming would hold up the end
		goAway(c)
	case enrolled:
		c.request()
	default:
		err := e.srv.admitSocket(c)
		if err == nil {
			return nil, gnet.None
		}
		c.refuse(err)
	}
	if c.settle() || enrolled && c.tls() != nil && c.turn(nil) { // it may have read more than its handshake
		return nil, gnet.Close
	}
	return nil, gnet.None
}

// OnTraffic is called when bytes have arrived.
func (e *engine) OnTraffic(g gnet.Conn) gnet.Action {
	p, _ := g.Next(-1) // always all: what is left behind gnet copies
	c, ok := g.Context().(*Conn)
	if !ok {
		return gnet.Close
	}
	if c.turn(p) {
		return gnet.Close
	}
	return gnet.None
}

// OnClose is called once for each connection, before its descriptor is closed.
func (e *engine) OnClose(g gnet.Conn, err error) gnet.Action {
	if c, ok := g.Context().(*Conn); ok {
		c.gone(err)
	}
	return gnet.None
}

// loop returns what belongs to gnet's loop el.
func (e *engine) loop(el gnet.EventLoop) *loop {
	if l, ok := e.loops.Load(el); ok {
		return l.(*loop)
	}
	l := &loop{engine: e, cfg: e.cfg, events: el}
	l.wheel.now = e.now()
	l.inbox, l.taken = make([]task, 0, tasksAtFirst), make([]task, 0, tasksAtFirst)
	l.batch = e.core.newBatch()
	l.counts, l.number = e.core.tally.newLoop()
	l.fan.took = &l.counts.fanout
	e.loops.Store(el, l) // only the loop itself asks for it
	if e.over.Load() {   // OnShutdown may not have seen it
		l.stop()
	}
	return l
}

func (e *engine) eachLoop(f func(*loop)) {
	e.loops.Range(func(_, l any) bool {
		f(l.(*loop))
		return true
	})
}

// copyAddr returns an address that stays valid: gnet takes the zone of an IPv6 address back when
// the connection closes.
func copyAddr(a net.Addr) net.Addr {
	if t, ok := a.(*net.TCPAddr); ok && t.Zone != "" {
		c := *t
		c.Zone = string(append([]byte(nil), t.Zone...))
		return &c
	}
	return a
}

// errLoopEnded is why a connection ends that gnet closes by itself: see engine.run.
var errLoopEnded = errors.New("reactor: the event loop has ended")

// gone takes leave of a connection whose descriptor is about to be closed.
func (c *Conn) gone(cause error) {
	l := c.loop
	e := l.engine
	c.mu.Lock()
	c.forget()
	c.endDeflate()
	c.endWriter()
	if cause == nil && e.srv != nil && !e.srv.life.stopping.Load() { // gnet has closed it, and not for us
		cause = errLoopEnded
	}
	c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: cause})
	err := c.reason()
	if s := c.tls(); s != nil {
		s.end()
	}
	subscribed := c.rare.subs != nil
	leftOut := c.rare.leftOut
	c.mu.Unlock()

	if subscribed {
		e.srv.topics.leave(c)
	}
	if !c.isOpen() {
		c.endProxyHead()
		c.endHandshake()
		c.endAuthorization(net.ErrClosed)
		c.dialed(fmt.Errorf("reactor: the connection ended during the opening handshake: %w", err))
	}
	c.decoder.Release()
	l.wheel.drop(c)
	if c.isOpen() {
		countIn(&e.core.tally, &e.core.tally.closed, CloseKind{err.Code, err.Remote})
		c.protect(func() { c.handler().OnClose(c, err) })
		tellEnded(c.takeEnded(), err)
	}
	if e.srv != nil {
		e.srv.admission.leave(c)
	}
	if !leftOut {
		e.core.lost()
	}
}
