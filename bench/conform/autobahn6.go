package conform

import (
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
)

const (
	kosme   = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5" // κόσμε
	broken  = kosme + "\xed\xa0\x80" + "edited"              // with a surrogate inside
	sixTime = 500 * time.Millisecond
)

func section6() []Rule {
	g := group{section: "6 UTF-8 handling", source: autobahn + ", RFC 6455 8.1"}
	fragments := func(s string, size int) []write {
		return framewise(rawpeer.Fragments(rawpeer.OpText, []byte(s), size)...)
	}
	parts := func(s ...string) []write {
		frames := []rawpeer.Frame{rawpeer.Text(s[0]).More()}
		for _, p := range s[1:] {
			frames = append(frames, rawpeer.Continuation([]byte(p)).More())
		}
		frames[len(frames)-1].FIN = true
		return framewise(frames...)
	}
	g.exchange("6.1", "empty text: echo", echo(parts(""), text(""), 0))
	g.exchange("6.1", "text of 3 empty fragments: echo", echo(parts("", "", ""), text(""), 0))
	g.exchange("6.1", "text of 3 fragments, the outer ones empty: echo", echo(parts("", "middle frame payload", ""), text("middle frame payload"), 0))

	const front, back = "Hello-µ@ßöä", "üàá-UTF-8!!"
	const valid = front + back
	g.exchange("6.2", "valid text in one frame: echo", echo(parts(valid), text(valid), 0))
	g.exchange("6.2", "valid text in 2 fragments, cut between code points: echo", echo(parts(front, back), text(valid), 0))
	g.exchange("6.2", "valid text in fragments of 1 byte: echo", echo(fragments(valid, 1), text(valid), 0))
	g.exchange("6.2", "valid Greek text in fragments of 1 byte: echo", echo(fragments(kosme, 1), text(kosme), 0))

	g.exchange("6.3", "text with a surrogate inside, one frame: fail 1007", exchange{writes: parts(broken), ending: fails(1007)})
	g.exchange("6.3", "text with a surrogate inside, fragments of 1 byte: fail 1007", exchange{writes: fragments(broken, 1), ending: fails(1007)})
	section6FailFast(&g)
	for i, s := range sequences() {
		for _, p := range s.payloads {
			name := fmt.Sprintf("%s, %s", s.name, short(p))
			x := exchange{writes: whole(rawpeer.Text(p)), ending: fails(1007)}
			verb := "fail 1007"
			if utf8.ValidString(p) {
				x, verb = echo(x.writes, text(p), sixTime), "echo"
			}
			g.exchange(fmt.Sprintf("6.%d", i+5), name+": "+verb, x)
		}
	}
	return g.rules
}

// section6FailFast adds the cases where text turns bad before its message, or its frame, is complete.
func section6FailFast(g *group) {
	for _, c := range []struct {
		frames bool // three frames; otherwise three parts of one frame
		parts  [3]string
	}{
		{true, [3]string{kosme, "\xf4\x90\x80\x80", "edited"}},
		{true, [3]string{kosme + "\xf4", "\x90", "\x80\x80edited"}},
		{false, [3]string{kosme, "\xf4\x90\x80\x80", "edited"}},
		{false, [3]string{kosme + "\xf4", "\x90", "\x80\x80edited"}},
	} {
		var parts [3][]byte
		what := "frames"
		if c.frames {
			parts[0] = rawpeer.Bytes(rawpeer.Text(c.parts[0]).More())
			parts[1] = rawpeer.Bytes(rawpeer.Continuation([]byte(c.parts[1])).More())
			parts[2] = rawpeer.Bytes(rawpeer.Continuation([]byte(c.parts[2])))
		} else {
			what = "parts of a frame"
			p := rawpeer.Bytes(rawpeer.Text(c.parts[0] + c.parts[1] + c.parts[2]))
			rest := len(c.parts[1]) + len(c.parts[2])
			parts = [3][]byte{p[:len(p)-rest], p[len(p)-rest : len(p)-len(c.parts[2])], p[len(p)-len(c.parts[2]):]}
		}
		g.add("6.4", fmt.Sprintf("text in 3 %s that turns bad in the second, %x: fail 1007 before the third", what, c.parts[1]), "",
			func(a *attempt) { a.failFast(parts) })
	}
}

// failFast sends a text in three parts. The server has to be there after the first, and to fail the
// connection after the second; after the third is late.
func (a *attempt) failFast(parts [3][]byte) {
	const quiet = 100 * time.Millisecond
	conn := a.open(rawpeer.Options{})
	if conn == nil {
		return
	}
	w := watch(conn)
	defer w.close()
	closing := func(s *seen) bool { return s.closing() }
	x := exchange{ending: fails(1007)}

	w.send(parts[0], 0)
	early := w.until(quiet, closing)
	w.send(parts[1], 0)
	fast := w.until(a.opts.Patience, closing)
	if !fast {
		w.send(parts[2], 0)
	}
	end := a.finish(w, x.ending)
	switch {
	case early:
		end = finding{Failed, "closed after the first part, which is valid"}
	case !fast && end.verdict == OK:
		end = finding{NonStrict, "noticed only at the end of the message"}
	}
	a.judge(w, x, end)
}

// short is a payload in hex, cut where it is long.
func short(p string) string {
	if len(p) > 20 {
		return fmt.Sprintf("%s… (%d bytes)", hex.EncodeToString([]byte(p[:20])), len(p))
	}
	return hex.EncodeToString([]byte(p))
}
