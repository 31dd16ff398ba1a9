package reactor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// With TLS set an address without a network speaks it; tcp:// beside it does not.
func ExampleServer_tls() {
	lender := httptest.NewTLSServer(nil) // of a certificate, for example.com
	defer lender.Close()
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())

	srv := &reactor.Server{
		TLS: &tls.Config{Certificates: lender.TLS.Certificates}, // or GetCertificate, which may change its mind
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			state, ok := c.TLS()
			c.WriteText(fmt.Sprintf("TLS %v, asked for %q", ok, state.ServerName))
		}),
		Logger: slog.New(slog.DiscardHandler),
	}
	if err := srv.Start("127.0.0.1:0", "tcp://127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	defer client.Close()
	for i, scheme := range []string{"wss", "ws"} {
		c, err := client.Dial(context.Background(), scheme+"://"+srv.Addrs()[i].String(), h, nil)
		if err != nil {
			log.Fatal(err)
		}
		c.WriteText("What do we speak?")
		<-h.printed
	}
	// Output:
	// TLS true, asked for "example.com"
	// TLS false, asked for ""
}
