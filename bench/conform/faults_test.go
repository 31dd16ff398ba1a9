package conform

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is something that a server does wrong, with the rules that are tried, those of them that must notice
// it, by their "ID name", and the verdict of those. Every other must be OK, or INFORMATIONAL.
type fault struct {
	fault, scope, notice string
	verdict              Verdict
}

var faults = []fault{
	{"", `^[HF]|^[1-7]\.|^10\.`, ``, OK}, // no fault

	// Frames that a server must not take.
	{"opcodes", `^F1|^[2-5]\.`, `^F1.* opcode|^4\.`, Failed},
	{"reserved bits", `^F1|^[2-5]\.`, `^F1.*reserved bits|^3\.`, Failed},
	{"masks", `^F1|^[2-5]\.`, `^F1.*without a mask`, Failed},
	{"minimal lengths", `^F2|^[257]\.`, `^F2.*(with the length in|for no need)`, Failed},
	{"top bit", `^F2|^[257]\.`, `^F2.*a length of 0x`, Failed},
	{"control length", `^F2|^[257]\.`, `^F2.*(close|ping|pong) of \d+ bytes: fail|^2\.5 |^7\.3\.6 `, Failed},
	{"fragmented control", `^F3|^[25]\.`, `^F3.*(close|ping|pong) without FIN|^5\.1 `, Failed},
	{"orphans", `^F3|^[25]\.`, `^F3.* continuation .*nothing to continue|^F3.*continuation after|^5\.(9|1[0-7]) `, Failed},
	{"nesting", `^F3|^[25]\.`, `^F3.* inside an unfinished|^5\.18 `, Failed},
	{"close of 1 byte", `^F`, `payload of 1 byte`, NonStrict},
	{"close codes", `^F4|^[57]\.`, `^F4.* close (\d{1,3}|10[01][4-6]|1100|2\d+): fail|^7\.9\.`, Failed},
	{"old close codes", `^F4`, `after the RFC`, NonStrict},
	{"close reasons", `^F4|^[57]\.`, `^F4.* with the reason |^7\.5\.1 `, Failed},
	{"UTF-8", `^F4|^6\.([1-4]|8|1[24579]|2[0-3])\.`, `^F4.* text (that|with)|^6.*: fail 1007`, Failed},
	{"late UTF-8", `^6\.[1-5]\.`, `^6\.4\.`, NonStrict},

	// How a connection ends.
	{"wrong code", `^F[34]|^[2-57]\.`, `fail 10`, Failed},
	{"ignore faults", `^3\.|^4\.`, `fail 1002`, Failed},
	{"fail by dropping", `^F1|^[34]\.`, `^F1.*: fail`, NonStrict},
	{"never end", `^1\.1\.[1-3]|^7\.7\.`, `.`, Unclean},
	{"end with RST", `^1\.1\.[1-3] |^7\.7\.`, `.`, NonStrict},
	{"no close in answer", `^1\.1\.[1-3] |^7\.[17]\.[1-4] `, `.`, Unclean},
	{"mask close frames", `^2\.`, `.`, Failed},
	{"look behind close", `^F4.*close, then [^p]|^F4.*close, then ping|^7\.1\.[2345] `, `close, then (text|binary|ping|another|close)|last fragment`, Failed},

	// What is sent back.
	{"no echo of text", `^1\.[12]\.[1-5] |^5.*echo$`, `^1\.1\.|^5`, Failed},
	{"echo twice", `^[34]\.`, `echo`, Failed},
	{"echo in fragments", `^[1-5]\.|^6\.[12]\.`, ``, OK}, // which is right
	{"change the opcode", `^1\.`, `^1\.1\.`, Failed},
	{"change the payload", `^1\.`, `\b65\d\d\d bytes`, Failed},
	{"set RSV1", `^1\.`, `.`, Failed},
	{"send long lengths", `^1\.`, `.`, Failed},
	{"limit", `^1\.`, `\b65\d\d\d bytes`, Limit},
	{"no pongs", `^2\.`, `: (one )?pong|10 pongs`, Failed},
	{"pongs without payload", `^2\.`, `^2\.([2346]|9|1[01]) `, Failed},
	{"pongs after the message", `^5\.`, `^5\.([678]|19|20) `, Failed},
	{"answer pongs", `^2\.`, `unasked pong`, Failed},

	// Requests that a server must not admit.
	{"HTTP versions", heads, `HTTP/(1\.0|2\.0|0\.9)`, Failed},
	{"one Host", http, `no Host|two Hosts|same Host|host in the target only`, Failed},
	{"hosts", http, ` Host: `, Failed},
	{"methods", heads, `^H2.* method|unknown method`, Failed},
	{"Upgrade", own, `^H2.* (no )?Upgrade`, Failed},
	{"Connection", own, `^H2.* (no )?Connection`, Failed},
	{"versions", own, `^H2.* version|^H4.3 `, Failed},
	{"no version in refusals", own, `^H2.* version \d+$`, Failed},
	{"keys", `^H[13]|^H2.* key [^w]`, ` (empty|no|two|same) key|^H2.* key`, Failed},
	{"keys", `^H2.* key whose`, `.`, NonStrict},
	{"protocols", own, "subprotocols `", Failed},
	{"protocol twice", own, `a subprotocol twice`, NonStrict},
	{"extensions", own, "extensions `", Failed},
	{"origins", own, `Origin`, NonStrict},
	{"lengths", http, `two Content-Lengths|Content-Length: $`, Failed},
	{"codings", `^H3.* coding`, `.`, Failed},
	{"codings", `^H[124]|^H3.*body`, `chunked`, NonStrict},
	{"bodies", http, `a body, with Content-Length`, NonStrict},
	{"folds", http, `fold|white space before`, NonStrict},
	{"space before colon", http, `(space|tab) before the colon|a bad head`, Failed},
	{"field names", http, `(empty|a) field name|(space|tab) before the colon$|a bad head`, Failed},
	{"control bytes", http, `field value with "\\[^r]`, NonStrict},
	{"bare CR, control bytes", http, `bare CR|field value with "`, NonStrict},
	{"no limits", http, `(of 64 KiB|1000 fields): admitted`, Informational},
	{"targets", `^H[124]|^H3.*(slash|that is \*|authority|(NUL|control byte) in the target$)`, `slash|that is \*|authority|(NUL|control byte) in the target$`, Failed},
	{"targets", `^H3.*(fragment|above 127|escape)`, `.`, NonStrict},

	// How it answers requests.
	{"wrong accept", heads, `^H1`, Failed},
	{"invent a subprotocol", heads, `^H1`, Failed},
	{"accept any extension", own, `^H1.*unknown extension`, Failed},
	{"refuse in silence", heads, `^H[234]`, Failed},
	{"another status", `^H2.* key [^w]`, `.`, NonStrict},
	{"another status", `^H3.* before the colon$|^H3.* Host`, `.`, Failed},
	{"never end", `^H4\.[1-3] `, `.`, Failed},
	{"end with RST", `^H4\.[1-3] `, `.`, Unclean},
	{"no Connection: close", http, `^H4`, NonStrict},
}

// Scopes about requests: all, those of RFC 6455, those of HTTP.
const (
	heads = `^H`
	own   = `^H[124]`
	http  = `^H[134]`
)

// TestFaults tries faulty servers. They are given little time, because many faults show only in that
// nothing comes; what goes wrong against expectation, as it may on a busy machine, gets a second try with
// plenty of time, and that counts.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(cmp.Or(f.fault, "none"), func(t *testing.T) {
			t.Parallel()
			o := Options{
				Target: serveTiny(t, strings.Split(f.fault, ", ")...), Run: regexp.MustCompile(f.scope),
				Parallel: 32, Patience: 150 * time.Millisecond,
			}
			res, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			again(t, o, res.Outcomes, func(out *Outcome) bool { return out.Verdict == f.want(out) })
			f.check(t, res)
		})
	}
}

// again gives those rules whose outcomes are not as expected a second try with plenty of time, and puts what comes
// of it in outcomes.
func again(t *testing.T, o Options, outcomes []Outcome, expected func(*Outcome) bool) {
	t.Helper()
	o.Patience = 10 * time.Second
	if err := o.Normalize(); err != nil {
		t.Fatal(err)
	}
	all := Rules()
	for i := range outcomes {
		if out := &outcomes[i]; !expected(out) {
			rule := slices.IndexFunc(all, func(r Rule) bool { return r.ID == out.ID })
			(&suite{opts: &o}).all(t.Context(), all[rule:rule+1], outcomes[i:i+1])
		}
	}
}

// want returns the verdict that an outcome should have.
func (f *fault) want(o *Outcome) Verdict {
	switch {
	case informational(o.ID):
		return Informational
	case f.notice != "" && regexp.MustCompile(f.notice).MatchString(o.ID+" "+o.Name):
		return f.verdict
	}
	return OK
}

// check checks that every outcome is what it should be.
func (f *fault) check(t *testing.T, res *Result) {
	for _, o := range res.Outcomes {
		if want := f.want(&o); o.Verdict != want {
			t.Errorf("%s %s: %s, want %s\n sent %s\n expected %s\n got %s", o.ID, o.Name, o.Verdict, want, o.Sent, o.Expected, o.Got)
		}
	}
	if noticed := res.Count(f.verdict) > 0; !noticed || res.OK() == f.verdict.Failure() {
		t.Errorf("noticed %t, res.OK() %t", noticed, res.OK())
	}
}
