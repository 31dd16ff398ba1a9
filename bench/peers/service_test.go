package peers

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// TestDeflate holds that peers compress what is worth it when they are told to, without context
// takeover, and do not otherwise.
func TestDeflate(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat(`{"id":1,"text":"hello world!"}`, 40))
	each(t, false, func(t *testing.T, p Peer) {
		offer := ws.Dialer{Extensions: []httphead.Option{wsflate.DefaultParameters.Option()}}
		for _, deflate := range []bool{false, true} {
			if deflate && !p.Deflates {
				continue
			}
			s := startService(t, p, Service{Path: EchoPath, Deflate: deflate})
			c, hs := dial(t, offer, "ws://"+s.Addr+EchoPath)
			if agreed := len(hs.Extensions) == 1 && string(hs.Extensions[0].Name) == wsflate.ExtensionName; agreed != deflate {
				t.Fatalf("with deflate %v it answers %v", deflate, hs.Extensions)
			}
			if !deflate {
				continue
			}
			f, err := wsflate.CompressFrame(ws.NewTextFrame(text))
			if err != nil {
				t.Fatal(err)
			}
			first := 0
			for range 2 { // a second message is as long as the first, where no context is taken over
				if err := ws.WriteFrame(c.conn, ws.MaskFrame(f)); err != nil {
					t.Fatal(err)
				}
				got, err := c.frame()
				if err != nil || got.Header.Rsv != ws.Rsv(true, false, false) || len(got.Payload) >= len(text)/2 {
					t.Fatalf("%+v, %v: it was not compressed", got.Header, err)
				}
				if first == 0 {
					first = len(got.Payload)
				} else if len(got.Payload) != first {
					t.Errorf("%d bytes, and %d the second time", first, len(got.Payload))
				}
				if got, err = wsflate.DecompressFrame(got); err != nil || string(got.Payload) != string(text) {
					t.Errorf("%q, %v came back", got.Payload, err)
				}
			}
		}
	})
}

// TestTLS holds that peers serve by TLS, with the certificate that they are told.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, err := WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	each(t, false, func(t *testing.T, p Peer) {
		if !p.TLS {
			t.Skip("it has no TLS")
		}
		s := startService(t, p, Service{Path: EchoPath, Cert: cert, Key: key})
		c, _ := dial(t, ws.Dialer{TLSConfig: &tls.Config{RootCAs: roots}}, "wss://"+s.Addr+EchoPath)
		c.send(ws.OpText, true, []byte("secret"))
		if _, payload := c.message(); string(payload) != "secret" {
			t.Errorf("%q came back", payload)
		}
	})
}
