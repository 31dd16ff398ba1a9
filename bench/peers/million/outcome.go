package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"example.org/weir/bench"
)

// outcome is what a run has found, and how. It is kept as JSON.
type outcome struct {
	Started  time.Time     `json:"started"`
	Command  []string      `json:"command"`
	Machine  bench.Machine `json:"machine"`
	Plan     plan          `json:"plan"`
	Server   []string      `json:"server"` // command line
	Ping     string        `json:"ping"`
	Topics   bool          `json:"topics,omitempty"`
	Publish  string        `json:"publish,omitempty"`
	Result   *bench.Result `json:"result"` // nil when no worker has one
	Readings []reading     `json:"readings"`
}

// name is that of its place in a page, and of its plots.
func (res *outcome) name() string {
	if res.Topics {
		return "million-topics"
	}
	return "million"
}

func (res *outcome) save(name string) error {
	b, err := json.MarshalIndent(res, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

func loadOutcome(name string) (*outcome, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	res := &outcome{}
	return res, json.Unmarshal(b, res)
}
