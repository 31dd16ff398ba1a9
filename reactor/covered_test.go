package reactor

import (
	"slices"
	"strings"
	"testing"
)

func TestPatternCovered(t *testing.T) {
	long := strings.Repeat("x.", 126) // and one token of two bytes
	for _, row := range []struct {
		pattern string
		by      string
		want    bool
	}{
		{"a", "", false},
		{"a", "a", true},
		{"a", "b a", true},
		{"a", "*", true},
		{"a", ">", true},
		{"a", "A", false},
		{"a", "a.>", false},
		{"a", "a.b", false},
		{"a.b", "a", false},
		{"a.b", "a.*", true},
		{"a.b", "*.b", true},
		{"a.b", "a.>", true},
		{"a.b", "*", false},
		{"*", "*", true},
		{"*", "a", false},
		{"*", "a b c", false}, // there is always another
		{"*", ">", true},
		{"*", "*.*", false},
		{"a.*", "a.*", true},
		{"a.*", "*.*", true},
		{"a.*", "a.b", false},
		{"a.*", "b.*", false},
		{"a.*", "a.>", true},
		{"*.b", "a.*", false},
		{"*.b", "*.*", true},
		{">", ">", true},
		{">", "*", false},
		{">", "*.>", false},
		{">", "*.> *", true}, // one token, or several
		{">", "* *.* *.*.>", true},
		{">", "* *.*.>", false}, // but for two
		{">", "* *.* *.*.*", false},
		{"a.>", "a.>", true},
		{"a.>", "a", false},
		{"a.>", "a.*", false},
		{"a.>", "*.>", true},
		{"a.>", "b.>", false},
		{"a.>", "a.b.>", false},
		{"a.>", "a.* a.*.>", true},
		{"a.>", "*.* *.*.>", true},
		{"a.>", "a a.*.>", false},
		{"a.b.>", "a.>", true},
		{"a.b.>", "a.*.>", true},
		{"a.*.>", "a.>", true},
		{"a.*.>", "a.b.>", false},
		{"*.>", ">", true},
		{"rooms.*.chat", "rooms.>", true},
		{"rooms.>", "rooms.*.chat", false},
		{long + ">", long + ">", true},
		{">", long + ">", false},
		{"*", "*.", false},
		{"a", ".> a..> >.a", false},
		{"a.", ">", false},
		{"", ">", false},
		{">.a", ">", false},
		{"a b", ">", false},
		{strings.Repeat("x", 256), ">", false},
	} {
		if got := PatternCovered(row.pattern, strings.Fields(row.by)); got != row.want {
			t.Errorf("%.40q by %.40q: %t", row.pattern, row.by, got)
		}
	}
}

// FuzzPatternCovered compares with a search through all topics of a few tokens, among which is one that no pattern
// has, up to one more token than any pattern has.
func FuzzPatternCovered(f *testing.F) {
	f.Add([]byte{3}, []byte{2, 4, 2, 3})
	f.Add([]byte{0, 3}, []byte{0, 2, 4, 0, 2, 2, 3})
	f.Add([]byte{0, 2}, []byte{0, 0, 4, 0, 1})
	f.Add([]byte{2, 0, 2}, []byte{2, 3, 4, 1, 1, 1})
	f.Fuzz(func(t *testing.T, one, many []byte) {
		pattern, by := patternOf(one), []string{}
		for part := range slices.Values(strings.Split(string(many), "\x04")) {
			by = append(by, patternOf([]byte(part)))
		}
		depth := strings.Count(pattern, ".") + 2
		for _, p := range by {
			depth = max(depth, strings.Count(p, ".")+2)
		}
		if depth > 6 || len(by) > 8 {
			t.Skip("there are too many topics")
		}
		if ValidPattern(pattern) {
			by = slices.DeleteFunc(by, func(p string) bool { return !ValidPattern(p) })
			if got, want := PatternCovered(pattern, by), coveredSlowly(pattern, by, "", depth); got != want {
				t.Errorf("%q by %q: %t", pattern, by, got)
			}
		} else if PatternCovered(pattern, append(by, pattern, ">")) {
			t.Errorf("%q is covered", pattern)
		}
	})
}

// patternOf makes a pattern, well-formed or not, of bytes that choose its tokens.
func patternOf(choice []byte) string {
	tokens := make([]string, len(choice))
	for i, b := range choice {
		tokens[i] = []string{"a", "b", "*", ">", ""}[b%5]
	}
	return strings.Join(tokens, ".")
}

// coveredSlowly looks at all topics that begin with head and have up to depth tokens more.
func coveredSlowly(pattern string, by []string, head string, depth int) bool {
	if depth == 0 {
		return true
	}
	for _, token := range []string{"a", "b", "other"} {
		topic := head + token
		if matches(pattern, topic) && !slices.ContainsFunc(by, func(p string) bool { return matches(p, topic) }) {
			return false
		}
		if !coveredSlowly(pattern, by, topic+".", depth-1) {
			return false
		}
	}
	return true
}
