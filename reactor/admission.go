package reactor

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"example.org/weir/codec"
)

// admission decides which connections a server takes, before any of the work that they cause.
type admission struct {
	mu     sync.Mutex
	conns  map[netip.Addr]int // by client, as clientKey has it
	bucket bucket             // of opening handshakes
}

// bucket is a token bucket: it holds up to a second's worth of tokens, and is full at first.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes a token, of which there are rate each second. It reports false when there is none.
func (b *bucket) take(rate int, now time.Time) bool {
	full := float64(rate)
	if b.at.IsZero() {
		b.tokens = full
	} else {
		b.tokens = min(full, b.tokens+now.Sub(b.at).Seconds()*full)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

var (
	errTooManyFromOne = &codec.HandshakeError{
		Status: 429, Text: "There are as many connections from your address as the server accepts. Close one first.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "10"}},
	}
	errTooManyNow = &codec.HandshakeError{
		Status: 503, Text: "Too many clients are connecting at the moment. Try again in a moment.",
		Fields: []codec.Field{{Name: "Retry-After", Value: "1"}},
	}
)

// admitSocket decides about a connection that has just come, of whose client nothing but the address of its
// socket is known. Those that are refused for their address take no part of the rate, which is everybody's.
func (s *Server) admitSocket(c *Conn) error {
	if !s.hasProxies() || !s.behindProxy(c) { // else the client's address is still to come: see admitClient
		if err := s.admitClient(c); err != nil {
			return err
		}
	}
	return s.admitNow()
}

// admitNow decides whether one more connection may come at present.
func (s *Server) admitNow() error {
	if s.HandshakeRate <= 0 {
		return nil
	}
	a := &s.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.bucket.take(s.HandshakeRate, time.Now()) {
		return errTooManyNow
	}
	return nil
}

// admitClient decides about a connection whose client's address is known, unless that has been done.
func (s *Server) admitClient(c *Conn) error {
	key, ok := clientKey(c.RemoteAddr())
	if s.MaxConnsPerIP <= 0 || !ok {
		return nil
	}
	c.mu.Lock()
	counted := c.flags.has(flagCounted)
	c.flags.set(flagCounted)
	c.mu.Unlock()
	if counted {
		return nil
	}
	a := &s.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns == nil {
		a.conns = make(map[netip.Addr]int)
	}
	a.conns[key]++
	if a.conns[key] > s.MaxConnsPerIP {
		return errTooManyFromOne
	}
	return nil
}

// leave forgets a connection that has gone.
func (a *admission) leave(c *Conn) {
	if c.uncount() {
		a.forget(c.RemoteAddr())
	}
}

// uncount leaves it to the caller to have admission forget c, if it reports true.
func (c *Conn) uncount() (counted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted = c.flags.has(flagCounted)
	c.flags.clear(flagCounted)
	return counted
}

// forget forgets a connection of the client at addr.
func (a *admission) forget(addr net.Addr) {
	key, _ := clientKey(addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns[key]--; a.conns[key] <= 0 {
		delete(a.conns, key)
	}
}

// clientKey is what the connections of one client have in common: its address, of IPv6 the first 64 bits,
// which one household or host has to itself. ok is false for a Unix socket.
func clientKey(addr net.Addr) (key netip.Addr, ok bool) {
	t, ok := addr.(*net.TCPAddr)
	if !ok {
		return key, false
	}
	key = t.AddrPort().Addr().Unmap().WithZone("")
	if key.Is6() {
		p, _ := key.Prefix(64)
		key = p.Addr()
	}
	return key, key.IsValid()
}
