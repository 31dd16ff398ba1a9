package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
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

// runScript runs a script that performs the whole table against url, and makes each line that it
// prints a subtest.
func runScript(t *testing.T, url, interpreter, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, script, url)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()

	results, err := parseResults(stdout.String())
	if err != nil {
		t.Fatalf("%v\nstandard error:\n%s", err, stderr.String())
	}
	failed := false
	for _, result := range results {
		failed = failed || !result.OK
		t.Run(result.Name, func(t *testing.T) {
			if !result.OK {
				t.Error(result.Detail)
			}
		})
	}
	if runErr != nil && !failed {
		t.Errorf("%s: %v, though no exchange failed\nstandard error:\n%s", script, runErr, stderr.String())
	}
	if runErr == nil && failed {
		t.Errorf("%s ended with status 0, though an exchange failed", script)
	}
}

// parseResults reads the lines of a script, which must be one for each exchange of the table.
func parseResults(stdout string) ([]scriptResult, error) {
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != len(exchanges) {
		return nil, fmt.Errorf("%d lines for %d exchanges:\n%s", len(lines), len(exchanges), stdout)
	}
	results := make([]scriptResult, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &results[i]); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		if results[i].Name != exchanges[i].Name {
			return nil, fmt.Errorf("line %d is for %q, want %q", i+1, results[i].Name, exchanges[i].Name)
		}
	}
	return results, nil
}
