package peers

import (
	"fmt"
	"os"
	"testing"
)

// bin is the folder with the peers' binaries; missing are those that could not be built.
var (
	bin     string
	missing Missing
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-peers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if missing, err = Build(".", dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

// start runs a peer for one test, and expects it to end by SIGTERM.
func start(t *testing.T, p Peer, path string) *Server {
	t.Helper()
	return startService(t, p, Service{Path: path})
}

// startService does so for any service; its address is found.
func startService(t *testing.T, p Peer, service Service) *Server {
	t.Helper()
	if why, ok := missing[p.Name]; ok {
		t.Skip(why)
	}
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	service.Addr = addr
	s, err := Start(t.Context(), p.Command(bin, service), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !s.Running() {
			t.Errorf("%s has ended before it was told to", p.Name)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed: %s", p.Name, s.Log())
		}
	})
	return s
}

// each runs a test for each peer that speaks WebSocket, or each that does not.
func each(t *testing.T, raw bool, f func(t *testing.T, p Peer)) {
	for _, p := range All {
		if p.Raw == raw && !p.BothCores { // with more cores it does the same
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				f(t, p)
			})
		}
	}
}
