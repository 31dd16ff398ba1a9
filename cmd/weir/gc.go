package main

import "runtime/debug"

// gcPercent is how much the heap may grow before it is collected, in percent of what was alive. Go's
// default is 100. Nearly all of weir's heap is connections, which live long, and an echo allocates
// nothing, so that a smaller value costs only when many connections are opened: `make gogc` measures both.
const gcPercent = 25

// paceGC sets the garbage collector's pace, unless GOGC does.
func paceGC(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
