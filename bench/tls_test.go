package bench

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// newTLSPeer is an echoing peer behind TLS, with the certificate that it is verified by, in PEM.
func newTLSPeer(t *testing.T) (url string, ca []byte) {
	t.Helper()
	p := &peer{onMessage: func(c *peerConn, m codec.Message) { c.write(m.Opcode, m.Payload) }}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "https", "wss", 1) + "/",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

// TestTLS holds that wss servers are verified, by what is asked for, on every way of connecting.
func TestTLS(t *testing.T) {
	t.Parallel()
	url, ca := newTLSPeer(t)
	for name, change := range map[string]func(*Options){
		"by a certificate": func(o *Options) { o.CA = ca },
		"not at all":       func(o *Options) { o.Insecure = true },
	} {
		o := short(url)
		o.Verify, o.Conns, o.Slow, o.Stuck, o.Duration = true, 3, 1, 1, time.Second
		change(&o)
		for scenario, run := range map[string]func() *Result{
			"echo": func() *Result { return must(t, RunEcho, o) },
			"slow": func() *Result { return must(t, RunSlow, o) },
		} {
			res := run()
			if !res.OK() || res.Messages.Received == 0 {
				t.Errorf("%s, verified %s: %+v, %v", scenario, name, res.Checks, res.Errors)
			}
		}
	}
	o := short(url)
	if res, err := RunEcho(t.Context(), o); err == nil && (res.OK() || res.Connections.Opened > 0) {
		t.Errorf("a server that the system does not know was accepted: %+v", res.Connections)
	}
}
