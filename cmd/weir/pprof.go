package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"runtime"
)

// Sampling of what profiles of contention need, while -pprof is on: one of 100 contended mutexes, and
// goroutines that were blocked for 10 µs in the mean.
const (
	mutexFraction = 100
	blockRate     = 10_000 // ns
)

// servePprof serves net/http/pprof on a listener of its own until stop is called.
func servePprof(addr string, public bool, log *slog.Logger) (stop func(), err error) {
	mux := http.NewServeMux()
	handleProfiles(mux)
	ln, stop, err := serveHTTP(addr, public, mux, log)
	if err != nil {
		return nil, fmt.Errorf("cannot serve -pprof: %w", err)
	}
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(blockRate)
	log.Info("profiles", "url", "http://"+ln.String()+"/debug/pprof/")
	return stop, nil
}

// handleProfiles adds net/http/pprof to mux.
func handleProfiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}
