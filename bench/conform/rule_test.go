package conform

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCatalogue holds that the rules are all there, each with an ID of its own.
func TestCatalogue(t *testing.T) {
	count := map[string]int{}
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.Name == "" || r.Section == "" || r.Source == "" {
			t.Errorf("%+v is twice there, or not whole", r)
		}
		seen[r.ID] = true
		section, _, _ := strings.Cut(r.ID, ".")
		count[section]++
		if words := strings.Fields(r.Section); words[0] != section {
			t.Errorf("%s stands under %q", r.ID, r.Section)
		}
	}
	// As many cases as the fuzzing client of Autobahn Testsuite 25.10.1 has in these sections.
	for section, want := range map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126} {
		if count[section] != want {
			t.Errorf("section %s has %d cases, want %d", section, count[section], want)
		}
	}
}

// TestSequences holds samples of the payloads of section 6 that are made by formula.
func TestSequences(t *testing.T) {
	names := map[string]string{}
	for _, r := range section6() {
		names[r.ID] = r.Name
	}
	for id, want := range map[string]string{
		"6.6.5": "cebae1bdb9: echo", "6.7.4": "f0908080: echo", "6.8.2": "fc8480808080: fail", "6.9.4": "f48fbfbf: echo",
		"6.10.3": "fdbfbfbfbfbf: fail", "6.11.5": "f4908080: fail", "6.12.7": "80bf80bf80bf: fail", "6.13.3": "f020f120f220f320f420f520f620: fail",
		"6.14.5": "fc80808080: fail", "6.14.8": "f7bfbf: fail", "6.17.2": "e080af: fail", "6.18.4": "f887bfbfbf: fail", "6.19.5": "fc8080808080: fail",
		"6.20.6": "edbe80: fail", "6.21.7": "edafbfedb080: fail", "6.22.3": "f09fbfbe: echo", "6.22.34": "f48fbfbf: echo", "6.23.1": "efbfb9: echo",
	} {
		if !strings.Contains(names[id], ", "+want) {
			t.Errorf("%s is %q, want %q", id, names[id], want)
		}
	}
}

// TestIndependence holds that the suite shares no code with what it judges.
func TestIndependence(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		switch dep {
		case "example.org/weir/codec", "example.org/weir/reactor", "github.com/panjf2000/gnet/v2":
			t.Errorf("the suite depends on %s", dep)
		}
	}
}
