package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// guest is who a client is and what it may do, as the gatekeeper has found out. Where there is a gatekeeper each
// connection has one as its Data.
type guest struct {
	user    string    // "" for nobody
	may     []*grants // each of which must allow it; with none everything is allowed
	expires time.Time // zero for never

	app   any         // what the app keeps of the connection
	timer *time.Timer // for expires; the handler's
}

// maxUser is how long a user's name may be, in bytes: as a sub (OpenID Connect Core 1.0, 2).
const maxUser = 255

var errLongUser = fmt.Errorf("the user has a name of more than %d bytes", maxUser)

func guestOf(c *reactor.Conn) *guest {
	g, _ := c.Data.(*guest)
	return g
}

// userOf returns who the client is, "" where that is not known. It is for the handlers of c.
func userOf(c *reactor.Conn) string {
	if g := guestOf(c); g != nil {
		return g.user
	}
	return ""
}

// keep keeps an app's data of a connection.
func keep(c *reactor.Conn, data any) {
	if g := guestOf(c); g != nil {
		g.app = data
		return
	}
	c.Data = data
}

// kept returns what keep has kept.
func kept(c *reactor.Conn) any {
	if g := guestOf(c); g != nil {
		return g.app
	}
	return c.Data
}

// grants are the topics that a client may use, as patterns. It may use no other.
type grants struct {
	Subscribe []string `json:"subscribe"`
	Publish   []string `json:"publish"`
}

// parseGrants reads the value of the claim weir; none is nil.
func parseGrants(claim json.RawMessage) (*grants, error) {
	var g *grants // which null leaves nil
	if len(claim) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(claim, &g); err != nil {
		return nil, errors.New(`want {"subscribe": [patterns], "publish": [patterns]}`)
	}
	return g, g.check()
}

// check finds patterns that are none: what they were meant to allow is unknown.
func (g *grants) check() error {
	if g == nil {
		return nil
	}
	for _, p := range slices.Concat(g.Subscribe, g.Publish) {
		if !reactor.ValidPattern(p) {
			return fmt.Errorf("%.80q is no topic or pattern", p)
		}
	}
	return nil
}

// allow adds grants to those that are to allow what the client does; nil adds none.
func (g *guest) allow(more *grants) {
	if more != nil {
		g.may = append(g.may, more)
	}
}

// allowed reports whether all topics that a pattern matches are granted, by those grants that choose returns.
func (g *guest) allowed(pattern string, choose func(*grants) []string) bool {
	return g == nil || !slices.ContainsFunc(g.may, func(may *grants) bool {
		return !reactor.PatternCovered(pattern, choose(may))
	})
}

// timed is a handler whose connections are closed when the tokens of their clients expire.
type timed struct{ reactor.Handler }

// OnOpen sets the timer of the client's token. Unauthorized (IANA's WebSocket Close Code Number Registry) tells the
// client that it needs another one; 1008, which RFC 8887 4.2 has for this, is also what limits are kept with.
func (h timed) OnOpen(c *reactor.Conn) {
	if g := guestOf(c); g != nil && !g.expires.IsZero() {
		g.timer = time.AfterFunc(time.Until(g.expires), func() {
			_ = c.Close(codec.CloseUnauthorized, "the token has expired") // unless it is closing anyway
		})
	}
	h.Handler.OnOpen(c)
}

// OnClose ends the timer, which would keep the connection in memory.
func (h timed) OnClose(c *reactor.Conn, err error) {
	if g := guestOf(c); g != nil && g.timer != nil {
		g.timer.Stop()
	}
	h.Handler.OnClose(c, err)
}
