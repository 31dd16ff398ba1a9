package main

import (
	"bytes"
	_ "embed"
	"net"
	"net/http"
	"strconv"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

var (
	//go:embed page/index.html
	indexHTML []byte
	//go:embed page/topics.html
	topicsHTML []byte
	//go:embed page/dashboard.html
	dashboardHTML []byte
	//go:embed page/weir.css
	css []byte
)

// The demo pages, of the app topics and of all others, and the page of -admin.
var (
	indexPage     = newPage(indexHTML)
	topicsPage    = newPage(topicsHTML)
	dashboardPage = newPage(dashboardHTML)
)

// newPage makes a page whole: everything that it needs is inside it.
func newPage(html []byte) *reactor.Page {
	return &reactor.Page{
		Fields: []codec.Field{
			{Name: "Content-Type", Value: "text/html; charset=utf-8"},
			{Name: "Cache-Control", Value: "no-cache"},
			{Name: "Content-Security-Policy", Value: "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src *; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
			// Isolated pages have clocks fine enough to measure latency with.
			{Name: "Cross-Origin-Opener-Policy", Value: "same-origin"},
			{Name: "Cross-Origin-Embedder-Policy", Value: "require-corp"},
			{Name: "Referrer-Policy", Value: "no-referrer"},
		},
		Body: withStyle(html),
	}
}

// withStyle puts the style where a page wants it.
func withStyle(html []byte) []byte { return bytes.Replace(html, []byte("/* weir.css */\n"), css, 1) }

// servePage serves a page at every path, since the path is the room of a chat and a topic.
func servePage(p *reactor.Page) func(*codec.Request) *reactor.Page {
	return func(r *codec.Request) *reactor.Page {
		if string(r.Path()) == "/favicon.ico" {
			return nil
		}
		return p
	}
}

// pageURL is where a browser on this machine finds the page, or "" for a Unix socket.
func pageURL(a net.Addr, secure bool) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := t.IP.String()
	if t.IP.IsUnspecified() || t.IP.IsLoopback() && t.IP.To4() != nil {
		host = "localhost"
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(t.Port))
}

// serveHTML serves a page with net/http.
func serveHTML(p *reactor.Page) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, f := range p.Fields {
			w.Header().Set(f.Name, f.Value)
		}
		_, _ = w.Write(p.Body)
	}
}
