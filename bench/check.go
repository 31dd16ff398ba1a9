package bench

import "fmt"

// expect notes a check.
func (r *Result) expect(name string, ok bool, format string, args ...any) {
	r.Checks = append(r.Checks, Check{Name: name, OK: ok, Detail: fmt.Sprintf(format, args...)})
}

// expectConnections notes whether all connections were opened and stayed open.
func (r *Result) expectConnections() {
	c := &r.Connections
	r.expect("connections", c.Failed == 0 && c.Lost == 0, "%d opened, %d failed, %d lost", c.Opened, c.Failed, c.Lost)
}

// expectNoErrors notes whether anything went wrong.
func (r *Result) expectNoErrors() {
	n := 0
	for _, k := range r.Errors {
		n += k
	}
	r.expect("errors", n == 0, "%d", n)
}

// expectVerified notes whether everything came back as it was sent.
func (r *Result) expectVerified() {
	v := r.Verify
	r.expect("verify", *v == Verify{}, "%d lost, %d duplicated, %d reordered, %d corrupted",
		v.Lost, v.Duplicated, v.Reordered, v.Corrupted)
}

// expectRate notes whether an open loop of rate messages per second was answered.
func (r *Result) expectRate(rate float64) {
	r.expect("rate", r.Messages.Rate >= 0.98*rate, "%.0f of %.0f messages/s came back", r.Messages.Rate, rate)
}
