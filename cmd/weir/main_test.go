package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

func TestExitStatus(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, row := range []struct {
		name   string
		args   []string
		status int
		stdout string // that it contains
		stderr string
	}{
		{"help", []string{"-h"}, exitOK, "", "Usage"},
		{"version", []string{"-version"}, exitOK, "weir ", ""},
		{"bad flag", []string{"-nonsense"}, exitUsage, "", "-nonsense"},
		{"bad address", []string{"-addr", "nowhere"}, exitUsage, "", "host:port"},
		{"unknown network", []string{"-addr", "udp://:1"}, exitUsage, "", "tcp"},
		{"taken port", []string{"-addr", taken.Addr().String()}, exitFailed, "", "address already in use"},
		{"taken port for -admin", []string{"-addr", "127.0.0.1:0", "-admin", taken.Addr().String()}, exitFailed, "", "cannot serve -admin: listen tcp " + taken.Addr().String()},
		{"taken port for -pprof", []string{"-addr", "127.0.0.1:0", "-pprof", taken.Addr().String()}, exitFailed, "", "cannot serve -pprof: "},
		{"socket in no folder", []string{"-addr", "unix:///nonexistent/weir.sock"}, exitFailed, "", "/nonexistent/weir.sock"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			got := run(row.args, func(string) string { return "" }, &stdout, &stderr)
			if got != row.status || !strings.Contains(stdout.String(), row.stdout) || !strings.Contains(stderr.String(), row.stderr) {
				t.Errorf("status %d, want %d\nstdout: %s\nstderr: %s", got, row.status, &stdout, &stderr)
			}
			if lines := strings.Count(stderr.String(), "\n"); row.status != exitOK && lines != 1 {
				t.Errorf("%d lines instead of one: %s", lines, &stderr)
			}
		})
	}
}

// TestVersion holds that a commit is named once.
func TestVersion(t *testing.T) {
	const commit = "f0bebe397b3b"
	for version, want := range map[string]string{
		"":       "(devel) " + commit,
		"v1.2.3": "v1.2.3 " + commit,
		"v0.0.0-20261123113157-" + commit + "+dirty": "v0.0.0-20261123113157-" + commit + "+dirty",
	} {
		info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: commit + "0123456789"}, {Key: "vcs.modified", Value: "false"}}}
		info.Main.Version = version
		if got := versionOf(info); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
}

// TestDrainOnSignal runs weir in this process, asks it for its page, and ends it as Ctrl-C does.
func TestDrainOnSignal(t *testing.T) {
	url, logged, status := start(t, "-addr", "127.0.0.1:0")
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page: %s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	signalSelf(t, syscall.SIGINT)
	logged.await(t, "draining")
	logged.await(t, "stopped")
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
	if res, err := http.Get(url); err == nil {
		_ = res.Body.Close()
		t.Error("it still listens")
	}
}

// TestHangupWithNothingToReload holds that SIGHUP does not end weir where nothing is read again, and that weir says so.
func TestHangupWithNothingToReload(t *testing.T) {
	for _, args := range [][]string{nil, {"-auth-url", "http://127.0.0.1:1/"}} {
		url, logged, status := start(t, append(args, "-addr", "127.0.0.1:0")...)
		signalSelf(t, syscall.SIGHUP)
		logged.await(t, "nothing to reload")
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		signalSelf(t, syscall.SIGTERM)
		if got := within(t, status); got != exitOK {
			t.Errorf("%v: exit status %d", args, got)
		}
	}
}

// TestAdviceAtStart holds that weir says when it starts what -max-conns is too much for.
func TestAdviceAtStart(t *testing.T) {
	_, logged, status := start(t, "-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-max-conns", "1000000000")
	if line := logged.await(t, "1000000000 connections"); !strings.Contains(line, "level=WARN") || !strings.Contains(line, " do=") {
		t.Error(line)
	}
	logged.await(t, "open in a browser")
	signalSelf(t, syscall.SIGTERM)
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}

// TestAdminOfWeir holds that the admin of a server that runs knows its app, and the memory from which on it is not ready.
func TestAdminOfWeir(t *testing.T) {
	admin, _, status := start(t, "-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-app", "chat", "-ready-memory", "1KiB")
	for path, want := range map[string]string{"/readyz": `503 {"status":"memory"`, "/metrics": `app="chat"`} {
		eventually(t, path+" tells "+want, func() bool {
			res, err := http.Get(strings.TrimSpace(admin) + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			return strings.Contains(fmt.Sprint(res.StatusCode, " ", string(body)), want)
		})
	}
	signalSelf(t, syscall.SIGTERM)
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}

// TestNotReadyWhileDraining holds that /readyz tells of a drain while clients are still there, and that those who do
// not go are cut at -drain-timeout.
func TestNotReadyWhileDraining(t *testing.T) {
	for _, row := range []struct {
		timeout string
		goes    bool
		last    string
	}{{"1m", true, "stopped"}, {"100ms", false, "were cut"}} {
		admin, logged, status := start(t, "-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-drain-timeout", row.timeout)
		admin = strings.TrimSpace(admin)
		_, addr, _ := strings.Cut(logged.await(t, "addr=tcp://"), "addr=tcp://")
		conn, err := net.Dial("tcp", strings.TrimSpace(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, upgradeRequest)
		if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 101"))); err != nil {
			t.Fatal(err)
		}
		signalSelf(t, syscall.SIGTERM)
		logged.await(t, "draining")
		if row.goes {
			res, err := http.Get(admin + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "draining") {
				t.Errorf("/readyz: %s, %s", res.Status, body)
			}
			_ = conn.Close()
		}
		logged.await(t, row.last)
		if got := within(t, status); got != exitOK {
			t.Errorf("exit status %d", got)
		}
	}
}

// start runs weir in this process and returns the URL of its page.
func start(t *testing.T, args ...string) (url string, logged lines, status chan int) {
	t.Helper()
	logged, status = make(lines, 100), make(chan int, 1)
	go func() { status <- run(args, func(string) string { return "" }, logged, logged) }()
	url = logged.await(t, "url=")
	url = url[strings.Index(url, "url=")+len("url="):]
	url, _, _ = strings.Cut(url, " ")
	return url, logged, status
}

// signalSelf sends this process a signal, which weir must be there to take.
func signalSelf(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}

// lines is a log that can be waited for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// await returns the next line that contains s.
func (l lines) await(t *testing.T, s string) string {
	t.Helper()
	for {
		if line := within(t, l); strings.Contains(line, s) {
			return line
		}
	}
}
