package conform

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// serveEcho starts an echo server of Weir's and returns its URL.
func serveEcho(t *testing.T, srv *reactor.Server) string {
	t.Helper()
	srv.Handler = reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
		if err := c.WriteMessage(m.Opcode, m.Payload); err != nil {
			t.Errorf("an echo was not accepted for sending: %v", err)
		}
	})
	srv.Logger = slog.New(slog.DiscardHandler)
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return "ws://" + srv.Addrs()[0].String() + "/"
}

// TestWeir holds that package reactor's server is OK by every rule: Weir's own reproduction of the Autobahn
// cases 1 to 7, 9, 10, 12 and 13, and of the rules of the opening handshake and of framing, over real sockets.
func TestWeir(t *testing.T) {
	url := serveEcho(t, &reactor.Server{MaxMessage: 64 << 20, MaxOutbound: 64 << 20, Deflate: &codec.Deflate{
		ServerContextTakeover: true, ClientContextTakeover: true,
	}})
	s := &suite{opts: &Options{Target: url, Patience: 20 * time.Second}}
	if err := s.opts.Normalize(); err != nil {
		t.Fatal(err)
	}
	rules := Rules()
	if testing.Short() {
		rules = without(rules, "9.")
	}
	outcomes := make([]Outcome, len(rules))
	s.all(t.Context(), rules, outcomes)
	for i, o := range outcomes {
		t.Run(o.ID, func(t *testing.T) {
			want := OK
			if informational(o.ID) {
				want = Informational
			}
			if o.Verdict != want {
				t.Errorf("%s %s\n sent %s\n expected %s\n got %s", o.Verdict, rules[i].String(), o.Sent, o.Expected, o.Got)
			}
		})
	}
}

// informational reports whether a rule has no right or wrong, as Autobahn has it.
func informational(id string) bool { return id == "7.1.6" || strings.HasPrefix(id, "7.13.") }

func without(rules []Rule, prefix string) (kept []Rule) {
	for _, r := range rules {
		if !strings.HasPrefix(r.ID, prefix) {
			kept = append(kept, r)
		}
	}
	return kept
}
