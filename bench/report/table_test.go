package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"example.org/weir/bench"
)

func table(t *testing.T, r *bench.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Table(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTable(t *testing.T) {
	for _, name := range fixtures {
		t.Run(name, func(t *testing.T) { golden(t, name+".txt", table(t, fixture(t, name))) })
	}
}

// TestTableOfNothing shows nothing for what a run does not have.
func TestTableOfNothing(t *testing.T) {
	golden(t, "nothing.txt", table(t, &bench.Result{Scenario: "echo", Ended: "complete"}))
}

func TestTableWarnsOfTheGenerator(t *testing.T) {
	r := fixture(t, "echo")
	const warning = "WARNING: the generator itself was the bottleneck"
	if strings.Contains(string(table(t, r)), warning) {
		t.Error("it warns of a generator that was not the bottleneck")
	}
	r.Generator.Bottleneck = true
	if n := strings.Count(string(table(t, r)), warning); n != 1 {
		t.Errorf("it warns %d times", n)
	}
	r.Warnings = []string{"the generator itself was the bottleneck: it used 95 %"}
	if n := strings.Count(string(table(t, r)), warning); n != 1 {
		t.Errorf("it warns %d times of what the run has warned of", n)
	}
}

// broken is a writer that fails.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWritersTellOfFailures(t *testing.T) {
	r := fixture(t, "rate")
	for name, err := range map[string]error{
		"table":   Table(broken{}, r),
		"json":    WriteJSON(broken{}, r),
		"csv":     WriteCSV(broken{}, r),
		"hdr":     WriteHDR(broken{}, r),
		"html":    HTML(broken{}, r, nil),
		"compare": Compare(r, r).Write(broken{}),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
