package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"example.org/weir/bench"
)

// results are all that has been measured, and how. They are kept as JSON.
type results struct {
	Started  time.Time         `json:"started"`
	Ended    time.Time         `json:"ended"`
	Complete bool              `json:"complete"` // it was not interrupted
	Command  []string          `json:"command"`
	Machine  bench.Machine     `json:"machine"`
	Preset   string            `json:"preset,omitempty"` // the table that it was measured for
	Rounds   int               `json:"rounds"`
	Duration string            `json:"duration"`
	Warmup   string            `json:"warmup"`
	Peers    []string          `json:"peers"`    // in the order of the tables
	Versions map[string]string `json:"versions"` // by peer
	Missing  map[string]string `json:"missing"`  // why a peer could not run, by peer
	Rows     []row             `json:"rows"`
	Runs     []run             `json:"runs"`
}

// run is one round of one row with one peer.
type run struct {
	Peer    string     `json:"peer"`
	Row     string     `json:"row"`
	Round   int        `json:"round"`
	Servers [][]string `json:"servers"` // command lines
	Clients [][]string `json:"clients"`
	Figures figures    `json:"figures,omitempty"`
	// GeneratorBound is set when the generator was what limited the rate.
	GeneratorBound bool   `json:"generator_bound,omitempty"`
	Why            string `json:"why,omitempty"` // there are no figures
}

// figures are what a run has found, by name.
type figures map[string]float64

// The names of figures.
const (
	rate   = "rate"   // messages per second; in fanout deliveries, in churn connections
	cpu    = "cpu"    // µs per message that the server's processes have used
	core   = "core"   // µs per message that the server's core was busy, whoever used it
	steal  = "steal"  // percent of the time that the core was not there for this machine
	p50    = "p50"    // ms
	p99    = "p99"    // ms
	p999   = "p99.9"  // ms
	client = "client" // µs per message that the generator's process has used
	last   = "last"   // ms until the last receiver had a publish, median of the publishes
	memory = "memory" // resident bytes of the server per connection
)

// stat summarises the rounds of a figure.
func (r *results) stat(peer, rowName, figure string) stat {
	var rounds []float64
	for _, x := range r.Runs {
		if v, ok := x.Figures[figure]; ok && x.Peer == peer && x.Row == rowName {
			rounds = append(rounds, v)
		}
	}
	return newStat(rounds)
}

// generatorBound reports whether the generator limited any round.
func (r *results) generatorBound(peer, rowName string) bool {
	for _, x := range r.Runs {
		if x.Peer == peer && x.Row == rowName && x.GeneratorBound {
			return true
		}
	}
	return false
}

// save writes the results to a file, whole or not at all.
func (r *results) save(name string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// loadResults reads what save has written.
func loadResults(name string) (*results, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := &results{}
	return r, json.Unmarshal(b, r)
}
