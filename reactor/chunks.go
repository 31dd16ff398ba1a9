package reactor

import "example.org/weir/codec"

// ChunkHandler is a Handler that takes long messages in chunks, as they arrive, instead of whole: those that are
// longer than Server.StreamFrom. Memory is then needed neither for such a message nor for what waits to be gathered,
// and Server.MaxStream takes the place of Server.MaxMessage. It is to be the Handler itself: Workers takes whole
// messages, whatever its own Handler is.
type ChunkHandler interface {
	Handler
	// OnChunk is called with each chunk of a long message, in order, and never overlaps with the other methods. The
	// first has First set, the last Final; no chunk of another message comes between, nor does OnMessage. The
	// boundaries mean nothing: a chunk of a text may end inside a character, though all of them together are valid
	// UTF-8, as far as they have come. ch.Payload belongs to the handler until it returns.
	//
	// A message may break off: OnClose then comes without a Final chunk before it. What has come of a compressed
	// message may also be all that there is before the fault for which the connection is closed.
	OnChunk(c *Conn, ch codec.Chunk)
}

// streaming is how messages are streamed for handlers that take chunks.
func (s *settings) streaming() *codec.Streaming {
	from := max(s.streamFrom, 0)
	if s.streamFrom == 0 {
		from = defaultStreamFrom
	}
	return &codec.Streaming{
		From: uint64(min(from, limit(s.maxMessage, defaultMaxMessage))),
		Max:  uint64(limit(s.maxStream, defaultMaxStream)),
	}
}

// decoding returns the configuration that c decodes by. A client's handler is the connection's own, and so is its
// configuration if that handler takes chunks.
func (c *Conn) decoding(shared *codec.DecoderConfig) *codec.DecoderConfig {
	if c.loop.cfg.handler != nil {
		return shared
	}
	if _, ok := c.rare.handler.(ChunkHandler); !ok {
		return shared
	}
	own := *shared
	own.Stream = c.loop.cfg.streaming
	return &own
}

// received gives a message or a chunk to the handler.
func (c *Conn) received(m codec.Message) {
	if chunk, ok := m.Chunk(); ok {
		c.handler().(ChunkHandler).OnChunk(c, chunk)
		return
	}
	c.handler().OnMessage(c, m)
}
