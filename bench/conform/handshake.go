package conform

import (
	"fmt"
	"slices"
	"strings"

	"example.org/weir/bench/rawpeer"
)

// A request is tried as a whole; the reply is either an upgrade, after which an echo has to work, or a
// refusal.

// request is a request with what the server must answer.
type request struct {
	bend  func(rawpeer.Request) rawpeer.Request // what is changed of a good request; nil is nothing
	chops int                                   // bytes per write; 0 is all in one
	then  []byte                                // sent behind it in the same write
	offer rawpeer.Options                       // what bend offers, for the check of the reply
	want  reply
}

// reply is what may be answered.
type reply struct {
	admit bool // it is to be admitted; otherwise refused
	// statuses are those that fit a refusal; others of 4xx and 5xx are NON-STRICT. None: any 4xx or 5xx.
	statuses []int
	must     bool   // the RFC leaves no choice of a status
	plain    bool   // it is a sound plain request: any reply but an upgrade will do
	either   string // why the opposite of admit is permitted too, if so
	free     bool   // whether it is admitted has no right or wrong
	version  bool   // the refusal must name the version 13 (RFC 6455 4.2.2)
	closes   bool   // the refusal has to announce the end of the connection, and end it
}

func admit() reply { return reply{admit: true} }

// refuse demands a refusal, best with one of statuses.
func refuse(statuses ...int) reply { return reply{statuses: statuses} }

// mustRefuse demands a refusal with this status.
func mustRefuse(status int) reply { return reply{statuses: []int{status}, must: true} }

// or permits the opposite, for a reason.
func (r reply) or(why string) reply { r.either = why; return r }

func (r reply) String() string {
	s := "an HTTP reply with 4xx or 5xx"
	switch {
	case r.admit:
		s = "101 and an echo"
	case r.plain:
		s = "an HTTP reply, not 101"
	case len(r.statuses) > 0:
		s = fmt.Sprintf("an HTTP reply with %v", r.statuses)
	}
	if r.version {
		s += " and Sec-WebSocket-Version: 13"
	}
	return s
}

// handshakeGroup adds rules about requests.
type handshakeGroup struct {
	group
	prefix string
}

func (g *handshakeGroup) request(name, source string, q request) {
	g.add(g.prefix, name, source, func(a *attempt) { a.request(q) })
}

// request sends q and judges the reply.
func (a *attempt) request(q request) {
	conn, err := a.dial(a.ctx)
	if err != nil {
		a.say(Failed, "a connection", err.Error())
		return
	}
	defer conn.Close()
	if q.offer.Key == "" {
		q.offer.Key = rawpeer.NewKey()
	}
	r := rawpeer.NewRequest(conn.Target, q.offer.Key)
	if q.bend != nil {
		r = q.bend(r)
	}
	p := append(r.Bytes(), q.then...)
	a.out.Sent = quote(p)
	conn.Within(max(openTime, a.opts.Patience))
	_ = conn.WriteChops(p, q.chops) // the reply may come before the end, and is read next
	method, _, _ := strings.Cut(r.Line, " ")
	resp, err := conn.ReadResponseTo(method)
	switch {
	case err != nil:
		verdict := Failed
		if q.want.admit && q.want.either != "" {
			verdict = NonStrict
		}
		a.say(verdict, q.want.String(), "no HTTP reply: "+err.Error())
	case resp.Status == 101:
		a.admitted(conn, resp, &q)
	default:
		a.refused(conn, resp, &q.want)
	}
}

// admitted judges a reply with 101, and that an echo works after it.
func (a *attempt) admitted(conn *rawpeer.Conn, resp *rawpeer.Response, q *request) {
	if !q.want.admit {
		verdict, got := Failed, resp.Line
		switch {
		case q.want.free:
			verdict = Informational
		case q.want.either != "":
			verdict, got = NonStrict, got+": "+q.want.either
		}
		a.say(verdict, q.want.String(), got)
		return
	}
	if err := resp.CheckUpgrade(q.offer); err != nil {
		a.say(Failed, q.want.String(), "101, but "+err.Error())
		return
	}
	conn.Within(0)
	w := watch(conn)
	defer w.close()
	sent := a.out.Sent
	x := echo(whole(rawpeer.Text("Hello")), text("Hello"), 0)
	if len(q.then) > 0 {
		x.want = append([]event{text("first")}, x.want...)
	}
	a.play(w, x)
	a.out.Sent, a.out.Expected, a.out.Got = sent, q.want.String(), "101, "+a.out.Got
}

// refused judges any other reply.
func (a *attempt) refused(conn *rawpeer.Conn, resp *rawpeer.Response, want *reply) {
	verdict, note := want.judge(resp)
	end, err := rawpeer.EndTimeout, error(nil)
	closes := resp.HasToken("Connection", "close")
	if closes || want.closes {
		conn.Within(a.opts.Patience)
		end, err = conn.AwaitEnd(0)
	}
	switch {
	case verdict.Failure() || verdict == Limit:
	case want.closes && !closes:
		verdict, note = NonStrict, "Connection: close is not there (RFC 9112 9.6: SHOULD)"
	case err != nil:
		verdict, note = Failed, err.Error()
	case closes && end == rawpeer.EndTimeout:
		verdict, note = Failed, "Connection: close is there, but the connection stays open (RFC 9112 9.6)"
	case closes && end == rawpeer.EndReset:
		verdict, note = Unclean, "RST may take the reply with it (RFC 9112 9.6)"
	}
	got := resp.Line
	for _, name := range []string{"Connection", "Sec-WebSocket-Version"} {
		if resp.Value(name) != "" {
			got += ", " + name + ": " + resp.Value(name)
		}
	}
	if closes {
		got += ", " + end.String()
	}
	if note != "" {
		got += ": " + note
	}
	a.say(verdict, want.String(), got)
}

// judge judges the head of a reply that is not an upgrade.
func (r *reply) judge(resp *rawpeer.Response) (Verdict, string) {
	refused := resp.Status >= 400
	switch {
	case r.admit && (resp.Status == 414 || resp.Status == 431):
		return Limit, "the head is too large for the server"
	case r.admit && r.either != "" && refused:
		return NonStrict, r.either
	case r.admit:
		return Failed, "not an upgrade"
	case resp.Version != "HTTP/1.1":
		return Failed, "the reply is of " + resp.Version + " (RFC 9112 2.3)"
	case resp.Status < 200:
		return Failed, "an interim reply and no final one"
	case r.version && !resp.HasToken("Sec-WebSocket-Version", "13"):
		return Failed, "no Sec-WebSocket-Version field lists 13 (RFC 6455 4.2.2)"
	case r.plain:
		return OK, ""
	case !refused:
		return Failed, "not a refusal"
	case len(r.statuses) == 0 || slices.Contains(r.statuses, resp.Status):
		return OK, ""
	case r.must:
		return Failed, "another status is a MUST"
	}
	return NonStrict, "another status fits better"
}

// quote shows a request, cut where it is long.
func quote(p []byte) string {
	const shown = 600
	s := fmt.Sprintf("%q", p[:min(len(p), shown)])
	if len(p) > shown {
		s += fmt.Sprintf("… (%d bytes)", len(p))
	}
	return strings.ReplaceAll(s, `\r\n`, `\r\n `)
}
