package codec

import "strconv"

// deflateName is the extension-token of permessage-deflate (RFC 7692 7).
const deflateName = "permessage-deflate"

// The parameters of permessage-deflate (RFC 7692 7.1).
const (
	serverNoContextTakeover = "server_no_context_takeover"
	clientNoContextTakeover = "client_no_context_takeover"
	serverMaxWindowBits     = "server_max_window_bits"
	clientMaxWindowBits     = "client_max_window_bits"
)

// The sliding window has 1<<8 to 1<<15 bytes; 15 is what the absence of a parameter means (RFC 7692 7.1.2).
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// Deflate is what an endpoint wants of permessage-deflate (RFC 7692), in either role. Its zero value is ready:
// no context takeover, which keeps nothing per connection, and the largest window. It is only read, and may be
// shared.
type Deflate struct {
	// ServerContextTakeover lets the server compress a message with reference to those before it, if the client
	// agrees. It costs the server Context bytes for each connection and the client the window.
	ServerContextTakeover bool
	// ClientContextTakeover lets the client do so. It costs the client Context bytes and the server the window.
	ClientContextTakeover bool
	// ServerMaxWindowBits and ClientMaxWindowBits limit the window that each side compresses with, to 1<<bits
	// bytes: 9 to 15, and 0 means 15. 8 is taken for 9, because zlib makes no raw stream of 8 and a peer that
	// uses it would decline; a peer that itself asks for 8 gets it.
	ServerMaxWindowBits int
	ClientMaxWindowBits int
	// Threshold is the length in bytes from which messages are compressed; shorter ones gain nothing. 0 means
	// 256, or 128 for a side with context takeover; a negative number compresses all. With context takeover a
	// message of fewer than 128 bytes costs an allocation.
	Threshold int
	// Context is how many bytes of what was sent last a side with context takeover remembers for each
	// connection, at most the window and 32768: more compresses better and costs memory and time. 0 means 1024.
	Context int
}

// DeflateParams are the parameters that both sides agreed on, which are also the parameters of the server's
// response. It is comparable.
type DeflateParams struct {
	// ServerNoContextTakeover: the server compresses each message by itself (RFC 7692 7.1.1.1).
	ServerNoContextTakeover bool
	// ClientNoContextTakeover: the client compresses each message by itself (RFC 7692 7.1.1.2).
	ClientNoContextTakeover bool
	// ServerMaxWindowBits: the server's window has at most 1<<bits bytes (RFC 7692 7.1.2.1). 8 to 15; 0, for a
	// parameter that is absent, means 15.
	ServerMaxWindowBits uint8
	// ClientMaxWindowBits is the same for the client's window (RFC 7692 7.1.2.2).
	ClientMaxWindowBits uint8
}

// AppendTo appends the parameters as an element of a Sec-WebSocket-Extensions field: what a server responds.
func (p DeflateParams) AppendTo(dst []byte) []byte {
	dst = append(dst, deflateName...)
	if p.ServerNoContextTakeover {
		dst = append(dst, "; "+serverNoContextTakeover...)
	}
	if p.ClientNoContextTakeover {
		dst = append(dst, "; "+clientNoContextTakeover...)
	}
	if p.ServerMaxWindowBits != 0 {
		dst = append(dst, "; "+serverMaxWindowBits+"="...)
		dst = strconv.AppendUint(dst, uint64(p.ServerMaxWindowBits), 10)
	}
	if p.ClientMaxWindowBits != 0 {
		dst = append(dst, "; "+clientMaxWindowBits+"="...)
		dst = strconv.AppendUint(dst, uint64(p.ClientMaxWindowBits), 10)
	}
	return dst
}

// String returns what AppendTo appends.
func (p DeflateParams) String() string { return string(p.AppendTo(nil)) }

// Memory returns how many bytes a connection of the endpoint in role keeps at most between messages once p has
// been agreed on: the Context of what it sends and the window of what it receives, as far as there is context
// takeover.
func (c *Deflate) Memory(p DeflateParams, role Role) int {
	return c.NewDeflater(p, role).context + NewInflater(p, role).size
}

// of returns how the endpoint in role compresses: with context takeover or without, and with which window.
func (p DeflateParams) of(role Role) (takeover bool, bits uint8) {
	takeover, bits = !p.ServerNoContextTakeover, p.ServerMaxWindowBits
	if role == Client {
		takeover, bits = !p.ClientNoContextTakeover, p.ClientMaxWindowBits
	}
	if bits == 0 {
		bits = maxWindowBits
	}
	return takeover, bits
}

// limitBits returns the limit that a field of Deflate sets.
func limitBits(bits int) uint8 {
	if bits == 0 {
		return maxWindowBits
	}
	return uint8(min(max(bits, minWindowBits+1), maxWindowBits))
}
