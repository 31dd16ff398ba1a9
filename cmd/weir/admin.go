package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"example.org/weir/reactor"
)

// admin is what -admin serves: what the server does and how it is, publishing, and profiles.
type admin struct {
	appName     string
	topics      *topics // nil if the app has none
	maxBody     int64   // of what is published, in bytes
	readyMemory uint64  // bytes from which on the server is not ready; 0: none
	maxLag      time.Duration
	state       atomic.Pointer[string]
	srv         atomic.Pointer[reactor.Server] // nil until it has started
	access      *accessLog                     // nil: there is none; set before srv
	live        *live
}

// The states that /readyz tells.
var (
	stateStarting = "starting"
	stateReady    = "ready"
	stateDraining = "draining"
)

func newAdmin(a app, maxBody int64) *admin {
	adm := &admin{maxBody: maxBody, maxLag: maxLag}
	adm.live = newLive(adm)
	adm.topics, _ = a.(*topics)
	adm.state.Store(&stateStarting)
	return adm
}

// started is called when srv has.
func (a *admin) started(srv *reactor.Server) {
	a.srv.Store(srv)
	a.state.Store(&stateReady)
}

// serve serves on a listener of its own until stop is called.
func (a *admin) serve(addr string, public bool, log *slog.Logger) (stop func(), err error) {
	ln, stopHTTP, err := serveHTTP(addr, public, a.handler(), log)
	if err != nil {
		return nil, fmt.Errorf("cannot serve -admin: %w", err)
	}
	log.Info("admin", "url", "http://"+ln.String())
	return func() {
		stopHTTP()
		a.live.close()
	}, nil
}

func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", metrics{a}.handler())
	mux.HandleFunc("GET /connections", a.connections)
	mux.HandleFunc("GET /{$}", serveHTML(dashboardPage))
	mux.Handle("GET /live", a.live)
	mux.HandleFunc("POST /publish", a.publish)
	handleProfiles(mux)
	return mux
}
