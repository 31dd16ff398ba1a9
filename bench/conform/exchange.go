package conform

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/weir/bench/rawpeer"
)

// openTime is how long the server may take for the opening handshake.
const openTime = 5 * time.Second

// exchange is a script of frames with what must come of it.
type exchange struct {
	writes []write
	// want is what has to arrive, exactly and in this order, before the end.
	want []event
	// lenient are sequences that are not wrong, but not what is best either.
	lenient [][]event
	// informational says that any sequence will do.
	informational bool
	ending        ending
	// limit is the time for all of want; never less than Options.Patience.
	limit time.Duration
	// size is that of the largest message, where the server may refuse it with 1009.
	size  int
	offer rawpeer.Options
}

// write is bytes to send in pieces of chops bytes, or all at once if that is 0. Before the next write
// await events have to be there.
type write struct {
	data  []byte
	chops int
	await int
}

// whole writes frames at once.
func whole(frames ...rawpeer.Frame) []write { return chopped(0, frames...) }

// chopped writes frames in pieces of n bytes.
func chopped(n int, frames ...rawpeer.Frame) []write {
	return []write{{data: rawpeer.Bytes(frames...), chops: n}}
}

// framewise writes each frame with a write of its own.
func framewise(frames ...rawpeer.Frame) []write {
	var ws []write
	for _, f := range frames {
		ws = append(ws, whole(f)...)
	}
	return ws
}

// exchange opens a WebSocket and plays x.
func (a *attempt) exchange(x exchange) {
	conn := a.open(x.offer)
	if conn == nil {
		return
	}
	w := watch(conn)
	defer w.close()
	a.play(w, x)
}

// open opens a WebSocket, or gives the verdict and returns nil.
func (a *attempt) open(offer rawpeer.Options) *rawpeer.Conn {
	if a.closed != nil {
		a.say(Skipped, "", "no WebSocket can be opened: "+a.closed.Error())
		return nil
	}
	conn, err := a.dial(a.ctx)
	if err != nil {
		a.say(Failed, "a connection", err.Error())
		return nil
	}
	conn.Within(max(openTime, a.opts.Patience))
	if _, err = conn.Handshake(offer); err != nil {
		conn.Close()
		a.say(Failed, "an opening handshake", err.Error())
		return nil
	}
	conn.Within(0)
	return conn
}

// play plays x on an open WebSocket and gives the verdict.
func (a *attempt) play(w *wire, x exchange) {
	limit := max(x.limit, a.opts.Patience)
	for _, wr := range x.writes {
		if w.send(wr.data, wr.chops) != nil {
			break // the server has ended it; what came until then is judged
		}
		if wr.await > 0 && !w.until(limit, func(s *seen) bool { return len(s.events) >= wr.await || s.closing() }) {
			break
		}
	}
	if !x.ending.begun && !x.ending.byServer {
		w.until(limit, func(s *seen) bool { return len(s.events) >= len(x.want) || s.closing() })
	}
	end := a.finish(w, x.ending)
	a.judge(w, x, end)
}

// judge gives the verdict on what has been seen of x.
func (a *attempt) judge(w *wire, x exchange, end finding) {
	s := w.now()
	expected := make([]string, 0, len(x.want)+1)
	for _, e := range x.want {
		expected = append(expected, e.String())
	}
	if len(expected) > 12 {
		expected = []string{fmt.Sprintf("%d events, the last %s", len(x.want), expected[len(expected)-1])}
	}
	expected = append(expected, x.ending.String())
	verdict, note := worse(x.sequence(s.events), end.verdict), end.note
	switch {
	case s.fault != "" && !x.informational:
		verdict = Failed
	case x.tooBig(&s):
		verdict, note = Limit, "a message of "+size(x.size)+" is refused"
	}
	got := s.String()
	if note != "" {
		got += ": " + note
	}
	a.out.Sent, a.out.size = w.sent.String(), x.size
	a.say(verdict, strings.Join(expected, ", "), got)
}

// sequence judges the events that arrived.
func (x *exchange) sequence(events []event) Verdict {
	switch {
	case x.informational:
		return Informational
	case slices.EqualFunc(events, x.want, event.equal):
		return OK
	}
	for _, l := range x.lenient {
		if slices.EqualFunc(events, l, event.equal) {
			return NonStrict
		}
	}
	return Failed
}

// tooBig reports whether the server refused a message because of its size.
func (x *exchange) tooBig(s *seen) bool {
	return x.size > 0 && s.close != nil && s.close.CloseCode() == 1009 &&
		len(s.events) < len(x.want) && slices.EqualFunc(s.events, x.want[:len(s.events)], event.equal)
}
