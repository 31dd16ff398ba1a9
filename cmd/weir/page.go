package main

import (
	_ "embed"
	"net"
	"strconv"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

//go:embed page/index.html
var indexHTML []byte

// index is the demo page. Everything that it needs is inside it.
var index = &reactor.Page{
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
	Body: indexHTML,
}

// page serves the demo page at every path, since the path is the room of a chat.
func page(r *codec.Request) *reactor.Page {
	if string(r.Path()) == "/favicon.ico" {
		return nil
	}
	return index
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
