package conform

import (
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"slices"
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
	scheme := "ws://"
	if srv.TLS != nil {
		scheme = "wss://"
	}
	return scheme + srv.Addrs()[0].String() + "/"
}

// TestWeir holds that package reactor's server is OK by every rule: Weir's own reproduction of the Autobahn
// cases 1 to 7, 9, 10, 12 and 13, and of the rules of the opening handshake and of framing, over real sockets.
func TestWeir(t *testing.T) {
	rules := Rules()
	if testing.Short() {
		rules = without(rules, "9.")
	}
	tryWeir(t, nil, rules)
}

// TestWeirTLS is TestWeir over TLS, but for what tries the speed and permessage-deflate, which are the same.
func TestWeirTLS(t *testing.T) {
	tlsServer := httptest.NewTLSServer(nil)
	tlsServer.Close()
	tryWeir(t, tlsServer, without(Rules(), "9.", "12.", "13."))
}

// tryWeir tries rules on package reactor's server, with the certificate of tlsServer if there is one.
func tryWeir(t *testing.T, tlsServer *httptest.Server, rules []Rule) {
	t.Helper()
	srv := &reactor.Server{MaxMessage: 64 << 20, MaxOutbound: 64 << 20, Deflate: &codec.Deflate{
		ServerContextTakeover: true, ClientContextTakeover: true,
	}}
	o := &Options{Patience: 20 * time.Second}
	if tlsServer != nil {
		srv.TLS = &tls.Config{Certificates: tlsServer.TLS.Certificates}
		o.Trust.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw})
	}
	o.Target = serveEcho(t, srv)
	if err := o.Normalize(); err != nil {
		t.Fatal(err)
	}
	s := &suite{opts: o}
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

func without(rules []Rule, prefixes ...string) []Rule {
	return slices.DeleteFunc(rules, func(r Rule) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(r.ID, prefix) })
	})
}
