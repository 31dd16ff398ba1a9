package main

import (
	"slices"
	"testing"

	"example.org/weir/bench/peers"
)

func TestRows(t *testing.T) {
	names := map[string]bool{}
	for _, r := range allRows() {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		total := 0
		for i := range r.Processes {
			n := r.share(i)
			total += n
			if n > 19_000 {
				t.Errorf("%s: %d connections in one process, which may hold 20,000 descriptors", r.Name, n)
			}
		}
		if total != r.Conns {
			t.Errorf("%s: the processes share %d connections, want %d", r.Name, total, r.Conns)
		}
		if r.Processes > 1 && r.Kind != idle {
			t.Errorf("%s: only idle connections are counted over several processes", r.Name)
		}
	}
	for _, size := range []string{"16B", "128B", "1KiB", "16KiB"} {
		for _, conns := range []string{"64", "1000", "10000"} {
			for _, depth := range []string{"1", "16"} {
				if name := "echo/" + size + "/" + conns + "x" + depth; !names[name] {
					t.Errorf("there is no row %s", name)
				}
			}
		}
	}
	for _, r := range quickRows() {
		if !names[r.Name] {
			t.Errorf("%s is not in the whole matrix", r.Name)
		}
	}
	if n := len(quickRows()); n != 6 {
		t.Errorf("%d quick rows, want 6: a name has changed", n)
	}
}

func TestSelectRows(t *testing.T) {
	got, err := selectRows(allRows(), "^fanout/")
	if err != nil || len(got) != 3 || got[0].Name != "fanout/1000" || got[1].Name != "fanout/1000x4" || got[2].Name != "fanout/10000" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSchedule holds the order of the runs.
func TestSchedule(t *testing.T) {
	chosen, err := peers.Find([]string{"limit", "weir", "gws"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range schedule(chosen, []row{echoRow(128, 1, 1), fanoutRow(1, 1)}, 2) {
		got = append(got, s.row.Kind+string(rune('0'+s.round))+s.peer.Name)
	}
	want := []string{
		"echo1limit", "echo1weir", "echo1gws", "echo2limit", "echo2weir", "echo2gws",
		"fanout1weir", "fanout1gws", "fanout2weir", "fanout2gws",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}
