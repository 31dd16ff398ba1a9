package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"example.org/weir/bench"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixtures are results of runs, one of each scenario. That of slow was edited into one in which much
// went wrong.
var fixtures = []string{"echo", "rate", "search", "connect", "churn", "fanout", "slow", "storm"}

// fixture reads a result from testdata.
func fixture(t testing.TB, name string) *bench.Result {
	t.Helper()
	r, err := ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("it differs from %s (if that is right, run the test with -update):\n%s", name, got)
	}
}
