package main

import (
	"errors"
	"fmt"
)

// paced fills in the rate of a row with an open loop: half of the highest that was found for the peer,
// or, in a common row, for the peer that has the lowest.
func (r *results) paced(of row, peer string) (row, error) {
	if of.Kind != latency {
		return of, nil
	}
	highest := r.stat(peer, "capacity", rate)
	if of.Common {
		for _, p := range r.Peers {
			if s := r.stat(p, "capacity", rate); s.N > 0 && (highest.N == 0 || s.Median < highest.Median) {
				highest = s
			}
		}
	}
	switch {
	case highest.N == 0:
		return of, errors.New("its rate follows from the row capacity, which has to be measured too")
	case highest.Median < 2:
		return of, fmt.Errorf("its highest rate is %v", highest.Median)
	}
	of.Rate = highest.Median / 2
	return of, nil
}
