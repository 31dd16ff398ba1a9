package reactor

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs the certificates of the tests.
var authority = sync.OnceValue(func() *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := &signer{key: key, cert: certificateFor("authority"), roots: x509.NewCertPool()}
	a.cert.IsCA, a.cert.BasicConstraintsValid = true, true
	a.cert.KeyUsage = x509.KeyUsageCertSign
	signed := a.sign(a.cert, &key.PublicKey)
	if a.cert, err = x509.ParseCertificate(signed); err != nil {
		panic(err)
	}
	a.roots.AddCert(a.cert)
	return a
})

type signer struct {
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	roots *x509.CertPool
}

var serial atomic.Int64

// certificateFor is a certificate that is not signed yet.
func certificateFor(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func (a *signer) sign(cert *x509.Certificate, key *ecdsa.PublicKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key, a.key)
	if err != nil {
		panic(err)
	}
	return der
}

// issue makes a certificate.
func (a *signer) issue(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{a.sign(certificateFor(name), &key.PublicKey)}, PrivateKey: key}
}

// serverConfig is a server's configuration with a certificate for each of the names.
func serverConfig(names ...string) *tls.Config {
	cfg := &tls.Config{ClientCAs: authority().roots}
	for _, n := range append(names, "localhost") {
		cfg.Certificates = append(cfg.Certificates, authority().issue(n))
	}
	return cfg
}

// clientConfig is a client's configuration for a version, 0 for any.
func clientConfig(version uint16) *tls.Config {
	return &tls.Config{RootCAs: authority().roots, ServerName: "localhost", MinVersion: version, MaxVersion: version}
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// serveTLS starts srv with TLS, of its own configuration if it has one.
func serveTLS(t testing.TB, srv *Server) (addr string) {
	t.Helper()
	if srv.TLS == nil {
		srv.TLS = serverConfig()
	}
	return serve(t, srv)
}

// watched is a TCP connection that tells what goes over it.
type watched struct {
	net.Conn
	write func(p []byte) (int, error) // instead of the connection's, unless nil
	ended atomic.Bool                 // it has been read to its end
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.ended.Store(true)
	}
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	if w.write != nil {
		return w.write(p)
	}
	return w.Conn.Write(p)
}

// tlsClient is a rawClient inside TLS.
type tlsClient struct {
	*rawClient
	tls  *tls.Conn
	wire *watched
}

// dialTLS opens a TCP connection for TLS, of which nothing is sent yet.
func dialTLS(t testing.TB, addr string, cfg *tls.Config) *tlsClient {
	t.Helper()
	r := dialRaw(t, addr)
	w := &watched{Conn: r.TCPConn}
	c := tls.Client(w, cfg)
	r.in, r.out = bufio.NewReaderSize(c, 64<<10), c
	return &tlsClient{r, c, w}
}

// openTLS opens a WebSocket connection inside TLS.
func openTLS(t testing.TB, addr string, cfg *tls.Config) *tlsClient {
	t.Helper()
	r := dialTLS(t, addr, cfg)
	r.upgrade()
	return r
}

// wantNotified checks that the server ends TLS with close_notify.
func (r *tlsClient) wantNotified() {
	r.t.Helper()
	if b, err := io.ReadAll(r.in); err != nil || len(b) > 0 {
		r.t.Fatalf("got % x and %v, want the end", b[:min(len(b), 64)], err)
	}
	if r.wire.ended.Load() {
		r.t.Fatal("the TCP connection has ended without close_notify")
	}
}
