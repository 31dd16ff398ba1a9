package rawpeer

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

// dial opens a connection.
func dial(t *testing.T, url string, trust Trust) *Conn {
	t.Helper()
	target, err := ParseTarget(url, trust)
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Dial(t.Context(), &net.Dialer{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseSecureTarget(t *testing.T) {
	for s, want := range map[string][3]string{ // address, Host field, name to verify
		"wss://h:1/":     {"h:1", "h:1", "h"},
		"wss://h":        {"h:443", "h", "h"},
		"wss://[::1]:1/": {"[::1]:1", "[::1]:1", "::1"},
	} {
		got, err := ParseTarget(s, Trust{})
		if err != nil || got.TLS == nil || [3]string{got.Addr, got.Host, got.TLS.ServerName} != want || got.TLS.InsecureSkipVerify {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	if got, err := ParseTarget("wss://h", Trust{CA: []byte("none")}); err == nil {
		t.Errorf("without a certificate to verify by: %+v", got)
	}
}

// echoTLS accepts connections with httptest's certificate, which it returns in PEM. Each gets back what came when
// the client has ended it, and what reading ended with goes to ends.
func echoTLS(t *testing.T) (url string, ca []byte, ends chan error) {
	t.Helper()
	srv := httptest.NewTLSServer(nil)
	srv.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ends = make(chan error, 4)
	go func() {
		for {
			socket, err := l.Accept()
			if err != nil {
				return
			}
			c := tls.Server(socket, &tls.Config{Certificates: srv.TLS.Certificates})
			var all bytes.Buffer
			_, err = io.Copy(&all, c)
			ends <- err
			if err == nil {
				// The socket has ended too, with FIN.
				if n, err := socket.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("after close_notify: %d bytes, %v", n, err)
				}
				_, _ = c.Write(all.Bytes())
			}
			_ = c.Close()
		}
	}()
	return "wss://" + l.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), ends
}

// TestTLS holds that a connection with TLS is verified, and ends in the ways of a plain one.
func TestTLS(t *testing.T) {
	url, ca, ends := echoTLS(t)
	for name, trust := range map[string]Trust{"insecure": {Insecure: true}, "by a certificate": {CA: ca}} {
		c := dial(t, url, trust)
		if err := c.WriteChops([]byte("hello world!"), 5); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-ends; err != nil {
			t.Errorf("%s: the server's reading ended with %v, want close_notify", name, err)
		}
		if got, err := io.ReadAll(c); string(got) != "hello world!" || err != nil {
			t.Errorf("%s: %q came back, %v", name, got, err)
		}
		c.Close()
	}

	c := dial(t, url, Trust{Insecure: true})
	if err := c.Reset(); err != nil {
		t.Error(err)
	}
	if end, err := EndOf(<-ends); end != EndReset || err != nil {
		t.Errorf("the server's reading ended with %v, %v, want RST", end, err)
	}

	target, err := ParseTarget(url, Trust{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := target.Dial(t.Context(), &net.Dialer{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v, %v", c, err)
	}
	if err := <-ends; err == nil {
		t.Error("the server takes part")
	}
}
