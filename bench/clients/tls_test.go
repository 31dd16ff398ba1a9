package clients

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	gorillaws "github.com/gorilla/websocket"
)

const permessageDeflate = "permessage-deflate"

// The servers with TLS.
var (
	secureServer     = &sharedServer{args: []string{"-app", "echo"}, secure: true}
	compressedServer = &sharedServer{args: []string{"-app", "echo", "-deflate"}, secure: true}
)

// TestTLS has the clients perform the table over TLS, with and without compression, which all but gobwas offer.
func TestTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server    *sharedServer
		extension string
	}{
		"plain":      {secureServer, ""},
		"compressed": {compressedServer, permessageDeflate},
	} {
		t.Run(name, func(t *testing.T) {
			url := c.server.get(t).url("/")
			if !strings.HasPrefix(url, "wss://") {
				t.Fatalf("the server is at %s", url)
			}
			for library, dial := range map[string]dialer{
				"gorilla": dialGorilla(gorillaws.Dialer{EnableCompression: true}, nil),
				"coder":   dialCoder(websocket.CompressionContextTakeover),
			} {
				t.Run(library, func(t *testing.T) { runExchanges(t, url, expectExtension(c.extension, dial)) })
			}
			t.Run("gobwas", func(t *testing.T) { runExchanges(t, url, dialGobwas) })
			t.Run("Node", func(t *testing.T) {
				runScript(t, url, nodeOrSkip(t), "node/exchanges.mjs", c.extension)
			})
			t.Run("Python", func(t *testing.T) {
				pythonOrSkip(t)
				runScript(t, url, python, "python/exchanges.py", c.extension)
			})
		})
	}
}

// expectExtension fails a dial in which another extension was negotiated than name, or any if that is empty.
func expectExtension(name string, dial dialer) dialer {
	return func(ctx context.Context, url string, x exchange) (conversation, error) {
		answer := make(http.Header)
		c, err := dial(context.WithValue(ctx, answerKey{}, answer), url, x)
		if err != nil {
			return nil, err
		}
		if got, _, _ := strings.Cut(answer.Get("Sec-WebSocket-Extensions"), ";"); got != name {
			c.drop()
			return nil, fmt.Errorf("negotiated the extension %q, want %q", got, name)
		}
		return c, nil
	}
}

// testSecurePage opens the page of a server over https: its WebSocket is a wss one, and compresses.
func testSecurePage(t *testing.T, browser context.Context) {
	s := compressedServer.get(t)
	tab := newTab(t, browser)
	expectSilentConsole(t, tab)
	do(t, tab, chromedp.Navigate(s.page()))
	if got := evaluate(t, tab, chromedp.Evaluate[bool]("window.isSecureContext")); !got {
		t.Error("the browser does not take the page for secure")
	}
	if got := evaluate(t, tab, chromedp.Value(chromedp.CSS("#url"))); got != s.url("/") {
		t.Errorf("the page proposes %q, want the server that it came from, %q", got, s.url("/"))
	}
	connect(t, tab, "")
	say(t, tab, "hello world!")
	expectInLog(t, tab, "hello world!")
	do(t, tab, chromedp.Click(chromedp.CSS("#disconnect")))
	awaitPage(t, tab, `document.querySelector('#log').innerText.includes('closed: 1000')`)
}

// certificate is what the servers with TLS show. All clients here trust it: those in Go, Python and Node by the
// environment, and Chromium by its key.
var certificate struct {
	certFile, keyFile string
	keyHash           string // of the public key, in SHA-256 and base64
}

// newCertificate writes httptest's certificate, which is its own authority, to a folder.
func newCertificate(dir string) error {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	key, err := x509.MarshalPKCS8PrivateKey(srv.TLS.Certificates[0].PrivateKey)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(srv.Certificate().RawSubjectPublicKeyInfo)
	c := &certificate
	c.certFile, c.keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c.keyHash = base64.StdEncoding.EncodeToString(hash[:])
	write := func(name, typ string, der []byte) error {
		return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), 0o600)
	}
	return errors.Join(
		write(c.certFile, "CERTIFICATE", srv.Certificate().Raw),
		write(c.keyFile, "PRIVATE KEY", key),
		os.Setenv("SSL_CERT_FILE", c.certFile),
		os.Setenv("NODE_EXTRA_CA_CERTS", c.certFile),
	)
}
