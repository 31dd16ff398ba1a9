package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run has found. It is what -json writes; unknown fields are ignored when one is
// read back, so that old results can be compared with.
type Result struct {
	Scenario string            `json:"scenario"` // echo, rate, …
	Targets  []string          `json:"targets"`
	Settings map[string]string `json:"settings"` // the flags that shaped the run, by name
	Started  time.Time         `json:"started"`
	Seconds  float64           `json:"seconds"` // measured, without the warm-up
	Ended    string            `json:"ended"`   // "complete", "interrupted", or why it was cut short
	Machine  Machine           `json:"machine"`

	Connections Connections `json:"connections"`
	Messages    Messages    `json:"messages"`
	Latency     *Latency    `json:"latency,omitempty"`     // from the intended time of sending where there is one, otherwise from sending
	RawLatency  *Latency    `json:"raw_latency,omitempty"` // from the actual time of sending (open loop only)
	Connect     *Latency    `json:"connect,omitempty"`     // connect and upgrade
	Delivered   *Latency    `json:"delivered,omitempty"`   // of hold: from the publish to each connection
	Fanout      *Fanout     `json:"fanout,omitempty"`
	Verify      *Verify     `json:"verify,omitempty"`

	Generator Generator      `json:"generator"`
	Server    *Process       `json:"server,omitempty"` // with -pid
	Errors    map[string]int `json:"errors,omitempty"` // by what went wrong
	Series    []Sample       `json:"series"`           // one a second, warm-up included
	Search    []Step         `json:"search,omitempty"` // the rates that were tried
	Checks    []Check        `json:"checks"`
	Warnings  []string       `json:"warnings,omitempty"`
}

// Machine is what the run ran on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Connections counts connections.
type Connections struct {
	Wanted int     `json:"wanted"`
	Opened int     `json:"opened"`
	Failed int     `json:"failed"` // attempts
	Lost   int     `json:"lost"`   // opened, and then closed by the other side or by an error
	Rate   float64 `json:"rate"`   // opened per second while opening
}

// Messages counts the messages of the measured time: those that were meant to be sent in it, and
// those that came in it. What is on the way when it begins or ends makes the difference; the check
// "answers" tells whether anything was lost.
type Messages struct {
	Sent     uint64  `json:"sent"`
	Received uint64  `json:"received"`
	BytesOut uint64  `json:"bytes_out"` // payload
	BytesIn  uint64  `json:"bytes_in"`  // payload
	Rate     float64 `json:"rate"`      // received per second
}

// Latency is a distribution of times, in nanoseconds. That of a result has every message that was
// sent in the measured time, also what came back after its end; what never came back has the time
// that it was waited for.
type Latency struct {
	Count int64            `json:"count"`
	Mean  float64          `json:"mean_ns"`
	Min   int64            `json:"min_ns"`
	Max   int64            `json:"max_ns"`
	At    map[string]int64 `json:"at_ns"` // "50", "90", "99", "99.9", "99.99"
	HDR   string           `json:"hdr"`   // the whole histogram: HdrHistogram V2, compressed, base64
	hist  *hdrhistogram.Histogram
}

// Fanout is what publishing to many has cost, in nanoseconds after the publish. Each distribution is
// over the publishes.
type Fanout struct {
	Publishes  uint64   `json:"publishes"`
	Receivers  int      `json:"receivers"`
	Deliveries uint64   `json:"deliveries"`
	Rate       float64  `json:"rate"`  // deliveries per second
	Reach      float64  `json:"reach"` // percent of the deliveries that were due
	First      *Latency `json:"first"`
	Median     *Latency `json:"median"`
	Last       *Latency `json:"last"`
}

// Verify counts what was wrong with what came back.
type Verify struct {
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Reordered  uint64 `json:"reordered"`
	Corrupted  uint64 `json:"corrupted"`
}

// Generator is what the load generator itself has used.
type Generator struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	Loops      int     `json:"loops"`
	Busiest    float64 `json:"busiest"` // the busiest loop's share of a core, in percent
	PerMessage float64 `json:"cpu_us_per_message"`
	Bottleneck bool    `json:"bottleneck"` // it was itself what limited the run
}

// Process is what another process, the server, has used during the measured time.
type Process struct {
	PID           int     `json:"pid"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	PerMessage    float64 `json:"cpu_us_per_message"`
	RSSBefore     int64   `json:"rss_before"` // bytes, before the first connection
	RSSAfter      int64   `json:"rss_after"`  // bytes, at the end, connections still open
	PerConnection float64 `json:"bytes_per_connection"`
}

// Sample is one second of a run.
type Sample struct {
	T           float64 `json:"t"` // seconds since the start, at the end of the sample
	Connections int     `json:"connections"`
	Rate        float64 `json:"rate"`      // messages received per second
	BytesIn     float64 `json:"bytes_in"`  // per second
	BytesOut    float64 `json:"bytes_out"` // per second
	P50         int64   `json:"p50_ns"`    // of the second
	P99         int64   `json:"p99_ns"`    // of the second
	Max         int64   `json:"max_ns"`    // of the second
	Errors      int     `json:"errors"`    // so far
	Warmup      bool    `json:"warmup,omitempty"`
}

// Step is one rate that a search has tried.
type Step struct {
	Rate     float64 `json:"rate"`     // messages per second, wanted
	Achieved float64 `json:"achieved"` // received per second
	P99      int64   `json:"p99_ns"`
	OK       bool    `json:"ok"` // it kept the objective
	Why      string  `json:"why,omitempty"`
}

// Check is a condition that the run had to meet; one that is not met makes the exit status 1.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// OK reports whether all checks were met.
func (r *Result) OK() bool {
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return true
}
