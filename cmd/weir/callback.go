package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// callback asks another service, over HTTP, who may connect: 2xx accepts, 401 and 403 refuse.
type callback struct {
	url     string
	cookies bool // are forwarded
	client  *http.Client
}

func newCallback(rawURL string, cookies bool, limit time.Duration) *callback {
	return &callback{rawURL, cookies, &http.Client{
		Timeout: limit,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{}).DialContext,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// checkURL finds what is wrong with -auth-url.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("bad -auth-url: want http://host/path or https://host/path") // s may hold a password
	}
	return nil
}

// unavailable refuses a request about which nobody can decide now. The log has why.
var unavailable = &codec.HandshakeError{
	Status: 503, Text: "It cannot be found out at the moment whether you may connect. Try again later.",
	Fields: []codec.Field{{Name: "Retry-After", Value: "5"}},
}

// ask returns nil when the service accepts the request, the refusal when it refuses, and another error when it
// does neither. The token, if it came in another place, is in Authorization there.
func (cb *callback) ask(ctx context.Context, c *reactor.Conn, u *reactor.Upgrade, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, cb.url, nil)
	if err != nil {
		return err
	}
	cb.forward(r.Header, c, u.Request)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := cb.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode == http.StatusUnauthorized:
		return reactor.Unauthorized(cmp.Or(res.Header.Get("WWW-Authenticate"), "Bearer"), "You may not connect without good credentials.")
	case res.StatusCode == http.StatusForbidden:
		return reactor.Refuse(http.StatusForbidden, "You may not connect.")
	}
	return fmt.Errorf("-auth-url answers %s", res.Status)
}

// forward sets the fields that tell the service who asks, and for what. They are named as reverse proxies
// name them.
func (cb *callback) forward(h http.Header, c *reactor.Conn, r *codec.Request) {
	names := []string{"Authorization", "Origin", "User-Agent", "Sec-WebSocket-Protocol"}
	if cb.cookies {
		names = append(names, "Cookie")
	}
	for _, name := range names {
		for v := range r.Values(name) {
			h.Add(name, string(v))
		}
	}
	proto := "ws"
	if _, ok := c.TLS(); ok {
		proto = "wss"
	}
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Forwarded-Method", string(r.Method()))
	h.Set("X-Forwarded-Host", string(r.Host()))
	h.Set("X-Forwarded-Uri", string(r.Target()))
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		h.Set("X-Forwarded-For", a.IP.String())
	}
}
