package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// scriptResult is one line that a script of another language prints for one exchange.
type scriptResult struct {
	Name   string
	OK     bool
	Detail string
}

// runScript runs a script that performs the whole table against url, where this extension is to be negotiated,
// or none if it is empty. Each line that it prints becomes a subtest.
func runScript(t *testing.T, url, interpreter, script, extension string) {
	t.Helper()
	names := make([]string, len(exchanges))
	for i, x := range exchanges {
		names[i] = x.Name
	}
	for _, result := range scriptResults(t, names, nil, interpreter, script, url, extension) {
		t.Run(result.Name, func(t *testing.T) {
			if !result.OK {
				t.Error(result.Detail)
			}
		})
	}
}

// scriptResults runs a script and returns the lines that it prints, one for each of names.
func scriptResults(t *testing.T, names []string, stdin io.Reader, interpreter string, args ...string) []scriptResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	runErr := cmd.Run()

	results, err := parseResults(stdout.String(), names)
	if err != nil {
		t.Fatalf("%v\nstandard error:\n%s", err, stderr.String())
	}
	failed := slices.ContainsFunc(results, func(r scriptResult) bool { return !r.OK })
	if runErr != nil && !failed {
		t.Errorf("%s: %v, though nothing failed\nstandard error:\n%s", args[0], runErr, stderr.String())
	}
	if runErr == nil && failed {
		t.Errorf("%s ended with status 0, though something failed", args[0])
	}
	return results
}

// parseResults reads the lines of a script, which must be one for each of names, in their order.
func parseResults(stdout string, names []string) ([]scriptResult, error) {
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != len(names) {
		return nil, fmt.Errorf("%d lines for %d names:\n%s", len(lines), len(names), stdout)
	}
	results := make([]scriptResult, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &results[i]); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		if results[i].Name != names[i] {
			return nil, fmt.Errorf("line %d is for %q, want %q", i+1, results[i].Name, names[i])
		}
	}
	return results, nil
}
