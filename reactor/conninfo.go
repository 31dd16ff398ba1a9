package reactor

import (
	"net"
	"time"
	"unique"

	"example.org/weir/codec"
)

// ConnInfo is what is known of a connection. What TrackConns says is zero without Server.TrackConns.
type ConnInfo struct {
	Remote   net.Addr // the client, as Conn.RemoteAddr has it
	Buffered int      // bytes that wait to be sent, as Conn.BufferedAmount has it

	ID             uint64    // TrackConns: of no other connection of the server; those that came later have larger ones
	Path           string    // TrackConns: of the request, without its query; the first 256 bytes
	Since          time.Time // TrackConns: when the request was accepted
	Received, Sent ConnTraffic
	Ping           time.Duration // TrackConns: from the last ping for a silent client to its pong; 0: there was none
}

// ConnTraffic is what a connection has carried in one direction, with TrackConns.
type ConnTraffic struct {
	Messages uint64 // text or binary
	Bytes    uint64 // with frame headers and the handshake, beneath TLS
}

// Info returns what is known of the connection, also after it has closed: OnClose may log it.
func (c *Conn) Info() ConnInfo {
	remote := c.RemoteAddr()
	c.mu.Lock()
	defer c.mu.Unlock()
	i := ConnInfo{Remote: remote, Buffered: c.pending() + c.behindWriter()}
	if t := c.track(); t != nil {
		i.ID, i.Path, i.Since = t.id, t.path.Value(), t.since
		i.Received, i.Sent, i.Ping = t.received, t.sent, t.ping
	}
	return i
}

// track is what Server.TrackConns keeps of a connection. It is guarded by Conn.mu.
type track struct {
	id             uint64
	path           unique.Handle[string] // which many have in common
	since          time.Time
	received, sent ConnTraffic
	ping           time.Duration
}

// maxTrackedPath is how much of a path is kept, in bytes.
const maxTrackedPath = 256

func (c *core) newTrack(r *codec.Request) *track {
	path := r.Path()
	return &track{
		id:    c.lastID.Add(1),
		path:  unique.Make(string(path[:min(len(path), maxTrackedPath)])),
		since: time.Now(),
	}
}

func (t *ConnTraffic) message(op codec.Opcode) {
	if !op.IsControl() {
		t.Messages++
	}
}

// trackReceived is called at the end of a turn in which n bytes have arrived, by its loop.
func (c *Conn) trackReceived(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.track(); t != nil {
		t.received.Bytes += uint64(n)
	}
}

// trackMessage is called for each message that has arrived, by its loop.
func (c *Conn) trackMessage(op codec.Opcode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.track(); t != nil {
		t.received.message(op)
	}
}

// trackPing is called with the time that a client took to answer a ping, by its loop.
func (c *Conn) trackPing(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.track(); t != nil {
		t.ping = d
	}
}

// The methods from here on are called with c.mu held.

// track returns what is kept of c, nil for nothing.
func (c *Conn) track() *track {
	if c.rare == nil {
		return nil
	}
	return c.rare.track
}

// sentMessage counts a message or control frame that is sent, with a payload of n bytes, or what of that has not
// been counted by itself.
func (c *Conn) sentMessage(op codec.Opcode, n int) {
	c.loop.counts.sent.add(messageType(op), 1, uint64(n))
	if c.loop.cfg.track {
		if t := c.track(); t != nil {
			t.sent.message(op)
		}
	}
}

// sentBytes counts bytes that the socket has taken.
func (c *Conn) sentBytes(n int) {
	c.loop.counts.sent.bytes.Add(uint64(n))
	if c.loop.cfg.track {
		if t := c.track(); t != nil {
			t.sent.Bytes += uint64(n)
		}
	}
}
