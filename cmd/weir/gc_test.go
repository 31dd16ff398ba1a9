package main

import (
	"runtime/debug"
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
