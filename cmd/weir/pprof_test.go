package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestPprofLoopbackOnly(t *testing.T) {
	for _, row := range []struct {
		args []string
		ok   bool
	}{
		{[]string{"-pprof", "127.0.0.1:6060"}, true},
		{[]string{"-pprof", "[::1]:0"}, true},
		{[]string{"-pprof", "localhost:6060"}, true},
		{[]string{"-pprof", ":6060"}, false},
		{[]string{"-pprof", "0.0.0.0:6060"}, false},
		{[]string{"-pprof", "192.0.2.1:6060"}, false},
		{[]string{"-pprof", "6060"}, false},
		{[]string{"-pprof", ":6060", "-pprof-public"}, true},
	} {
		if _, err := parse(nil, row.args...); (err == nil) != row.ok {
			t.Errorf("%v: %v", row.args, err)
		}
	}
}

func TestPprofServes(t *testing.T) {
	logged := make(lines, 10)
	stop, err := servePprof("127.0.0.1:0", false, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	url := logged.await(t, "url=")
	url = strings.TrimSpace(url[strings.Index(url, "url=")+len("url="):])
	for path, want := range map[string]string{"": "goroutine", "goroutine?debug=1": "goroutine profile", "mutex?debug=1": "sampling period=100"} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v, %.200s", path, res.Status, err, body)
		}
	}
}
