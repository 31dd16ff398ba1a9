package torture

import "time"

// Report is what a run has found. It is what -json writes.
type Report struct {
	Target  string    `json:"target"`
	PID     int       `json:"pid,omitempty"`
	Scale   float64   `json:"scale"`
	Seed    uint64    `json:"seed"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Ended   string    `json:"ended"` // "complete", "interrupted", or why it was cut short
	Abuses  []Result  `json:"abuses"`
	// Before and After are what the process held before the first abuse and after the last.
	Before *Usage `json:"before,omitempty"`
	After  *Usage `json:"after,omitempty"`
	// Faults are those of the run as a whole.
	Faults []string `json:"faults,omitempty"`
}

// Verdict is what came of an abuse.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "OK"
	Failed  Verdict = "FAILED"
	Skipped Verdict = "SKIPPED" // it does not apply to this server
	NotRun  Verdict = "NOT RUN" // interrupted, or the server was gone
)

// Result is what came of an abuse.
type Result struct {
	Name    string         `json:"name"`
	Verdict Verdict        `json:"verdict"`
	Reason  string         `json:"reason,omitempty"`  // of SKIPPED and NOT RUN
	Faults  []string       `json:"faults,omitempty"`  // of FAILED
	Endings map[string]int `json:"endings,omitempty"` // how many of the abuse's connections ended how
	Notes   []string       `json:"notes,omitempty"`   // what else happened
	Seconds float64        `json:"seconds"`           // settling included

	Bystander *Bystander `json:"bystander,omitempty"`
	Process   *Process   `json:"process,omitempty"` // with PID
}

// Process is what the server's process held.
type Process struct {
	Before Usage `json:"before"`
	Peak   Usage `json:"peak"`
	After  Usage `json:"after"`
}

// OK reports whether all abuses were carried out, as far as they apply, and the server bore them.
func (r *Report) OK() bool {
	for i := range r.Abuses {
		if v := r.Abuses[i].Verdict; v != OK && v != Skipped {
			return false
		}
	}
	return len(r.Abuses) > 0 && len(r.Faults) == 0 && r.Ended == "complete"
}
