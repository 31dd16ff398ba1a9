package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/weir/reactor"
)

// connectionList is what GET /connections answers.
type connectionList struct {
	Connections int              `json:"connections"` // all of them, those too that are not open and so never shown
	Shown       []connectionLine `json:"shown"`
	Next        uint64           `json:"next,omitempty"`       // what ?after= is on the next page, by id
	Incomplete  bool             `json:"incomplete,omitempty"` // an event loop is held up, and its connections are missing
	Untracked   bool             `json:"untracked,omitempty"`  // -track=false: all is zero but client, user and buffered
}

// connectionLine is a connection.
type connectionLine struct {
	ID       uint64  `json:"id"`
	Client   string  `json:"client"`
	User     string  `json:"user,omitempty"`
	Path     string  `json:"path"`
	Seconds  float64 `json:"seconds"` // since it was opened
	In       carried `json:"in"`
	Out      carried `json:"out"`
	Buffered int     `json:"buffered_bytes"`
	Ping     float64 `json:"ping_seconds"` // 0: not measured
}

// carried is a traffic.
type carried struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// connectionOrders are the values of ?sort=. All but id have the largest first.
var connectionOrders = map[string]func(a, b connectionLine) int{
	"id":       func(a, b connectionLine) int { return cmp.Compare(a.ID, b.ID) },
	"age":      func(a, b connectionLine) int { return cmp.Compare(b.Seconds, a.Seconds) },
	"in":       func(a, b connectionLine) int { return cmp.Compare(b.In.Bytes, a.In.Bytes) },
	"out":      func(a, b connectionLine) int { return cmp.Compare(b.Out.Bytes, a.Out.Bytes) },
	"buffered": func(a, b connectionLine) int { return cmp.Compare(b.Buffered, a.Buffered) },
	"ping":     func(a, b connectionLine) int { return cmp.Compare(b.Ping, a.Ping) },
}

// The bounds of GET /connections.
const (
	defaultShown = 100
	maxShown     = 10_000
	listTime     = 3 * time.Second // that is waited for event loops
)

// connectionQuery is what is asked of /connections.
type connectionQuery struct {
	Sort  string
	Limit int
	After uint64
}

// parseConnectionQuery reads ?sort=, ?limit= and, of the order id, ?after=.
func parseConnectionQuery(v url.Values) (q connectionQuery, err error) {
	q = connectionQuery{Sort: cmp.Or(v.Get("sort"), "id"), Limit: defaultShown}
	if connectionOrders[q.Sort] == nil {
		return q, fmt.Errorf("sort=%.20q: there are id, age, in, out, buffered and ping", q.Sort)
	}
	if s := v.Get("limit"); s != "" {
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 || q.Limit > maxShown {
			return q, fmt.Errorf("limit=%.20q: want a number from 1 to %d", s, maxShown)
		}
	}
	if s := v.Get("after"); s != "" {
		if q.After, err = strconv.ParseUint(s, 10, 64); err != nil || q.Sort != "id" {
			return q, fmt.Errorf("after=%.20q: want the id of a connection, and sort=id", s)
		}
	}
	return q, nil
}

// connections lists connections: as a page, or as JSON for ?format=json and those who accept it.
func (a *admin) connections(w http.ResponseWriter, r *http.Request) {
	q, err := parseConnectionQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	list := connectionList{Shown: []connectionLine{}}
	if srv := a.srv.Load(); srv != nil {
		ctx, cancel := context.WithTimeout(r.Context(), listTime)
		defer cancel()
		list = listConnections(ctx, srv, q, time.Now())
	}
	w.Header().Set("Cache-Control", "no-store")
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	var page bytes.Buffer
	if err := connectionsTemplate.Execute(&page, connectionPage{list, q}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	serveHTML(newPage(page.Bytes()))(w, r)
}

func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// listConnections keeps no more than twice as many as are asked for at a time.
func listConnections(ctx context.Context, srv *reactor.Server, q connectionQuery, now time.Time) connectionList {
	list := connectionList{Connections: srv.Conns(), Untracked: !srv.TrackConns}
	order := connectionOrders[q.Sort]
	shown := make([]connectionLine, 0, 2*q.Limit)
	more := false
	cut := func() {
		slices.SortStableFunc(shown, order)
		if len(shown) > q.Limit {
			shown, more = shown[:q.Limit], true
		}
	}
	err := srv.EachConn(ctx, func(c *reactor.Conn, i reactor.ConnInfo) bool {
		if i.ID <= q.After && q.After > 0 {
			return true
		}
		if len(shown) == cap(shown) {
			cut()
		}
		line := newConnectionLine(i, now)
		if srv.Authorize != nil { // Data is a guest, then, and does not change; else it is an app's
			line.User = userOf(c)
		}
		shown = append(shown, line)
		return true
	})
	cut()
	list.Shown, list.Incomplete = shown, err != nil
	if more && q.Sort == "id" {
		list.Next = shown[len(shown)-1].ID
	}
	return list
}

func newConnectionLine(i reactor.ConnInfo, now time.Time) connectionLine {
	l := connectionLine{
		ID:       i.ID,
		Client:   i.Remote.String(),
		Path:     i.Path,
		In:       carried(i.Received),
		Out:      carried(i.Sent),
		Buffered: i.Buffered,
		Ping:     i.Ping.Seconds(),
	}
	if !i.Since.IsZero() {
		l.Seconds = max(now.Sub(i.Since).Seconds(), 0)
	}
	return l
}

//go:embed page/connections.html
var connectionsHTML []byte

var connectionsTemplate = template.Must(template.New("connections").Funcs(template.FuncMap{
	"duration": func(s float64) string { return time.Duration(s * float64(time.Second)).Round(time.Second).String() },
	"ping": func(s float64) string {
		if s == 0 {
			return ""
		}
		return time.Duration(s * float64(time.Second)).Round(10 * time.Microsecond).String()
	},
}).Parse(string(withStyle(connectionsHTML))))

// connectionPage is what the template shows.
type connectionPage struct {
	connectionList
	Query connectionQuery
}

// Users reports whether any is known.
func (p connectionPage) Users() bool {
	return slices.ContainsFunc(p.Shown, func(l connectionLine) bool { return l.User != "" })
}

// Orders are the links of the page.
func (connectionPage) Orders() []string {
	return []string{"id", "age", "in", "out", "buffered", "ping"}
}
