package bench

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// mergeFanouts adds up what the workers' publishes did; nil when there were none.
func mergeFanouts(results []*Result) *Fanout {
	var all *Fanout
	due := 0.0
	for _, r := range results {
		f := r.Fanout
		if f == nil {
			continue
		}
		if all == nil {
			all = &Fanout{}
		}
		all.Publishes += f.Publishes
		all.Receivers += f.Receivers
		all.Deliveries += f.Deliveries
		all.Rate += f.Rate
		d := float64(f.Publishes) * float64(f.Receivers)
		all.Reach += f.Reach * d
		due += d
	}
	if due > 0 {
		all.Reach /= due
	}
	return all
}

// mergeHistograms merges each distribution of the results.
func (r *Result) mergeHistograms(results []*Result) error {
	for _, d := range []struct {
		to   **Latency
		from func(*Result) *Latency
	}{
		{&r.Latency, func(w *Result) *Latency { return w.Latency }},
		{&r.RawLatency, func(w *Result) *Latency { return w.RawLatency }},
		{&r.Connect, func(w *Result) *Latency { return w.Connect }},
		{&r.Delivered, func(w *Result) *Latency { return w.Delivered }},
	} {
		if err := mergeInto(d.to, results, d.from); err != nil {
			return err
		}
	}
	if r.Fanout == nil {
		return nil
	}
	return errors.Join(
		mergeInto(&r.Fanout.First, results, ofFanout(func(f *Fanout) *Latency { return f.First })),
		mergeInto(&r.Fanout.Median, results, ofFanout(func(f *Fanout) *Latency { return f.Median })),
		mergeInto(&r.Fanout.Last, results, ofFanout(func(f *Fanout) *Latency { return f.Last })))
}

func ofFanout(get func(*Fanout) *Latency) func(*Result) *Latency {
	return func(r *Result) *Latency {
		if r.Fanout == nil {
			return nil
		}
		return get(r.Fanout)
	}
}

// mergeInto merges one distribution; it stays nil when no worker has it.
func mergeInto(to **Latency, results []*Result, get func(*Result) *Latency) error {
	var all *hdrhistogram.Histogram
	for _, r := range results {
		l := get(r)
		if l == nil {
			continue
		}
		h, err := l.Histogram()
		if err != nil {
			return fmt.Errorf("a histogram of a worker cannot be read: %w", err)
		}
		if all == nil {
			all = newHistogram()
		}
		if dropped := all.Merge(h); dropped > 0 {
			return fmt.Errorf("a histogram of a worker does not fit: %d of its values are above the longest time", dropped)
		}
	}
	if all != nil {
		*to = newLatency(all)
	}
	return nil
}

// summed are the settings of which each worker has a share.
var summed = []string{"conns", "loops", "publishers", "ramp", "rate", "slow", "stuck", "subscribers"}

// mergeSettings sums what the workers share, and lists what else they differ in.
func mergeSettings(results []*Result) map[string]string {
	values := map[string][]string{}
	for _, r := range results {
		for name, v := range r.Settings {
			values[name] = append(values[name], v)
		}
	}
	merged := make(map[string]string, len(values))
	for name, all := range values {
		if total, ok := sum(all); ok && slices.Contains(summed, name) {
			merged[name] = total
		} else {
			merged[name] = strings.Join(union(nil, all), ", ")
		}
	}
	return merged
}

// sum adds up numbers in decimal.
func sum(numbers []string) (string, bool) {
	total := 0.0
	for _, s := range numbers {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return "", false
		}
		total += n
	}
	return strconv.FormatFloat(total, 'f', -1, 64), true
}

// union appends those of more that s does not have yet.
func union(s, more []string) []string {
	for _, x := range more {
		if !slices.Contains(s, x) {
			s = append(s, x)
		}
	}
	return s
}

// mergeServers combines what was seen of the servers; nil when none was watched. Workers that have
// watched the same process have all seen the same CPU time and the same memory.
func mergeServers(results []*Result) *Process {
	servers := map[int]Process{}
	for _, r := range results {
		p := r.Server
		if p == nil {
			continue
		}
		s, seen := servers[p.PID]
		if !seen {
			s = *p
		}
		s.CPUSeconds = max(s.CPUSeconds, p.CPUSeconds)
		s.RSSBefore = min(s.RSSBefore, p.RSSBefore)
		s.RSSAfter = max(s.RSSAfter, p.RSSAfter)
		servers[p.PID] = s
	}
	if len(servers) == 0 {
		return nil
	}
	all := &Process{}
	for _, pid := range slices.Sorted(maps.Keys(servers)) {
		s := servers[pid]
		if all.PID == 0 {
			all.PID = pid
		}
		all.CPUSeconds += s.CPUSeconds
		all.RSSBefore += s.RSSBefore
		all.RSSAfter += s.RSSAfter
	}
	return all
}
