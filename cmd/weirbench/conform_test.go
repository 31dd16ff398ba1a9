package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/weir/bench/conform"
	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// conformRun runs weirbench conform and returns its exit status and what it wrote.
func conformRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	status = run(t.Context(), append([]string{"conform"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

func TestConformUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string // on standard error
	}{
		{"no target", nil, "want one target"},
		{"two targets", []string{"ws://a", "ws://b"}, "want one target"},
		{"not a target", []string{"http://a"}, "bad target"},
		{"bad regexp", []string{"-run", "(", "ws://a"}, "missing closing"},
		{"unknown flag", []string{"-nothing", "ws://a"}, "conform -h"},
		{"negative", []string{"-parallel", "-1", "ws://a"}, "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := conformRun(t, c.args...)
			if status != exitUsage || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("status %d, output %q, errors %q", status, stdout, stderr)
			}
		})
	}
	status, stdout, stderr := conformRun(t, "-h")
	if status != exitOK || stderr != "" {
		t.Errorf("-h: status %d, errors %q", status, stderr)
	}
	for _, want := range []string{"-run regexp", "-parallel rules", "-timeout time", "-json file", "-ca file", "-insecure", "UNCLEAN", "Exit status"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help lacks %q:\n%s", want, stdout)
		}
	}
}

func TestConformStatus(t *testing.T) {
	echo := func(op codec.Opcode) string {
		srv := &reactor.Server{Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) { _ = c.WriteMessage(op, m.Payload) })}
		if err := srv.Start("unix://" + filepath.Join(t.TempDir(), "s")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		return "unix://" + srv.Addrs()[0].String()
	}
	file := filepath.Join(t.TempDir(), "result.json")
	status, stdout, stderr := conformRun(t, "-run", `^1\.1\.[1-5] `, "-patience", "10s", "-json", file, "-v", echo(codec.Text))
	if status != exitOK || !strings.Contains(stdout, "1.1.5 text message of 128 bytes: echo") || !strings.Contains(stderr, "5/5 OK ") {
		t.Errorf("status %d, output %q, errors %q", status, stdout, stderr)
	}
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var res conform.Result
	if err := json.Unmarshal(p, &res); err != nil || len(res.Outcomes) != 5 || !res.OK() {
		t.Errorf("%v: %s", err, p)
	}

	status, stdout, stderr = conformRun(t, "-run", `^1\.1\.1 `, "-patience", "10s", "-json", "-", echo(codec.Binary))
	if status != exitFailed || !strings.Contains(stdout, `"verdict": "FAILED"`) || !strings.Contains(stderr, "1/1 FAILED 1.1.1 ") {
		t.Errorf("status %d, output %q, errors %q", status, stdout, stderr)
	}
	if status, _, stderr = conformRun(t, "unix:///nowhere/at/all"); status != exitFailed || !strings.Contains(stderr, "nowhere") {
		t.Errorf("status %d, errors %q", status, stderr)
	}
}
