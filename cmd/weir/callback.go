package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
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

// ask returns nil when the service accepts the request, with what it says of the client in guest, the refusal
// when it refuses, and another error when it does neither. The token, if it came in another place, is in
// Authorization there.
func (cb *callback) ask(ctx context.Context, c *reactor.Conn, u *reactor.Upgrade, token string, guest *guest) error {
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
		return readAnswer(res, guest)
	case res.StatusCode == http.StatusUnauthorized:
		return reactor.Unauthorized(cmp.Or(res.Header.Get("WWW-Authenticate"), "Bearer"), "You may not connect without good credentials.")
	case res.StatusCode == http.StatusForbidden:
		return reactor.Refuse(http.StatusForbidden, "You may not connect.")
	}
	return fmt.Errorf("-auth-url answers %s", res.Status)
}

// maxAnswer is how long the answer of the service may be, in bytes.
const maxAnswer = 64 << 10

// readAnswer notes in guest what a service that accepts says of the client:
//
//	{"user": "ali", "subscribe": ["rooms.>"], "publish": ["rooms.*.chat"]}
//
// of which each may be missing; with one of the lists the other is empty, and so is one that is null, as some
// languages write a list without elements. It need not say anything: what is not JSON, as some services have it
// that say OK, is left aside.
func readAnswer(res *http.Response, guest *guest) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	body = bytes.TrimSpace(body)
	switch {
	case err != nil:
		return err
	case len(body) > maxAnswer:
		return fmt.Errorf("the answer of -auth-url has more than %d bytes", maxAnswer)
	case len(body) == 0 || body[0] != '{' && !isJSON(res.Header.Get("Content-Type")):
		return nil
	}
	var answer struct {
		User string `json:"user"`
		grants
	}
	var named struct{ Subscribe, Publish json.RawMessage }
	if err := errors.Join(json.Unmarshal(body, &answer), json.Unmarshal(body, &named)); err != nil {
		return errors.New(`the answer of -auth-url is not understood: want {"user": name, "subscribe": [patterns], "publish": [patterns]}`)
	}
	switch err := answer.check(); {
	case err != nil:
		return fmt.Errorf("the answer of -auth-url is not good: %w", err)
	case len(answer.User) > maxUser:
		return fmt.Errorf("the answer of -auth-url is not good: %w", errLongUser)
	}
	guest.user = cmp.Or(answer.User, guest.user)
	if named.Subscribe != nil || named.Publish != nil {
		guest.allow(&answer.grants)
	}
	return nil
}

// isJSON reports whether a Content-Type is JSON (RFC 8259, RFC 6839 3.1).
func isJSON(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
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
