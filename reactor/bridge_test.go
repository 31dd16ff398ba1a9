package reactor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
)

// tlsProxy is a server that takes TLS off and passes on to addr.
func tlsProxy(t *testing.T, addr string) (srv *httptest.Server, wss string) {
	t.Helper()
	srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		_ = r.Write(to)
		conn, _, _ := w.(http.Hijacker).Hijack()
		inside, err := bridge(to)
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			buf := make([]byte, 64<<10)
			for n, err := conn.Read(buf); err == nil; n, err = conn.Read(buf) {
				_, _ = inside.Write(buf[:n])
			}
			_ = inside.Close()
		}()
		buf := make([]byte, 64<<10)
		for n, err := inside.Read(buf); err == nil; n, err = inside.Read(buf) {
			_, _ = conn.Write(buf[:n])
		}
		_ = conn.Close()
	}))
	t.Cleanup(srv.Close)
	return srv, strings.Replace(srv.URL, "https", "wss", 1)
}

func TestDialTLS(t *testing.T) {
	h := newProbe()
	proxy, wss := tlsProxy(t, serve(t, &Server{Handler: h, CheckOrigin: func(*codec.Request) bool { return true }}))
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	cl := &Client{TLS: &tls.Config{RootCAs: roots}}
	t.Cleanup(func() { _ = cl.Close() })
	got := newCollector()
	c, err := cl.Dial(t.Context(), wss+"/", got, nil)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(wss)
	if c.RemoteAddr().String() != u.Host || c.LocalAddr().Network() != "tcp" {
		t.Errorf("from %v to %v, want tcp to %v", c.LocalAddr(), c.RemoteAddr(), u.Host)
	}
	for _, n := range []int{0, 5, 1000, 100_000, 900_000} {
		s := strings.Repeat("x", n)
		_ = c.WriteText(s)
		if echoed := within(t, got.messages); echoed != "text:"+s {
			t.Fatalf("%d bytes came back as %d", n, len(echoed))
		}
	}
	if err := c.Close(3000, "enough"); err != nil {
		t.Fatal(err)
	}
	var ce *codec.CloseError
	if err := within(t, got.closed); !errors.As(err, &ce) || ce.Code != 3000 {
		t.Errorf("OnClose got %v", err)
	}
	h.wantClosed(t, 3000, true)
}

func TestDialTLSRefused(t *testing.T) {
	_, wss := tlsProxy(t, serve(t, &Server{}))
	cl := &Client{}
	t.Cleanup(func() { _ = cl.Close() })
	var unknown x509.UnknownAuthorityError
	if _, err := cl.Dial(t.Context(), wss, NopHandler{}, nil); !errors.As(err, &unknown) {
		t.Errorf("an unknown authority: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	slow := &Client{HandshakeTimeout: 50 * time.Millisecond}
	t.Cleanup(func() { _ = slow.Close() })
	if _, err := slow.Dial(t.Context(), "wss://"+silent.Addr().String(), NopHandler{}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that does not answer: %v", err)
	}
}
