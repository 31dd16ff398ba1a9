package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// ramp is how many idle connections are opened per second, over all generators: what opening them
// costs is not what is measured.
const ramp = 6000

// load is how long the generators run.
type load struct {
	duration, warmup time.Duration
	// together is how much longer idle connections are held when several generators open them, so
	// that all are open at once.
	together time.Duration
	// cert and key are the files of the servers' certificate.
	cert, key string
}

// What a capacity is: the highest rate that keeps the objective, found beginning with a first one, each
// held for a second at most.
const (
	objective = "p99=10ms"
	firstRate = 16_000
	rateHeld  = time.Second
)

// hold is the measured time of a row.
func (l load) hold(r row) time.Duration {
	switch {
	case r.Kind == capacity:
		return min(l.duration, rateHeld)
	case r.Processes > 1:
		return l.duration + l.together
	}
	return l.duration
}

// clientCommand is the command line of the generator for the i-th server of a row, at addr.
func clientCommand(bin string, p peers.Peer, r row, i int, l load, addr string) []string {
	scenario := map[string]string{echo: "echo", fanout: "fanout", churn: "churn", idle: "connect", capacity: "search", latency: "rate"}[r.Kind]
	args := []string{filepath.Join(bin, "weirbench"), scenario}
	target := "ws://" + addr + r.path()
	switch {
	case p.Raw:
		args, target = append(args, "-raw"), "tcp://"+addr
	case r.TLS:
		args, target = append(args, "-ca", l.cert), "wss://"+addr+r.path()
	}
	flag := func(name string, value any) { args = append(args, "-"+name, fmt.Sprint(value)) }
	if r.Kind == fanout {
		flag("publishers", 1)
		flag("subscribers", r.Conns)
	} else {
		flag("conns", r.share(i))
	}
	if r.Kind == idle {
		flag("ramp", ramp/r.Processes)
	}
	if r.Depth > 0 {
		flag("depth", r.Depth)
	}
	if r.Size > 0 {
		flag("size", r.Size)
	}
	switch r.Kind {
	case capacity:
		flag("slo", objective)
		flag("rate", firstRate)
	case latency:
		flag("rate", int(r.Rate))
	}
	if r.Deflate {
		args = append(args, "-deflate")
	}
	flag("duration", l.hold(r))
	flag("warmup", l.warmup)
	if r.Kind == churn {
		flag("source", "127.0.0.0/8") // ports do not run out
	}
	return append(args, "-quiet", "-json", "-", target)
}

// pinned runs a command on some cores only.
func pinned(args []string, cores ...int) []string {
	var list []string
	for _, c := range cores {
		list = append(list, strconv.Itoa(c))
	}
	return append([]string{"taskset", "-c", strings.Join(list, ",")}, args...)
}

// parseResult reads what a generator has printed for a row. The error says why it is of no use.
func parseResult(r row, b []byte) (*bench.Result, error) {
	res := &bench.Result{}
	if err := json.Unmarshal(b, res); err != nil {
		return nil, fmt.Errorf("the generator's result: %w", err)
	}
	var why []string
	for _, c := range res.Checks {
		if !c.OK {
			why = append(why, c.Name+": "+c.Detail)
		}
	}
	if r.Kind != capacity { // a search goes on until something fails
		for e, n := range res.Errors {
			why = append(why, fmt.Sprintf("%d × %s", n, e))
		}
	}
	if r.Deflate {
		why = append(why, slices.DeleteFunc(res.Warnings, func(w string) bool { return !strings.Contains(w, "declined") })...)
	}
	if res.Ended != "complete" {
		why = append(why, res.Ended)
	}
	if len(why) > 0 {
		slices.Sort(why)
		return nil, fmt.Errorf("%s", strings.Join(why, "; "))
	}
	return res, nil
}

// window is the measured time of a result: it begins once the connections are open and the warm-up
// is over. churn opens none before.
func window(r row, l load, res *bench.Result) (from, to time.Time) {
	from = res.Started.Add(l.warmup)
	if c := res.Connections; r.Kind != churn && c.Rate > 0 {
		from = from.Add(time.Duration(float64(c.Opened) / c.Rate * float64(time.Second)))
	}
	return from, from.Add(time.Duration(res.Seconds * float64(time.Second)))
}
