package conform

import "time"

// Outcome is what came of a rule.
type Outcome struct {
	ID      string  `json:"id"`
	Section string  `json:"section"`
	Name    string  `json:"name"`
	Source  string  `json:"source"`
	Verdict Verdict `json:"verdict"`
	// Sent is what was sent: a request quoted, frames in hex after the handshake; long ones are cut.
	Sent     string        `json:"sent,omitempty"`
	Expected string        `json:"expected,omitempty"`
	Got      string        `json:"got"`
	Duration time.Duration `json:"duration_ns"`

	size int // of the message that was sent, in bytes, where the server may have a limit
}

// Result is the outcome of a run.
type Result struct {
	Target   string        `json:"target"`
	Started  time.Time     `json:"started"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Outcomes []Outcome     `json:"outcomes"`
	// Echoed is the size of the largest message that came back, Refused that of the smallest that was
	// refused with 1009, in bytes; 0 if there was none. Only rules with messages of 64 KiB and more
	// count.
	Echoed  int `json:"largest_echoed_bytes"`
	Refused int `json:"smallest_refused_bytes,omitempty"`
	// Interrupted says that not all rules were tried.
	Interrupted bool `json:"interrupted,omitempty"`
}

// OK reports whether rules were tried, all of those chosen, and none failed.
func (r *Result) OK() bool {
	tried := false
	for _, o := range r.Outcomes {
		if o.Verdict.Failure() {
			return false
		}
		tried = tried || o.Verdict != Skipped
	}
	return tried && !r.Interrupted
}

// Count returns how many outcomes have a verdict.
func (r *Result) Count(v Verdict) (n int) {
	for _, o := range r.Outcomes {
		if o.Verdict == v {
			n++
		}
	}
	return n
}

// measure notes what the outcomes say about the size of messages.
func (r *Result) measure() {
	for _, o := range r.Outcomes {
		switch {
		case o.size == 0:
		case o.Verdict == Limit && (r.Refused == 0 || o.size < r.Refused):
			r.Refused = o.size
		case o.Verdict == OK && o.size > r.Echoed:
			r.Echoed = o.size
		}
	}
}
