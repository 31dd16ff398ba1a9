package reactor

import (
	"context"
	"net"
	"sync"
	"time"
)

// A server with SharePort that shuts down leaves its port to the other processes that listen there. gnet has
// no way to close a listener while its loops run, a listener that is closed resets what waits in its queue, and
// until it is closed the kernel gives it its part of the new connections. So:
//
//  1. The kernel is asked to prefer the listeners of others (a program that chooses among those that
//     share the port), and to drop at ours the segments that begin a connection (a socket filter), which are
//     sent again a second later, and then to others.
//  2. The loops go on accepting for as long as handshakes of TCP may take that had begun before.
//  3. Each listener whose queue is empty is taken out of its loop's epoll instance, and closed. gnet keeps its
//     number, behind which there is another socket now, with which nobody connects.
//
// Only TCP over Linux can do that. Elsewhere, and on Unix sockets, new connections are refused with 503 as long
// as the server drains.

// leaveGrace is how long the loops go on accepting connections that had begun.
const leaveGrace = 300 * time.Millisecond

// sharedPort is what an engine knows of its listeners, which share their port with each other at least.
type sharedPort struct {
	mu        sync.Mutex
	shared    bool       // with other processes; only then it is left
	addrs     []net.Addr // none: they are not known
	loops     int
	listeners []sharedListener
	deaf      bool // the listeners are out of their loops' epoll instances: see engine.guard
}

// claiming keeps servers of one process that start at the same time from taking each other's listeners
// for theirs.
var claiming sync.Mutex

// claimPorts finds the listeners that gnet has made.
func (s *Server) claimPorts(groups []listenerGroup) {
	claiming.Lock()
	defer claiming.Unlock()
	for i, g := range groups {
		if e := s.core.engines[i]; g.reuse {
			e.port.shared = s.SharePort
			e.port.addrs, e.port.loops = g.bound, s.settings().loopCount()
			e.claimPort()
		}
	}
}

// reclaimPort finds the listeners of an engine that has been started again.
func (e *engine) reclaimPort() {
	claiming.Lock()
	defer claiming.Unlock()
	e.claimPort()
}

// claimPort finds the listeners of the engine. claiming is held.
func (e *engine) claimPort() {
	if len(e.port.addrs) == 0 || e.port.claim() {
		return
	}
	loss := "the event loops end if file descriptors are used up"
	if e.port.shared {
		loss += ", and new connections get 503 while the server drains, where other processes could take them"
	}
	e.core.cfg.log.Warn("cannot tell which sockets listen (it takes /proc): "+loss, "addrs", e.port.addrs)
}

// leavePorts leaves all ports that are shared. What has been accepted until then is served. It takes no
// longer than ctx.
func (s *Server) leavePorts(ctx context.Context) {
	var leaving sync.WaitGroup
	for _, e := range s.core.engines {
		leaving.Go(func() {
			if err := e.port.leave(ctx); err != nil {
				s.core.cfg.log.Warn("cannot leave the port to other processes; new connections get 503", "err", err)
			}
		})
	}
	leaving.Wait()
}
