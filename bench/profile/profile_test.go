package profile

import (
	"context"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCollect(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 3 s")
	}
	srv := httptest.NewServer(http.DefaultServeMux)
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "new")
	if err := Collect(t.Context(), srv.URL, dir, time.Second); err != nil {
		t.Fatal(err)
	}
	for _, name := range Files {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		magic := "\x1f\x8b" // profiles are compressed
		if strings.HasSuffix(name, ".out") {
			magic = "go 1."
		}
		if !strings.HasPrefix(string(b), magic) {
			t.Errorf("%s begins with %.16q", name, b)
		}
	}
}

func TestCollectErrors(t *testing.T) {
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	err := Collect(t.Context(), nothing.URL, t.TempDir(), 0)
	if err == nil || !strings.Contains(err.Error(), "cpu.pprof") || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Collect(ctx, nothing.URL, t.TempDir(), time.Hour); err == nil {
		t.Error("no error though it was cancelled")
	}
	for _, base := range []string{"ftp://x", "http://", "://"} {
		if err := Collect(t.Context(), base, t.TempDir(), 0); err == nil {
			t.Errorf("%q was accepted", base)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:6060":                     "http://127.0.0.1:6060/debug/pprof/",
		"http://127.0.0.1:6060/":             "http://127.0.0.1:6060/debug/pprof/",
		"http://127.0.0.1:6060/debug/pprof/": "http://127.0.0.1:6060/debug/pprof/",
		"https://host/proxy/pprof":           "https://host/proxy/pprof/",
	} {
		if got, err := endpoint(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
