package main

import (
	"bytes"
	_ "embed"
	"net"
	"strconv"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

var (
	//go:embed page/index.html
	indexHTML []byte
	//go:embed page/topics.html
	topicsHTML []byte
	//go:embed page/weir.css
	css []byte
)

// The demo pages: of the app topics, and of all others.
var (
	indexPage  = newPage(indexHTML)
	topicsPage = newPage(topicsHTML)
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
		Body: bytes.Replace(html, []byte("/* weir.css */\n"), css, 1),
	}
}

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
