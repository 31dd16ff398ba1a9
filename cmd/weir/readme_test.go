package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// section returns the rows of the last table in a section of the README, without its head: the text of their cells.
func section(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "\n"+heading+"\n")
	if !found {
		t.Fatalf("the README has no %q", heading)
	}
	body, _, _ := strings.Cut(rest, "\n#")
	for line := range strings.Lines(body) {
		switch cells := strings.Split(strings.Trim(line, "| \n"), " | "); {
		case strings.HasPrefix(line, "|---"):
			rows = nil
		case strings.HasPrefix(line, "|"):
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%q has no table", heading)
	}
	return rows
}

// TestSecuritySection holds that each row of the README's section on security names tests, and that there are such.
func TestSecuritySection(t *testing.T) {
	name := regexp.MustCompile("^`([a-z/]+)\\.((?:Test|Fuzz)\\w+)`$")
	for _, row := range section(t, "## Security") {
		if len(row) != 3 {
			t.Errorf("%d cells: %q", len(row), row)
			continue
		}
		for test := range strings.SplitSeq(row[2], ", ") {
			m := name.FindStringSubmatch(test)
			if m == nil || !declares(t, "../../"+m[1], "\nfunc "+m[2]+"(") {
				t.Errorf("%s: there is no test %s", row[0], test)
			}
		}
	}
}

// declares reports whether a test file of a folder contains text.
func declares(t *testing.T, folder, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(content), text)
	})
}

// TestDependenciesSection holds that the README has each module that go.mod requires itself, with a reason, and no other.
func TestDependenciesSection(t *testing.T) {
	reasons := make(map[string]string)
	for _, row := range section(t, "### Dependencies") {
		if len(row) != 2 || reasons[strings.Trim(row[0], "`")] != "" {
			t.Errorf("a row of %q", row)
			continue
		}
		reasons[strings.Trim(row[0], "`")] = row[1]
	}
	direct := golist(t, "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all")
	direct = slices.DeleteFunc(direct, func(path string) bool { return path == "" })
	if documented := slices.Sorted(maps.Keys(reasons)); !slices.Equal(documented, slices.Sorted(slices.Values(direct))) {
		t.Errorf("the README has %q, go.mod %q", documented, direct)
	}
}
