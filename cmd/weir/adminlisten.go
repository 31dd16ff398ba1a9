package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// checkLoopback finds an address of -admin or -pprof that other machines can reach. Who reaches it can
// publish, and see and slow down what the server does.
func checkLoopback(flag, addr string, public bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("bad -%s %q: want host:port, for instance 127.0.0.1:9090", flag, addr)
	}
	if !public && !isLoopback(host) {
		return fmt.Errorf("-%s %s could be reached from other machines; use 127.0.0.1 (and an SSH tunnel), or add -%[1]s-public", flag, addr)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveHTTP serves h on a listener of its own until stop is called. Web pages are kept out: a browser on
// this machine reaches loopback too. Unless public, what is asked for has to be this machine by name or
// number, so that no page's own domain can be made to lead here.
func serveHTTP(addr string, public bool, h http.Handler, log *slog.Logger) (ln net.Addr, stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	if !public {
		h = onlyLoopback(h)
	}
	srv := &http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(h),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("HTTP is no longer served", "addr", l.Addr().String(), "err", err)
		}
	}()
	return l.Addr(), func() { _ = srv.Close() }, nil
}

func onlyLoopback(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !isLoopback(host) {
			http.Error(w, "this is for 127.0.0.1 and localhost only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
