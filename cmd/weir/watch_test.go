package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// watched is a server that an admin watches.
type watched struct {
	t      *testing.T
	srv    *reactor.Server
	adm    *admin
	h      http.Handler
	client reactor.Client
}

func watch(t *testing.T, srv *reactor.Server) *watched {
	t.Helper()
	if srv.Handler == nil {
		srv.Handler = echo{}
	}
	srv.Logger = slog.New(slog.DiscardHandler)
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, srv: srv, adm: newAdmin(echo{}, 100)}
	w.adm.appName = "echo"
	w.adm.started(srv)
	w.h = w.adm.handler()
	t.Cleanup(func() {
		_ = w.client.Close()
		_ = srv.Close()
		w.adm.live.close()
	})
	return w
}

// dial connects to a path, and has said and heard a message.
func (w *watched) dial(path string) (*reactor.Conn, *listener) {
	w.t.Helper()
	l := &listener{heard: make(chan string, 100), closed: make(chan error, 1)}
	c, err := w.client.Dial(w.t.Context(), "ws://"+w.srv.Addrs()[0].String()+path, l, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, l
}

// say sends a text and waits for the echo.
func (w *watched) say(c *reactor.Conn, l *listener, text string) {
	w.t.Helper()
	if err := c.WriteText(text); err != nil {
		w.t.Fatal(err)
	}
	if got := within(w.t, l.heard); got != text {
		w.t.Fatalf("heard %q", got)
	}
}

// get returns what is answered to GET.
func (w *watched) get(target string) (status int, text string) {
	w.t.Helper()
	status, text, _ = answer(w.h, "GET", target, "", "")
	return status, text
}

// TestHealthLag holds that /healthz tells which loop is held up.
func TestHealthLag(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	w := watch(t, &reactor.Server{Loops: 1, Handler: reactor.HandlerFunc(func(*reactor.Conn, codec.Message) {
		close(held)
		<-release
	})})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	w.adm.maxLag = 300 * time.Millisecond
	c, _ := w.dial("/")
	if err := c.WriteText("x"); err != nil {
		t.Fatal(err)
	}
	<-held
	var report healthReport
	eventually(t, "the lag is seen", func() bool {
		status, text := w.get("/healthz")
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatal(err)
		}
		return status == http.StatusServiceUnavailable
	})
	if report.Status != "lagging" || len(report.Loops) != 1 || report.Loops[0].Loop != 0 || report.Loops[0].Lag <= 0.3 {
		t.Errorf("%+v", report)
	}
	free()
	eventually(t, "the lag is over", func() bool { status, _ := w.get("/healthz"); return status == http.StatusOK })
}

// TestReadyMemory holds that a server with too much memory is not ready, and says why.
func TestReadyMemory(t *testing.T) {
	w := watch(t, &reactor.Server{})
	for mark, want := range map[uint64]string{0: `200 {"status":"ready"}`, 1 << 60: `200 {"status":"ready"}`, 1: `503 {"status":"memory","memory_bytes":`} {
		w.adm.readyMemory = mark
		status, text := w.get("/readyz")
		if got := fmt.Sprint(status, " ", text); !strings.HasPrefix(got, want) {
			t.Errorf("-ready-memory %d: %s, want %s", mark, got, want)
		}
	}
	if n := memory(); n < 1<<20 || n > 1<<40 {
		t.Errorf("the process has %d bytes", n)
	}
}

// TestConnections holds what is listed, in which order, and how much.
func TestConnections(t *testing.T) {
	w := watch(t, &reactor.Server{TrackConns: true, Loops: 2})
	for i := range 5 {
		c, l := w.dial(fmt.Sprint("/room/", i))
		for range i {
			w.say(c, l, "hello")
		}
	}
	list := func(query string) (list connectionList) {
		t.Helper()
		status, text := w.get("/connections?format=json&" + query)
		if err := json.Unmarshal([]byte(text), &list); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", query, status, text, err)
		}
		return list
	}
	ids := func(l connectionList) (ids []uint64) {
		for _, line := range l.Shown {
			ids = append(ids, line.ID)
		}
		return ids
	}
	for query, want := range map[string]string{
		"":                     "[1 2 3 4 5] 0",
		"limit=2":              "[1 2] 2",
		"limit=2&after=2":      "[3 4] 4",
		"limit=2&after=4":      "[5] 0",
		"limit=1&after=99":     "[] 0",
		"sort=in&limit=3":      "[5 4 3] 0",
		"sort=out&limit=1":     "[5] 0",
		"sort=age&limit=2":     "[1 2] 0",
		"sort=id&limit=10000":  "[1 2 3 4 5] 0",
		"sort=in&limit=10000x": "400",
		"sort=name":            "400",
		"limit=0":              "400",
		"limit=10001":          "400",
		"after=x":              "400",
		"after=1&sort=in":      "400",
	} {
		if want == "400" {
			if status, _ := w.get("/connections?" + query); status != http.StatusBadRequest {
				t.Errorf("%s: %d", query, status)
			}
			continue
		}
		got := list(query)
		if s := fmt.Sprint(ids(got), " ", got.Next); s != want || got.Connections != 5 || got.Untracked || got.Incomplete {
			t.Errorf("%s: %s of %+v, want %s", query, s, got, want)
		}
	}
	if l := listConnections(t.Context(), w.srv, connectionQuery{Sort: "id", Limit: 1}, time.Now()); cap(l.Shown) > 2 {
		t.Errorf("there was room for %d connections, to list one", cap(l.Shown))
	}
	last := list("sort=in&limit=1").Shown[0]
	hello := uint64(4 * (6 + len("hello")))
	if last.Path != "/room/4" || last.In.Messages != 4 || last.Out.Messages != 4 || last.In.Bytes <= hello || last.Out.Bytes <= hello || last.Seconds <= 0 || !strings.HasPrefix(last.Client, "127.0.0.1:") {
		t.Errorf("%+v", last)
	}
}

// TestConnectionLine holds that each figure of a connection stands in its own place, and what an order puts first.
func TestConnectionLine(t *testing.T) {
	now := time.Now()
	got := newConnectionLine(reactor.ConnInfo{
		ID: 1, Path: "/a", Remote: &net.UnixAddr{Name: "@", Net: "unix"}, Since: now.Add(-2 * time.Second), Buffered: 3,
		Received: reactor.ConnTraffic{Messages: 4, Bytes: 5}, Sent: reactor.ConnTraffic{Messages: 6, Bytes: 7}, Ping: 8 * time.Second,
	}, now)
	if want := (connectionLine{1, "@", "", "/a", 2, carried{4, 5}, carried{6, 7}, 3, 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	least := connectionLine{ID: 1}
	for order, first := range map[string]connectionLine{
		"id": {}, "age": {ID: 2, Seconds: 1}, "in": {ID: 2, In: carried{Bytes: 1}}, "out": {ID: 2, Out: carried{Bytes: 1}},
		"buffered": {ID: 2, Buffered: 1}, "ping": {ID: 2, Ping: 1},
	} {
		if by := connectionOrders[order]; by(first, least) >= 0 || by(least, first) <= 0 {
			t.Errorf("%s does not put %+v first", order, first)
		}
	}
}

// TestConnectionsPage holds that the page shows what clients say of themselves as text.
func TestConnectionsPage(t *testing.T) {
	w := watch(t, &reactor.Server{TrackConns: true})
	w.dial("/" + url.PathEscape("<script>") + "'onload=")
	status, text, header := answer(w.h, "GET", "/connections", "", "")
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", status, header)
	}
	if !strings.Contains(text, "<td>1<td") || !strings.Contains(text, "/%3Cscript%3E&#39;onload=") || !strings.Contains(text, "--accent:") {
		t.Errorf("the page: %s", text)
	}
	line := connectionPage{connectionList{Shown: []connectionLine{{Path: "<script>", User: "<script>ali"}}}, connectionQuery{}}
	var page strings.Builder
	if err := connectionsTemplate.Execute(&page, line); err != nil || strings.Contains(page.String(), "<script>") || !strings.Contains(page.String(), "ali<td") {
		t.Errorf("%v: %s", err, page.String())
	}
	if strings.Contains(text, ">user<") {
		t.Errorf("the page has a column of users that nobody knows: %s", text)
	}
}

// TestConnectionsUntracked holds that the list says what it cannot know.
func TestConnectionsUntracked(t *testing.T) {
	w := watch(t, &reactor.Server{})
	w.dial("/")
	if _, text := w.get("/connections?format=json"); !strings.Contains(text, `"untracked":true`) || !strings.Contains(text, `"client":"127.0.0.1:`) {
		t.Errorf("%s", text)
	}
	if _, text := w.get("/connections"); !strings.Contains(text, "-track=false") {
		t.Errorf("the page does not say why: %s", text)
	}
}

// TestConnectionsIncomplete holds that a loop that is held up does not hold up the list for long.
func TestConnectionsIncomplete(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	w := watch(t, &reactor.Server{Loops: 1, Handler: reactor.HandlerFunc(func(*reactor.Conn, codec.Message) {
		close(held)
		<-release
	})})
	defer close(release)
	c, _ := w.dial("/")
	if err := c.WriteText("x"); err != nil {
		t.Fatal(err)
	}
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if list := listConnections(ctx, w.srv, connectionQuery{Sort: "id", Limit: 1}, time.Now()); !list.Incomplete || list.Connections != 1 {
		t.Errorf("%+v", list)
	}
}
