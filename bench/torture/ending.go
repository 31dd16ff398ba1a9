package torture

import (
	"fmt"
	"time"

	"example.org/weir/bench/rawpeer"
)

// patience is how long anything that should come at once is waited for.
const patience = 10 * time.Second

// ending is how a connection ended, in few and always the same words.
type ending string

// The endings that do not come with a code.
const (
	cut       ending = "cut"        // by the server, without a word
	stillOpen ending = "still open" // when it was given up
	upgraded  ending = "upgraded"   // a head that should not have been
	byUs      ending = "left by us" // closed or reset on purpose
)

func closedWith(code int) ending {
	if code == 0 {
		return "closed without a code"
	}
	return ending(fmt.Sprintf("closed with %d", code))
}

func answered(status int) ending {
	if status >= 400 {
		return ending(fmt.Sprintf("refused with %d", status))
	}
	return ending(fmt.Sprintf("answered with %d", status))
}

// endingOf says which ending a failed read or write stands for.
func endingOf(err error) ending {
	switch end, other := rawpeer.EndOf(err); {
	case other != nil:
		return ending("failed: " + other.Error())
	case end == rawpeer.EndTimeout:
		return stillOpen
	}
	return cut
}

// answer waits for the reply to whatever was sent instead of a request.
func answer(c *rawpeer.Conn, within time.Duration) ending {
	c.Within(within)
	resp, err := c.ReadResponse()
	switch {
	case resp != nil && resp.Status == 101:
		return upgraded
	case resp != nil && resp.Status > 0:
		return answered(resp.Status)
	case err == nil:
		return cut
	}
	if _, other := rawpeer.EndOf(err); other != nil {
		return "answered, but not in HTTP"
	}
	return endingOf(err)
}

// maxFrame is the largest frame that is read from the server, in bytes.
const maxFrame = 64 << 20

// watch reads frames until the close frame, the end of the connection or, when none comes within
// that time, until it is given up. It gives each to see, unless that is nil, which ends it by
// returning true; the ending is empty then.
func (a *attack) watch(c *rawpeer.Conn, within time.Duration, see func(*rawpeer.Frame) bool) ending {
	var e ending
	end := a.watchOn(c, within, func(f *rawpeer.Frame) bool {
		if see != nil && see(f) {
			return true
		}
		if f.Opcode == rawpeer.OpClose {
			e = closedWith(f.CloseCode())
		}
		return e != ""
	})
	if e != "" {
		return e
	}
	return end
}

// watchOn is watch, which a close frame does not end.
func (a *attack) watchOn(c *rawpeer.Conn, within time.Duration, see func(*rawpeer.Frame) bool) ending {
	c.Within(within)
	for {
		f, err := c.ReadFrame(maxFrame)
		if err != nil {
			return endingOf(err)
		}
		a.checkFrame(&f)
		if see(&f) {
			return ""
		}
	}
}

// checkFrame holds the server to what no server may send, whatever it was sent itself.
func (a *attack) checkFrame(f *rawpeer.Frame) {
	switch {
	case f.Masked: // RFC 6455 5.1
		a.fault("the server sent a masked frame")
	case f.RSV != 0: // 5.2; no abuse that lets a server compress comes here
		a.fault("the server sent a frame with reserved bits")
	case f.Opcode > rawpeer.OpBinary && f.Opcode < rawpeer.OpClose || f.Opcode > rawpeer.OpPong:
		a.fault("the server sent a frame with the reserved opcode %d", f.Opcode)
	case f.IsControl() && (!f.FIN || len(f.Payload) > 125): // 5.5
		a.fault("the server sent a control frame that is fragmented or too long")
	case f.Opcode == rawpeer.OpClose && len(f.Payload) > 0 && !mayBeSent(f.CloseCode()): // 7.4
		a.fault("the server sent the close code %d, which may not be sent", f.CloseCode())
	}
}

// mayBeSent reports whether a close code may be in a frame (RFC 6455 7.4, and IANA's registry).
func mayBeSent(code int) bool {
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999
}
