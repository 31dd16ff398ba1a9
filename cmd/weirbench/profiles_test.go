package main

import (
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/weir/bench/profile"
)

func TestProfiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 s")
	}
	pprof := httptest.NewServer(http.DefaultServeMux)
	t.Cleanup(func() { // for the leak check
		http.DefaultClient.CloseIdleConnections()
		pprof.Close()
	})
	dir := filepath.Join(t.TempDir(), "profiles")
	status, stdout, stderr := weirbench(t, "echo", "-conns", "2", "-duration", "5s", "-warmup", "0",
		"-pprof", pprof.URL, "-profiles", dir, serve(t, echo).url)
	if status != exitOK || !strings.Contains(stdout, "echo ws://") || !strings.Contains(stderr, "profiles are in "+dir) {
		t.Fatalf("status %d\n%s\n%s", status, stdout, stderr)
	}
	for _, name := range profile.Files {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProfilesRefused(t *testing.T) {
	status, _, stderr := weirbench(t, "echo", "-duration", "4s", "-pprof", "127.0.0.1:1", "ws://127.0.0.1:1")
	if status != exitUsage || !strings.Contains(stderr, "-duration of 5s") {
		t.Errorf("status %d, %s", status, stderr)
	}
}
