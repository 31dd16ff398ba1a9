package conform

import (
	"fmt"
	"slices"
	"strings"

	"example.org/weir/bench/rawpeer"
)

// ending is how a connection has to end.
type ending struct {
	// codes are the close codes that will do in the server's close frame; none means any.
	codes []int
	// late says that codes were registered after the RFC, and that a server may fail the connection with
	// 1002 for not knowing them.
	late bool
	// byServer says that the server has to end the connection, without being asked.
	byServer bool
	// begun says that the script has sent a close frame; otherwise a close frame with 1000 is sent.
	begun bool
	// strict says that no close code, or no close frame at all, is not the best that a server can do.
	strict bool
	// informational says that any ending will do.
	informational bool
}

// clean is a closing handshake that the client begins.
func clean() ending { return ending{codes: []int{1000}} }

// cleanAfter is the same where the script has sent the close frame, and the answer may have one of codes.
func cleanAfter(codes ...int) ending { return ending{codes: codes, begun: true} }

// fails says that the server fails the connection (RFC 6455 7.1.7) with one of codes.
func fails(codes ...int) ending { return ending{codes: codes, byServer: true} }

// failsAfter is the same where the script has sent a close frame, one that is wrong.
func failsAfter(codes ...int) ending { return ending{codes: codes, byServer: true, begun: true} }

// strictly returns e, in which a close code is due (RFC 6455 7.1.7).
func (e ending) strictly() ending { e.strict = true; return e }

func (e ending) String() string {
	if e.informational {
		return "any ending"
	}
	codes := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(e.codes)), " or "), "[]")
	if e.byServer {
		return "the server fails the connection with " + codes + " and ends it"
	}
	return "a closing handshake with " + codes + ", FIN"
}

// finding is the judgement on an ending.
type finding struct {
	verdict Verdict
	note    string
}

// finish brings the connection to its end and judges that.
func (a *attempt) finish(w *wire, e ending) finding {
	closing := func(s *seen) bool { return s.closing() }
	over := func(s *seen) bool { return s.over }
	patience := a.opts.Patience

	var first seen // when it was the client's turn to close
	if e.byServer {
		w.until(patience, closing)
	}
	if first = w.now(); !e.begun && !first.over {
		code := 1000
		if first.close != nil {
			code = max(first.close.CloseCode(), 1000)
		}
		// Not noted as sent: it only answers, or ends what has been judged.
		w.conn.WriteFrame(rawpeer.CloseFrame(code, ""))
	}
	answered := w.until(patience, closing)
	if answered {
		w.until(patience, over)
	}
	s := w.now()
	switch {
	case e.informational:
		return finding{verdict: Informational}
	case e.byServer:
		return e.judgeFailing(&first, &s)
	}
	return e.judgeClean(&first, &s)
}

// judgeFailing judges the ending of a connection that the server had to fail.
func (e ending) judgeFailing(first, s *seen) finding {
	switch {
	case !first.closing():
		return finding{Failed, "the server did not close"}
	case !e.permits(s.close):
		return finding{Failed, "wrong close code"}
	case !s.over || s.end == rawpeer.EndTimeout:
		return finding{Unclean, "the server did not end the connection after its close frame"}
	case e.strict && (s.close == nil || s.close.CloseCode() == 0):
		return finding{NonStrict, "the server did not say why (RFC 6455 7.1.7: SHOULD)"}
	case e.strict && s.end == rawpeer.EndReset:
		return finding{NonStrict, "RST may take the close frame with it (RFC 6455 7.1.1: SHOULD close cleanly)"}
	}
	return finding{verdict: OK}
}

// judgeClean judges a closing handshake that the client had to begin.
func (e ending) judgeClean(first, s *seen) finding {
	switch {
	case !e.begun && first.closing():
		return finding{Failed, "the server closed first"}
	case e.late && s.close != nil && s.close.CloseCode() == 1002:
		return finding{NonStrict, "the server does not know this code, which IANA has registered"}
	case !e.permits(s.close):
		return finding{Failed, "wrong close code"}
	case s.close == nil:
		return finding{Unclean, "no close frame came in answer"}
	case !s.over || s.end == rawpeer.EndTimeout:
		return finding{Unclean, "the server did not end the connection after the closing handshake"}
	case s.end == rawpeer.EndReset:
		return finding{NonStrict, "RST instead of FIN (RFC 6455 7.1.1: SHOULD close cleanly)"}
	}
	return finding{verdict: OK}
}

// permits reports whether a close frame, if there is one, has a code that will do.
func (e ending) permits(f *rawpeer.Frame) bool {
	return f == nil || f.CloseCode() == 0 || len(e.codes) == 0 || slices.Contains(e.codes, f.CloseCode())
}
