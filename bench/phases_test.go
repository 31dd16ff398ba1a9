package bench

import (
	"context"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// room passes every message on to all connections, on its one loop.
type room struct {
	testServer
	members map[*reactor.Conn]bool
	extra   func(to *reactor.Conn) int // how many copies too many or, negative, too few
}

func newRoom(t *testing.T, extra func(to *reactor.Conn) int) *room {
	t.Helper()
	r := &room{members: make(map[*reactor.Conn]bool), extra: extra}
	r.onOpen = func(c *reactor.Conn) { r.members[c] = true }
	r.onMessage = func(_ *reactor.Conn, m codec.Message) {
		for c := range r.members {
			n := 1
			if r.extra != nil {
				n += r.extra(c)
			}
			for range n {
				echo(c, m)
			}
		}
	}
	r.start(t)
	return r
}

// forScenario starts a server that a scenario can do with, and returns options.
func forScenario(t *testing.T, name string) (*testServer, Options) {
	t.Helper()
	var srv *testServer
	if name == "fanout" {
		srv = &newRoom(t, nil).testServer
	} else {
		srv = new(testServer).start(t)
	}
	o := short(srv.url)
	o.Rate = 200
	o.Slow, o.Stuck = 2, 2
	o.SLO = SLO{Percentile: 50, Limit: 5 * time.Second}
	return srv, o
}

// TestInterrupted ends each scenario in each of its phases, as Ctrl-C does: there is a whole result,
// soon.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios {
		for _, phase := range []string{phaseConnecting, phaseWarmup, phaseMeasuring} {
			t.Run(s.Name+" "+phase, func(t *testing.T) {
				t.Parallel()
				_, o := forScenario(t, s.Name)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stage := stageMeasure
				o.Duration = 20 * time.Second
				switch phase {
				case phaseConnecting:
					stage = stageConnect
					o.Ramp = 0.1
				case phaseWarmup:
					o.Warmup = 20 * time.Second
				}
				o.Sync = func(_ context.Context, at string) error {
					if at == stage {
						time.AfterFunc(120*time.Millisecond, cancel)
					}
					return nil
				}
				res := mustIn(t, ctx, s.Run, o)
				if res.Ended != "interrupted" || len(res.Checks) == 0 {
					t.Errorf("ended %q, checks %+v", res.Ended, res.Checks)
				}
				for _, c := range res.Checks {
					if !c.OK && c.Name != "rate" && c.Name != "objective" && c.Name != "reach" {
						t.Errorf("check %+v, errors %v", c, res.Errors)
					}
				}
				if measured := phase == phaseMeasuring && s.Name != "connect" && s.Name != "storm" && s.Name != "search"; measured && (res.Seconds <= 0 || res.Seconds > 10) {
					t.Errorf("%v s, %+v", res.Seconds, res.Messages)
				}
			})
		}
	}
}

// TestServerDies has the server end in the middle of each scenario: there is a result, which says so,
// and no hang.
func TestServerDies(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			srv, o := forScenario(t, s.Name)
			o.Duration = 20 * time.Second
			reconnects := s.Name == "churn" || s.Name == "storm"
			if reconnects {
				o.Duration = time.Second
			}
			o.Sync = func(_ context.Context, at string) error {
				if at == stageMeasure {
					time.AfterFunc(120*time.Millisecond, func() { _ = srv.Close() })
				}
				return nil
			}
			res := must(t, s.Run, o)
			if res.OK() {
				t.Errorf("all is well: %+v", res.Checks)
			}
			if want := "all connections were lost"; !reconnects && res.Ended != want {
				t.Errorf("ended %q, want %q", res.Ended, want)
			}
			if reconnects && res.Connections.Failed == 0 {
				t.Errorf("connections: %+v", res.Connections)
			}
			if s.Name == "fanout" && res.Fanout.Reach > 100 {
				t.Errorf("fanout: %+v", res.Fanout)
			}
		})
	}
}
