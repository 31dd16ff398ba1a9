// Package clients tries the weir server with WebSocket clients that others wrote: Go libraries,
// Node's ws, Python's websockets and Chromium, and the library inside chi and gin. It is a module of its own,
// so that none of them ever enters the library's go.mod.
//
// The tests run the binary that WEIR_BIN names, or build it from the repository around them; those of
// permessage-deflate's parameters run servers of the library, one for each.
// A test whose client is not installed is skipped, or fails if WEIR_REQUIRE_CLIENTS is 1;
// install.sh installs what is missing. Run them with -count=1: go test does not see that the
// binary has changed, and would repeat an old result.
package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// weirBin is the path of the server's binary.
var weirBin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-clients-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	if exchanges, err = parseExchanges(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if weirBin, err = findWeir(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := newCertificate(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := stopShared(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// findWeir returns the binary of WEIR_BIN, or builds it into dir.
func findWeir(dir string) (string, error) {
	if bin := os.Getenv("WEIR_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(dir, "weir")
	build := exec.Command("go", "build", "-o", bin, "example.org/weir/cmd/weir")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weir (or set WEIR_BIN): %w\n%s", err, out)
	}
	return bin, nil
}

// missing ends the test of a client that is not installed.
func missing(t *testing.T, why string) {
	t.Helper()
	why += "; bench/clients/install.sh installs it"
	if os.Getenv("WEIR_REQUIRE_CLIENTS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
