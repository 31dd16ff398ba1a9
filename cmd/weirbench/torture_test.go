package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/weir/bench/torture"
	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// tortured runs the command against a server that does with messages what h does.
func tortured(t *testing.T, ctx context.Context, h reactor.HandlerFunc, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	srv := &reactor.Server{Handler: h}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var out, errs strings.Builder
	status = run(ctx, append(append([]string{"torture", "-max-latency", "20s"}, args...), "ws://"+srv.Addrs()[0].String()), &out, &errs)
	return status, out.String(), errs.String()
}

// TestSuitesTLS runs both suites on a server with TLS, which they verify as they are told.
func TestSuitesTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil)
	known.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := &reactor.Server{Handler: reactor.HandlerFunc(echoes), TLS: &tls.Config{Certificates: known.TLS.Certificates}, Logger: slog.New(slog.DiscardHandler)}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	url := "wss://" + srv.Addrs()[0].String()
	for _, suite := range [][]string{
		{"conform", "-run", `^1\.1\.[1-5] `, "-patience", "10s"},
		{"torture", "-run", "bad-closes", "-quiet", "-max-latency", "20s"},
	} {
		for _, c := range []struct {
			trust  []string
			status int
		}{
			{[]string{"-insecure"}, exitOK},
			{[]string{"-ca", ca}, exitOK},
			{nil, exitFailed},
		} {
			status, stdout, stderr := weirbench(t, slices.Concat(suite, c.trust, []string{url})...)
			if status != c.status || status == exitFailed && !strings.Contains(stderr, "certificate") {
				t.Errorf("%s %s: status %d\n%s%s", suite[0], c.trust, status, stdout, stderr)
			}
		}
	}
}

func echoes(c *reactor.Conn, m codec.Message) { _ = c.WriteMessage(m.Opcode, m.Payload) }

func TestTorture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	status, stdout, stderr := tortured(t, t.Context(), echoes, "-run", "tls-hello|bad-closes", "-json", file)
	if status != exitOK {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	for _, want := range []string{"tls-hello", "20 refused with 400", "bad-closes", "2 OK in"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	if strings.Count(stderr, "\n") != 4 {
		t.Errorf("progress:\n%s", stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rep torture.Report
	if err := json.Unmarshal(b, &rep); err != nil || !rep.OK() || len(rep.Abuses) != 2 || rep.Abuses[0].Endings["refused with 400"] != 20 {
		t.Errorf("%v in %s", err, b)
	}
}

func TestTortureJSONAlone(t *testing.T) {
	status, stdout, stderr := tortured(t, t.Context(), echoes, "-run", "tls-hello", "-quiet", "-json", "-")
	var rep torture.Report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || status != exitOK || stderr != "" {
		t.Errorf("status %d, %v\n%s%s", status, err, stdout, stderr)
	}
}

// TestTortureFails holds that the exit status tells.
func TestTortureFails(t *testing.T) {
	status, stdout, _ := tortured(t, t.Context(), func(c *reactor.Conn, m codec.Message) {
		if len(m.Payload) == 200 { // the message that is dribbled
			m.Payload[0]++
		}
		echoes(c, m)
	}, "-run", "dribble", "-scale", "0.1", "-quiet")
	if status != exitFailed || !strings.Contains(stdout, "came back wrong") {
		t.Errorf("status %d\n%s", status, stdout)
	}
}

func TestTortureFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want int
		text string
	}{
		{"-h", exitOK, "-max-latency"},
		{"-list", exitOK, "fragment-flood"},
		{"", exitUsage, "give one server"},
		{"ws://a ws://b", exitUsage, "give one server"},
		{"-run ( ws://a", exitUsage, "regexp"},
		{"-scale 99 ws://a", exitUsage, "-scale must be"},
		{"-pid x ws://a", exitUsage, "pid"},
		{"-nonsense ws://a", exitUsage, "-nonsense"},
		{"http://a", exitUsage, "bad target"},
		{"-run nothing-like-that ws://a", exitUsage, "no abuse matches"},
		{"ws://127.0.0.1:1", exitFailed, "refused"},
		{"-pid auto ws://127.0.0.1:1", exitFailed, "refused"},
	} {
		var out, errs strings.Builder
		status := run(t.Context(), append([]string{"torture"}, strings.Fields(c.args)...), &out, &errs)
		if status != c.want || !strings.Contains(out.String()+errs.String(), c.text) {
			t.Errorf("%q: status %d\n%s%s", c.args, status, out.String(), errs.String())
		}
	}
}

// TestTortureInterrupted holds that Ctrl-C reports what was done.
func TestTortureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	status, stdout, stderr := tortured(t, ctx, func(c *reactor.Conn, m codec.Message) {
		if len(m.Payload) == 200 {
			cancel()
		}
		echoes(c, m)
	}, "-run", "tls-hello|dribble|crowd")
	if status != exitFailed || !strings.Contains(stdout, "1 OK, 2 NOT RUN") || !strings.Contains(stdout, "interrupted") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}
