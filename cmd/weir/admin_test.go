package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answer is what h answers.
func answer(h http.Handler, method, target, contentType, body string) (status int, text string, header http.Header) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestAdminPublish(t *testing.T) {
	app := &topics{}
	adm := newAdmin(app, 100)
	h := adm.handler()
	if status, _, _ := answer(h, "POST", "/publish?topic=rooms.a", "text/plain", "early"); status != http.StatusServiceUnavailable {
		t.Errorf("before the server is ready: %d", status)
	}
	_, l := startApp(t, app)("/rooms/a")
	adm.state.Store(&stateReady)
	const a = "/publish?topic=rooms.a"
	for _, row := range []struct {
		name, method, target, contentType, body string
		status                                  int
		text                                    string // that the answer contains
		heard                                   string
	}{
		{"JSON", "POST", a, "application/json", `{"x": 1}`, 200, `{"ok":true,"subscribers":1}`, `{"topic":"rooms.a","data":{"x": 1}}`},
		{"kind of JSON", "POST", a, "application/geo+json; charset=utf-8", `[]`, 200, "ok", `{"topic":"rooms.a","data":[]}`},
		{"text", "POST", a, "text/plain; charset=utf-8", "hällo \"you\"\n", 200, "ok", `{"topic":"rooms.a","data":"hällo \"you\"\n"}`},
		{"empty text", "POST", a, "text/plain", "", 200, "ok", `{"topic":"rooms.a","data":""}`},
		{"binary", "POST", a, "application/octet-stream", "\x00\xff", 200, "ok", "\x00\xff"},
		{"nobody listens", "POST", "/publish?topic=rooms.b", "text/plain", "", 200, `"subscribers":0`, ""},
		{"as large as permitted", "POST", a, "image/png", strings.Repeat("x", 100), 200, "ok", strings.Repeat("x", 100)},
		{"too large", "POST", a, "image/png", strings.Repeat("x", 101), 413, "100 bytes", ""},
		{"not JSON", "POST", a, "application/json", "{", 400, "not JSON", ""},
		{"JSON that is not UTF-8", "POST", a, "application/json", "\"\xff\"", 400, "not JSON", ""},
		{"text that is not UTF-8", "POST", a, "text/plain", "\xff", 400, "not UTF-8", ""},
		{"a form", "POST", a, "application/x-www-form-urlencoded", "x=1", 415, "Content-Type: application/json", ""},
		{"no type", "POST", a, "", "x", 415, "Content-Type", ""},
		{"no topic", "POST", "/publish", "text/plain", "x", 400, "topic=", ""},
		{"a pattern", "POST", "/publish?topic=rooms.*", "text/plain", "x", 400, "rooms.*", ""},
		{"method", "GET", a, "", "", 405, "", ""},
		{"another path", "POST", "/elsewhere", "text/plain", "", 404, "", ""},
	} {
		status, text, header := answer(h, row.method, row.target, row.contentType, row.body)
		if status != row.status || !strings.Contains(text, row.text) {
			t.Errorf("%s: %d %s", row.name, status, text)
		}
		if status == 405 && header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow: %s", row.name, header.Get("Allow"))
		}
		if row.heard == "" {
			continue
		}
		if got := within(t, l.heard); got != row.heard {
			t.Errorf("%s: heard %q", row.name, got)
		}
	}
	select {
	case got := <-l.heard:
		t.Errorf("heard %q, which was refused", got)
	default:
	}
	if err := app.srv.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, header := answer(h, "POST", a, "text/plain", "late"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("after the end: %d, %v", status, header)
	}
	if status, text, _ := answer(newAdmin(echo{}, 100).handler(), "POST", a, "text/plain", "x"); status != http.StatusNotFound || !strings.Contains(text, "-app topics") {
		t.Errorf("without topics: %d %s", status, text)
	}
}

func TestAdminHealth(t *testing.T) {
	adm := newAdmin(echo{}, 100)
	for state, want := range map[*string]int{&stateStarting: 503, &stateReady: 200, &stateDraining: 503} {
		adm.state.Store(state)
		if status, text, _ := answer(adm.handler(), "GET", "/readyz", "", ""); status != want || text != `{"status":"`+*state+"\"}\n" {
			t.Errorf("%s: %d %s", *state, status, text)
		}
		if status, text, _ := answer(adm.handler(), "GET", "/healthz", "", ""); status != 200 || text != "{\"status\":\"ok\"}\n" {
			t.Errorf("%s: /healthz: %d %s", *state, status, text)
		}
	}
	if status, _, _ := answer(adm.handler(), "GET", "/debug/pprof/goroutine?debug=1", "", ""); status != 200 {
		t.Errorf("profiles: %d", status)
	}
}

// TestAdminListener: pages in a browser on this machine, and names that were made to lead here, are kept
// out.
func TestAdminListener(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") })
	for _, public := range []bool{false, true} {
		addr, stop, err := serveHTTP("127.0.0.1:0", public, h, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if _, _, err := serveHTTP(addr.String(), public, h, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("listens on an address that is taken")
		}
		for _, row := range []struct {
			name, host, origin string
			in                 bool
		}{
			{"by number", addr.String(), "", true},
			{"by name", "localhost", "", true},
			{"by another name", "rebound.example", "", public},
			{"from a page", addr.String(), "https://page.example", false},
		} {
			r, err := http.NewRequest("POST", "http://"+addr.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = row.host
			if row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if (res.StatusCode == 200) != row.in || !row.in && res.StatusCode != 403 {
				t.Errorf("public %v, %s: %s", public, row.name, res.Status)
			}
		}
	}
}
