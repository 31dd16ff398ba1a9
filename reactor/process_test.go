package reactor

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// process is this test binary, run again.
type process struct {
	t     *testing.T
	pid   int
	stdin io.Writer
	lines *bufio.Scanner // of its output
	log   logBuffer
}

// startChild runs this test binary again, with a variable in its environment, until the test ends.
func startChild(t *testing.T, variable string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, stdin: stdin, lines: bufio.NewScanner(stdout)}
	cmd.Stderr = &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	dead := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		dead.Stop()
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the child ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the child's log: %s", p.log.String())
		}
	})
	return p
}

// line is the next line of its output.
func (p *process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the child says no more: %s", p.log.String())
	}
	return p.lines.Text()
}
