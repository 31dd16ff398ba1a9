package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certFiles are a certificate and its key.
type certFiles struct{ cert, key string }

func newCertFiles(t *testing.T) certFiles {
	dir := t.TempDir()
	return certFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// write makes a new certificate for name.
func (f certFiles) write(t *testing.T, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{f.cert: {Type: "CERTIFICATE", Bytes: der}, f.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReloadOnHangup renews the certificate of weir while it runs, and then breaks it.
func TestReloadOnHangup(t *testing.T) {
	files := newCertFiles(t)
	files.write(t, "first.example")
	url, logged, status := start(t, "-addr", "127.0.0.1:0", "-addr", "tcp://127.0.0.1:0", "-tls-cert", files.cert, "-tls-key", files.key)
	addr, ok := strings.CutPrefix(url, "https://")
	if !ok {
		t.Fatalf("the page is at %s", url)
	}
	plain := logged.await(t, "url=http://")
	name := func() string {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := name(); got != "first.example" {
		t.Errorf("the certificate is for %s", got)
	}
	files.write(t, "second.example")
	if got := name(); got != "first.example" {
		t.Errorf("before SIGHUP the certificate is for %s", got)
	}
	signalSelf(t, syscall.SIGHUP)
	logged.await(t, "second.example")
	if got := name(); got != "second.example" {
		t.Errorf("after SIGHUP the certificate is for %s", got)
	}
	if err := os.WriteFile(files.cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	signalSelf(t, syscall.SIGHUP)
	if line := logged.await(t, "level=ERROR"); !strings.Contains(line, files.cert) {
		t.Errorf("the log says %s", line)
	}
	if got := name(); got != "second.example" {
		t.Errorf("after a reload that failed the certificate is for %s", got)
	}

	plainURL, _, _ := strings.Cut(plain[strings.Index(plain, "http://"):], " ")
	for _, page := range []string{url, plainURL} {
		cl := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		res, err := cl.Get(page)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || !bytes.Equal(body, indexPage.Body) || err != nil {
			t.Errorf("the page at %s: %s, %d bytes, %v", page, res.Status, len(body), err)
		}
		cl.CloseIdleConnections()
	}
	signalSelf(t, syscall.SIGTERM)
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}

// TestBadCertificate says in one line what is wrong with the files.
func TestBadCertificate(t *testing.T) {
	good, other, bad := newCertFiles(t), newCertFiles(t), newCertFiles(t)
	good.write(t, "good.example")
	other.write(t, "other.example")
	for _, file := range []string{bad.cert, bad.key} {
		if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ cert, key, want string }{
		{good.cert + "x", good.key, "no such file"},
		{good.cert, good.key + "x", "no such file"},
		{bad.cert, good.key, "failed to find any PEM data in certificate"},
		{good.cert, bad.key, "failed to find any PEM data in key"},
		{good.cert, other.key, "private key does not match public key"},
	} {
		var stderr bytes.Buffer
		status := run([]string{"-addr", "127.0.0.1:0", "-tls-cert", row.cert, "-tls-key", row.key}, func(string) string { return "" }, io.Discard, &stderr)
		if got := stderr.String(); status != exitFailed || !strings.Contains(got, row.want) || !strings.Contains(got, "-tls-cert "+row.cert) || strings.Count(got, "\n") != 1 {
			t.Errorf("status %d: %s, want %s", status, got, row.want)
		}
	}
}
