package main

import (
	"encoding/json"
	"errors"
	"net/http"
	rtm "runtime/metrics"
	"time"
)

// The options of this file and of accesslog.go.

// tracks reports whether each connection is to be told of by itself.
func (o *options) tracks() bool { return o.track && (o.admin != "" || o.accessLog) }

func (o *options) checkWatch() error {
	switch {
	case o.accessLogSample < 1:
		return errors.New("-access-log-sample is of how many connections one is logged, 1 or more")
	case o.accessLog && !o.track:
		return errors.New("-access-log needs -track")
	}
	return nil
}

// maxLag is how long a loop may be held up until /healthz says so.
const maxLag = 5 * time.Second

// healthReport is what /healthz answers.
type healthReport struct {
	Status string       `json:"status"` // ok or lagging
	Loops  []laggedLoop `json:"loops,omitempty"`
}

// laggedLoop is an event loop that is held up.
type laggedLoop struct {
	Loop int     `json:"loop"`
	Lag  float64 `json:"lag_seconds"`
}

// health says whether the process answers and none of its event loops is held up.
func (a *admin) health(w http.ResponseWriter, _ *http.Request) {
	report := healthReport{Status: "ok"}
	if srv := a.srv.Load(); srv != nil {
		for _, l := range srv.Stats().Loops {
			if l.Lag > a.maxLag {
				report.Status = "lagging"
				report.Loops = append(report.Loops, laggedLoop{l.Loop, l.Lag.Seconds()})
			}
		}
	}
	writeReport(w, report.Status == "ok", report)
}

// readyReport is what /readyz answers.
type readyReport struct {
	Status string `json:"status"` // starting, ready, draining or memory
	Memory uint64 `json:"memory_bytes,omitempty"`
	Limit  uint64 `json:"limit_bytes,omitempty"` // -ready-memory
}

// ready says whether a load balancer should send clients here.
func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	if report := a.unready(); report != nil {
		writeReport(w, false, report)
		return
	}
	writeReport(w, true, readyReport{Status: *a.state.Load()})
}

// unready says why no client should be sent here, nil if there is no reason.
func (a *admin) unready() *readyReport {
	if state := a.state.Load(); state != &stateReady {
		return &readyReport{Status: *state}
	}
	if a.readyMemory == 0 {
		return nil
	}
	if n := memory(); n >= a.readyMemory {
		return &readyReport{Status: "memory", Memory: n, Limit: a.readyMemory}
	}
	return nil
}

func writeReport(w http.ResponseWriter, ok bool, report any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report)
}

// memory is what the process has of the system, as far as Go knows, in bytes.
func memory() uint64 {
	s := []rtm.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	rtm.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// markSize is a size that may be 0.
type markSize struct{ size }

// Set reads a size.
func (m *markSize) Set(s string) error {
	if s == "0" {
		m.size = 0
		return nil
	}
	return m.size.Set(s)
}
