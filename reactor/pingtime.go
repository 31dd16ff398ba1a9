package reactor

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// The pings that are sent to silent clients say when that was. The pong brings it back (RFC 6455 5.5.3), so
// that the time to the client and back costs a connection no memory. It is mixed with a secret, so that no
// client can make one up.

// pingClock makes the payloads of pings and reads those of pongs.
type pingClock struct {
	epoch  time.Time
	secret uint64
}

func newPingClock() pingClock { return pingClock{time.Now(), rand.Uint64()} }

// payload returns what a ping that is sent now carries.
func (p *pingClock) payload() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(time.Since(p.epoch))^p.secret)
}

// since returns how long ago the ping was sent whose payload has come back; ok is false for a payload that
// is none of ours, or is older than longest.
func (p *pingClock) since(payload []byte, longest time.Duration) (d time.Duration, ok bool) {
	if len(payload) != 8 {
		return 0, false
	}
	now := time.Since(p.epoch)
	sent := time.Duration(binary.BigEndian.Uint64(payload) ^ p.secret)
	return now - sent, sent >= 0 && sent <= now && now-sent <= longest
}

// pongCame notes how long a silent client took to answer.
func (c *Conn) pongCame(payload []byte) {
	l := c.loop
	if d, ok := l.engine.core.pings.since(payload, time.Duration(l.cfg.idle)*l.cfg.tick); ok {
		l.counts.ping.observe(d)
		if l.cfg.track {
			c.trackPing(d)
		}
	}
}
