package main

import (
	"runtime/debug"
	"syscall"
	"testing"
)

func TestPaceGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, row := range []struct {
		gogc string
		want int
	}{{"", gcPercent}, {"100", 77}, {"off", 77}} {
		debug.SetGCPercent(77) // as the runtime has taken it from GOGC
		paceGC(func(name string) string {
			if name != "GOGC" {
				t.Errorf("it asks for %s", name)
			}
			return row.gogc
		})
		if got := debug.SetGCPercent(100); got != row.want {
			t.Errorf("GOGC=%q: %d percent, want %d", row.gogc, got, row.want)
		}
	}
}

// TestPaceIsSet holds that a server that runs has it.
func TestPaceIsSet(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	_, _, status := start(t, "-addr", "127.0.0.1:0")
	if got := debug.SetGCPercent(77); got != gcPercent {
		t.Errorf("%d percent, want %d", got, gcPercent)
	}
	signalSelf(t, syscall.SIGTERM)
	if got := within(t, status); got != exitOK {
		t.Errorf("exit status %d", got)
	}
}
