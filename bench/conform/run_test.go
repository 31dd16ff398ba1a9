package conform

import (
	"context"
	"encoding/json"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/weir/reactor"
)

// TestLimit holds that a server may refuse large messages, and that the result says which.
func TestLimit(t *testing.T) {
	url := serveEcho(t, &reactor.Server{MaxMessage: 300 << 10})
	res, err := Run(t.Context(), Options{Target: url, Run: regexp.MustCompile(`^9\.[12]\.[123] |^1\.1\.2 `), Patience: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if res.Count(OK) != 5 || res.Count(Limit) != 2 || !res.OK() || res.Echoed != 256<<10 || res.Refused != 1<<20 {
		t.Errorf("%s, OK %t, echoed %d, refused %d", res.counts(), res.OK(), res.Echoed, res.Refused)
	}
}

// TestInterrupt holds that a run which is interrupted reports what was done.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	res, err := Run(ctx, Options{
		Target: serveTiny(t), Run: regexp.MustCompile(`^2\.`), Parallel: 1,
		Progress: func(_ Outcome, done, _ int) {
			if done == 3 {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Count(OK) != 3 || res.Count(Skipped) != 8 || !res.Interrupted || res.OK() {
		t.Errorf("%s, interrupted %t, OK %t", res.counts(), res.Interrupted, res.OK())
	}
}

// TestNoWebSocket holds that frames are not tried where no WebSocket can be opened.
func TestNoWebSocket(t *testing.T) {
	res, err := Run(t.Context(), Options{Target: serveTiny(t, "wrong accept"), Run: regexp.MustCompile(`^2\.|^H1\.1 `)})
	if err != nil {
		t.Fatal(err)
	}
	if res.Count(Skipped) != 11 || res.Count(Failed) != 1 || res.OK() {
		t.Errorf("%s, OK %t", res.counts(), res.OK())
	}
}

// TestTimeout holds that a rule ends even with a server that says nothing at all.
func TestTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	s := &suite{opts: &Options{Target: "ws://" + l.Addr().String(), Timeout: 50 * time.Millisecond}}
	if err := s.opts.Normalize(); err != nil {
		t.Fatal(err)
	}
	rules := section2()[:2]
	outcomes := make([]Outcome, 2)
	s.all(t.Context(), rules, outcomes)
	for _, o := range outcomes {
		if o.Verdict != Failed {
			t.Errorf("%+v", o)
		}
	}
}

func TestBadOptions(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for name, o := range map[string]Options{
		"no target":         {},
		"bad target":        {Target: "http://localhost"},
		"negative":          {Target: "ws://localhost", Parallel: -1},
		"nothing to run":    {Target: "ws://localhost", Run: regexp.MustCompile("^nothing$")},
		"nobody listens":    {Target: "ws://" + l.Addr().String()},
		"no socket of that": {Target: "unix:///nowhere/at/all"},
	} {
		if res, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// TestTable holds that the report says everything about what failed, and that JSON has it too.
func TestTable(t *testing.T) {
	res, err := Run(t.Context(), Options{Target: serveTiny(t, "change the opcode"), Run: regexp.MustCompile(`^1\.1\.2 |^2\.1 |^7\.13`)})
	if err != nil {
		t.Fatal(err)
	}
	table := func(all bool) string {
		var b strings.Builder
		if err := res.WriteTable(&b, all); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	brief := table(false)
	for _, want := range []string{
		"1 Framing: payload lengths  1 FAILED\n", "2 Pings and pongs           1 OK\n",
		"FAILED 1.1.2 text message of 125 bytes: echo\n", "    source    Autobahn", "    sent      81fd37fa213d1dd00b17",
		"… (131 bytes in 1 writes)\n", "    expected  text of 125 bytes, a closing handshake with 1000, FIN\n",
		"    got       binary of 125 bytes, close 1000, FIN\n", "INFORMATIONAL 7.13.1, 7.13.2\n    got       close 1002, FIN\n", "1 OK, 2 INFORMATIONAL, 1 FAILED", "Not conformant.",
	} {
		if !strings.Contains(brief, want) {
			t.Errorf("the table lacks %q:\n%s", want, brief)
		}
	}
	if all := table(true); strings.Contains(brief, "    2.1 empty ping") || !strings.Contains(all, "    2.1 empty ping: pong with its payload ") {
		t.Errorf("the long table is:\n%s", all)
	}
	p, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(p), `"id":"1.1.2","section":"1 Framing: payload lengths"`) || !strings.Contains(string(p), `"verdict":"FAILED"`) {
		t.Errorf("JSON: %s", p)
	}
}
