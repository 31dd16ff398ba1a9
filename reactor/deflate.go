package reactor

import (
	"iter"

	"example.org/weir/codec"
)

// deflating is permessage-deflate (RFC 7692) as it was agreed on. Connections without context takeover
// share one for all that agreed on the same parameters.
type deflating struct {
	params   codec.DeflateParams
	deflater *codec.Deflater
	decoder  codec.DecoderConfig // with an Inflater
	leased   int64               // bytes of Server.DeflateMemory
}

// acceptDeflate chooses among what a client offers; nil is no compression. A connection for whose
// context there is no memory left compresses each message by itself.
func (c *core) acceptDeflate(offers iter.Seq[codec.Extension]) *deflating {
	if c.cfg.deflate == nil {
		return nil
	}
	p, ok := c.cfg.deflate.Accept(offers)
	if !ok {
		return nil
	}
	need := int64(c.cfg.deflate.Memory(p, codec.Server))
	if need > 0 && c.leased.Add(need) > c.cfg.deflateMemory {
		c.leased.Add(-need)
		without := *c.cfg.deflate
		without.ServerContextTakeover, without.ClientContextTakeover = false, false
		p, _ = without.Accept(offers)
		need = 0
	}
	return c.deflating(p, need)
}

// deflating returns what belongs to the parameters p.
func (c *core) deflating(p codec.DeflateParams, leased int64) *deflating {
	if shared, ok := c.deflatings.Load(p); ok {
		return shared.(*deflating)
	}
	role := c.cfg.decoder.Role
	d := &deflating{
		params:   p,
		deflater: c.cfg.deflate.NewDeflater(p, role),
		decoder:  c.cfg.decoder,
		leased:   leased,
	}
	d.decoder.Inflater = codec.NewInflater(p, role)
	if !d.deflater.Takeover() && !d.decoder.Inflater.Takeover() {
		shared, _ := c.deflatings.LoadOrStore(p, d)
		return shared.(*deflating)
	}
	return d
}

// Deflate returns the parameters of permessage-deflate that were agreed on for the connection; ok is
// false where messages are not compressed.
func (c *Conn) Deflate() (p codec.DeflateParams, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.deflating(); d != nil {
		return d.params, true
	}
	return p, false
}

// deflating returns how c compresses, nil if it does not. It is called with c.mu held.
func (c *Conn) deflating() *deflating {
	if c.rare == nil {
		return nil
	}
	return c.rare.deflate
}

// inflates reports whether messages may arrive compressed. It is the loop's.
func (c *Conn) inflates() bool {
	if c.loop.cfg.deflate == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deflating() != nil
}

// endDeflate gives the memory of the contexts back. It is called with c.mu held, once.
func (c *Conn) endDeflate() {
	if d := c.deflating(); d != nil {
		c.loop.engine.core.leased.Add(-d.leased)
	}
}
