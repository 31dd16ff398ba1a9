package reactor

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"example.org/weir/codec"
)

// TestRefusalReasons refuses a request in each way that a request can be refused in, and looks at what is counted.
func TestRefusalReasons(t *testing.T) {
	for _, tt := range []struct {
		name    string
		srv     *Server
		request string
		want    Refusal
	}{
		{"malformed", &Server{}, "GET\r\n\r\n", Refusal{400, RefusedRequest}},
		{"not WebSocket", &Server{}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", Refusal{426, RefusedRequest}},
		{"no page", &Server{Page: func(*codec.Request) *Page { return nil }}, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", Refusal{404, RefusedRequest}},
		{"origin", &Server{}, request("Origin: http://elsewhere.example"), Refusal{403, RefusedOrigin}},
		{"hook", &Server{Upgrade: func(*Conn, *Upgrade) error { return Refuse(401, "no") }}, request(), Refusal{401, RefusedHook}},
		{"authorize", &Server{Authorize: func(context.Context, *Conn, *Upgrade) error { return ErrNoToken }}, request(), Refusal{401, RefusedHook}},
		{"hook fails", &Server{Upgrade: func(*Conn, *Upgrade) error { return errors.New("no") }}, request(), Refusal{500, RefusedInternal}},
		{"hook panics", &Server{Upgrade: func(*Conn, *Upgrade) error { panic("as it was told") }}, request(), Refusal{500, RefusedInternal}},
		{"one client", &Server{MaxConnsPerIP: 1}, request(), Refusal{429, RefusedClient}},
		{"full", &Server{MaxConns: 1}, request(), Refusal{503, RefusedFull}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.srv.Logger = quiet
			addr := serve(t, tt.srv)
			if tt.want.Reason == RefusedClient || tt.want.Reason == RefusedFull {
				open(t, addr)
			}
			r := dialRaw(t, addr)
			if tt.want.Reason != RefusedClient { // which is told before it can ask
				r.send(tt.request)
			}
			if got := readAll(t, r); !strings.HasPrefix(got, "HTTP/1.1 ") {
				t.Errorf("got %q", got)
			}
			if got := tt.srv.Stats().Refused; len(got) != 1 || got[tt.want] != 1 {
				t.Errorf("counted %v, want %v", got, tt.want)
			}
		})
	}
	for reason, text := range map[RefusalReason]string{RefusedOrigin: "403 origin", RefusedRate: "403 rate"} {
		if got, err := (Refusal{http.StatusForbidden, reason}).MarshalText(); string(got) != text || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}
