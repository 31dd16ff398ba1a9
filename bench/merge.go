package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Merge combines what several workers have found, that loaded the same server at the same time, into
// one result. Counts are summed and histograms are merged exactly; rates are over the longest
// worker's time; the checks are met or not by the whole. The series is aligned by the clock: a
// second's percentiles are those of the worst worker, since a sample has no histogram.
//
// It fails on results of different scenarios, on those of search, since each worker has then found a
// rate of its own, and on histograms that cannot be read. The results are left as they are.
func Merge(results []*Result) (*Result, error) {
	if len(results) == 0 {
		return nil, errors.New("there are no results to merge")
	}
	first := results[0]
	if first.Scenario == "search" {
		return nil, errors.New("the results of a search cannot be merged: each worker has found a rate of its own")
	}
	m := &Result{
		Scenario: first.Scenario,
		Settings: mergeSettings(results),
		Started:  first.Started,
		Machine:  first.Machine,
		Ended:    "complete",
		Errors:   map[string]int{},
	}
	for _, r := range results {
		if r.Scenario != m.Scenario {
			return nil, fmt.Errorf("cannot merge a result of %s with one of %s", m.Scenario, r.Scenario)
		}
		m.add(r)
	}
	m.Fanout = mergeFanouts(results)
	if err := m.mergeHistograms(results); err != nil {
		return nil, err
	}
	m.Series = mergeSeries(results, m.Started)
	m.Server = mergeServers(results)
	m.finishMerge(results)
	return m, nil
}

// add takes in the counts of a worker, and what is to be known of its run.
func (r *Result) add(w *Result) {
	r.Targets = union(r.Targets, w.Targets)
	r.Warnings = union(r.Warnings, w.Warnings)
	if w.Started.Before(r.Started) {
		r.Started = w.Started
	}
	r.Seconds = max(r.Seconds, w.Seconds)
	if r.Ended == "complete" {
		r.Ended = w.Ended
	}
	if w.Machine != r.Machine {
		r.Warnings = union(r.Warnings, []string{fmt.Sprintf("a worker ran on another machine: %s, %d cores, %s, %s",
			w.Machine.CPU, w.Machine.Cores, w.Machine.Kernel, w.Machine.Go)})
	}
	for what, n := range w.Errors {
		r.Errors[what] += n
	}

	c := &r.Connections
	c.Wanted += w.Connections.Wanted
	c.Opened += w.Connections.Opened
	c.Failed += w.Connections.Failed
	c.Lost += w.Connections.Lost
	c.Rate += w.Connections.Rate

	m := &r.Messages
	m.Sent += w.Messages.Sent
	m.Received += w.Messages.Received
	m.BytesOut += w.Messages.BytesOut
	m.BytesIn += w.Messages.BytesIn

	g := &r.Generator
	g.CPUSeconds += w.Generator.CPUSeconds
	g.Loops += w.Generator.Loops
	g.Busiest = max(g.Busiest, w.Generator.Busiest)
	g.Bottleneck = g.Bottleneck || w.Generator.Bottleneck

	if v := w.Verify; v != nil {
		if r.Verify == nil {
			r.Verify = &Verify{}
		}
		r.Verify.add(*v)
	}
}

// finishMerge works out what follows from the sums: rates, costs and checks.
func (r *Result) finishMerge(results []*Result) {
	if r.Seconds > 0 {
		r.Messages.Rate = float64(r.Messages.Received) / r.Seconds
	}
	r.costs()
	r.expectConnections()
	r.expectNoErrors()
	if r.Verify != nil {
		r.expectVerified()
	}
	for _, w := range results {
		for _, c := range w.Checks {
			r.mergeCheck(c, results)
		}
	}
}

// mergeCheck notes a check that the workers have made, unless that has been done. What cannot be
// worked out from the sums is met when each worker has met it.
func (r *Result) mergeCheck(c Check, results []*Result) {
	named := func(d Check) bool { return d.Name == c.Name }
	if slices.ContainsFunc(r.Checks, named) {
		return
	}
	if rate, err := strconv.ParseFloat(r.Settings["rate"], 64); c.Name == "rate" && err == nil {
		r.expectRate(rate)
		return
	}
	ok := true
	var details []string
	for _, w := range results {
		if i := slices.IndexFunc(w.Checks, named); i >= 0 {
			ok = ok && w.Checks[i].OK
			details = append(details, w.Checks[i].Detail)
		}
	}
	r.expect(c.Name, ok, "%s", strings.Join(union(nil, details), "; "))
}
