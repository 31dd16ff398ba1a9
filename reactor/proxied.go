package reactor

import (
	"errors"
	"iter"
	"net"
	"net/netip"

	"example.org/weir/codec"
)

// ForwardedField is the field of a request in which proxies tell who the client is.
type ForwardedField uint8

// The fields to choose from. One only, for a proxy that sets one hands on the other as the client made it up.
const (
	// ForwardedX is X-Forwarded-For, which nearly all proxies set.
	ForwardedX ForwardedField = iota
	// ForwardedStandard is Forwarded (RFC 7239).
	ForwardedStandard
	// ForwardedNone is neither: only the PROXY protocol counts.
	ForwardedNone
)

// checkProxies finds what cannot be meant.
func (s *Server) checkProxies() error {
	for _, p := range s.TrustedProxies {
		if !p.IsValid() {
			return errors.New("reactor: Server.TrustedProxies has a prefix that is not valid")
		}
	}
	if s.ProxyProtocol && !s.hasProxies() {
		return errors.New("reactor: Server.ProxyProtocol needs TrustedProxies or TrustUnix: anyone else's header would be a lie")
	}
	return nil
}

// hasProxies reports whether there is anyone to believe.
func (s *Server) hasProxies() bool { return len(s.TrustedProxies) > 0 || s.TrustUnix }

// trusts reports whether a is the address of a trusted proxy.
func (s *Server) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range s.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// behindProxy reports whether the peer of c, as far as it is known, is a trusted proxy. A Unix socket that a
// PROXY header tells of is on another machine, and not one that is trusted.
func (s *Server) behindProxy(c *Conn) bool {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return s.trusts(a.AddrPort().Addr())
	}
	return s.TrustUnix && !c.isTold()
}

// isTold reports whether RemoteAddr is what a proxy tells.
func (c *Conn) isTold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rare != nil && c.rare.remote != nil
}

// told takes a proxy's word for who the client is.
func (c *Conn) told(client net.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rarely().remote = client
}

// readProxy takes the PROXY header from p, and with it the client's address. It returns what follows the
// header. Without a good one the connection is closed, and nothing is said: nobody knows what the peer speaks.
func (c *Conn) readProxy(p []byte) (rest []byte) {
	head := c.proxyHead(p)
	h, n, err := codec.ParseProxyHeader(head)
	switch {
	case err != nil:
		c.loop.cfg.log.Debug("a trusted proxy sent no good PROXY header; closing the connection", "err", err, "remote", c.RemoteAddr())
		c.mu.Lock()
		c.because(&codec.CloseError{Code: codec.CloseAbnormal, Cause: err})
		c.cutOff()
		c.mu.Unlock()
		return nil
	case n == 0:
		c.keepProxyHead(p)
		return nil
	case h.Source.IsValid():
		c.told(net.TCPAddrFromAddrPort(h.Source))
	case h.Unix:
		c.told(&net.UnixAddr{Name: h.SourcePath, Net: "unix"})
	}
	c.endProxyHead()
	c.phase = phaseHandshake
	return p[len(p)-(len(head)-n):]
}

// proxyHead returns all that has arrived, of which p is the last.
func (c *Conn) proxyHead(p []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil || c.rare.proxy == nil {
		return p
	}
	kept := c.rare.proxy
	kept.B = append(kept.B, p...)
	return kept.B
}

// keepProxyHead keeps p, which has arrived of a header, until the rest has.
func (c *Conn) keepProxyHead(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rarely(); r.proxy == nil {
		r.proxy = getBuffer()
		r.proxy.B = append(r.proxy.B, p...)
	}
}

// endProxyHead gives back what a header was kept in.
func (c *Conn) endProxyHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rare; r != nil && r.proxy != nil {
		putBuffer(r.proxy)
		r.proxy = nil
	}
}

// takeForwarded takes the client's address from what proxies have written into the request. It returns the
// error with which the request is to be refused.
func (c *Conn) takeForwarded(r *codec.Request) error {
	srv := c.loop.engine.srv
	if !srv.believes(c) {
		return nil
	}
	client, err := srv.forwardedFor(r.Values)
	if client.IsValid() {
		c.told(net.TCPAddrFromAddrPort(client))
	}
	return err
}

// believes reports whether the fields of c's requests say who the client is.
func (s *Server) believes(c *Conn) bool {
	return s.Forwarded != ForwardedNone && s.hasProxies() && s.behindProxy(c)
}

// forwardedFor returns the client that proxies tell of in the fields of a request, if they do. Each hop is
// told by the one behind it, so that the list is read from its end, as long as those who tell are trusted:
// the first that is not is the client. A hop without an address ends it too; the address of the one who hides
// it stands then.
func (s *Server) forwardedFor(values func(name string) iter.Seq[[]byte]) (client netip.AddrPort, err error) {
	var hops []netip.AddrPort
	if s.Forwarded == ForwardedX {
		for value := range values("X-Forwarded-For") {
			hops = codec.AppendXForwardedFor(hops, value)
		}
	} else {
		for value := range values("Forwarded") {
			if hops, err = codec.AppendForwarded(hops, value); err != nil {
				return client, err
			}
		}
	}
	return s.clientOf(hops), nil
}

// clientOf returns the client that hops lead to, if they lead anywhere.
func (s *Server) clientOf(hops []netip.AddrPort) (client netip.AddrPort) {
	for i := len(hops) - 1; i >= 0 && hops[i].IsValid(); i-- {
		client = hops[i]
		if !s.trusts(client.Addr()) {
			break
		}
	}
	return client
}
