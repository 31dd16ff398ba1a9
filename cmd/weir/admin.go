package main

import (
	"log/slog"
	"net/http"
	"sync/atomic"
)

// admin is what -admin serves: whether the server lives and takes connections, publishing, and profiles.
type admin struct {
	topics  *topics // nil if the app has none
	maxBody int64   // of what is published, in bytes
	state   atomic.Pointer[string]
}

// The states that /readyz tells.
var (
	stateStarting = "starting"
	stateReady    = "ready"
	stateDraining = "draining"
)

func newAdmin(a app, maxBody int64) *admin {
	adm := &admin{maxBody: maxBody}
	adm.topics, _ = a.(*topics)
	adm.state.Store(&stateStarting)
	return adm
}

// serve serves on a listener of its own until stop is called.
func (a *admin) serve(addr string, public bool, log *slog.Logger) (stop func(), err error) {
	ln, stop, err := serveHTTP(addr, public, a.handler(), log)
	if err != nil {
		return nil, err
	}
	log.Info("admin", "url", "http://"+ln.String())
	return stop, nil
}

func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("POST /publish", a.publish)
	handleProfiles(mux)
	return mux
}

// health says that the process answers.
func (a *admin) health(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// ready says whether a load balancer should send clients here.
func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	state := a.state.Load()
	if state != &stateReady {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(*state + "\n"))
}
