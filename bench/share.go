package bench

import (
	"errors"
	"fmt"
)

// share splits a load evenly among n workers.
func share(scenario string, o Options, n int) ([]Options, error) {
	switch scenario {
	case "search":
		return nil, errors.New("search runs in one process, since each worker would find a rate of its own; try rates on workers with the scenario rate")
	case "fanout":
		return nil, errors.New("fanout runs in one process, since only that knows when everybody has got a message")
	}
	if err := o.Normalize(); err != nil {
		return nil, err
	}
	if o.Conns < n {
		return nil, fmt.Errorf("%d connections cannot be shared among %d workers", o.Conns, n)
	}
	parts := make([]Options, n)
	for i := range parts {
		p := o
		p.Worker = i
		p.Progress, p.Sync = nil, nil
		p.Conns = part(o.Conns, i, n)
		p.Rate = o.Rate * float64(p.Conns) / float64(o.Conns)
		p.Ramp = o.Ramp * float64(p.Conns) / float64(o.Conns)
		p.Slow = orNone(part(max(o.Slow, 0), i, n))
		p.Stuck = orNone(part(max(o.Stuck, 0), i, n))
		if i > 0 {
			p.PID = 0 // one looks after the server
		}
		parts[i] = p
	}
	return parts, nil
}

// part is the i-th of n parts of a whole, as even as can be.
func part(whole, i, n int) int {
	p := whole / n
	if i < whole%n {
		p++
	}
	return p
}

// orNone is n, or what stands for none where zero stands for the default.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
