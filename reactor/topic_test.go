package reactor

import (
	"slices"
	"strings"
	"testing"
)

// TestTopicRules breaks each rule of topics and patterns once.
func TestTopicRules(t *testing.T) {
	for _, row := range []struct {
		rule string
		s    string
		kind topicKind
	}{
		{"one token", "rooms", topicPlain},
		{"several tokens", "rooms.red.chat", topicPlain},
		{"the shortest", "a", topicPlain},
		{"any other character", "räume./a-b_c$0:@{}\"'\\日本", topicPlain},
		{"a byte that is not UTF-8", "a\xFF", topicPlain},
		{"255 bytes", strings.Repeat("x", 255), topicPlain},
		{"256 bytes", strings.Repeat("x", 256), topicBad},
		{"empty", "", topicBad},
		{"empty first token", ".a", topicBad},
		{"empty token", "a..b", topicBad},
		{"empty last token", "a.", topicBad},
		{"only a dot", ".", topicBad},
		{"space", "a b", topicBad},
		{"tab", "a\tb", topicBad},
		{"line feed", "a\n", topicBad},
		{"NUL", "\x00", topicBad},
		{"DEL", "a.\x7F", topicBad},
		{"star", "*", topicWild},
		{"star at the beginning", "*.b", topicWild},
		{"star in between", "a.*.c", topicWild},
		{"star at the end", "a.*", topicWild},
		{"several stars", "*.*", topicWild},
		{"star as a part of a token", "a*", topicBad},
		{"star before a letter", "x.*a", topicBad},
		{"two stars in a token", "**", topicBad},
		{"rest", ">", topicWild},
		{"rest at the end", "a.b.>", topicWild},
		{"rest behind star", "*.>", topicWild},
		{"rest in between", "a.>.b", topicBad},
		{"rest before an empty token", ">.", topicBad},
		{"rest as a part of a token", "a>", topicBad},
		{"rest and star in a token", "a.*>", topicBad},
		{"a bad token behind a wildcard", "*..a", topicBad},
	} {
		if got := ValidTopic(row.s); got != (row.kind == topicPlain) {
			t.Errorf("ValidTopic(%q) is %v", row.s, got)
		}
		if got := ValidPattern(row.s); got != (row.kind != topicBad) {
			t.Errorf("ValidPattern(%q) is %v", row.s, got)
		}
		if got := kindOf(row.s); got != row.kind {
			t.Errorf("%s: %q is %d, want %d", row.rule, row.s, got, row.kind)
		}
	}
}

// matches is what the wildcards mean, said simply.
func matches(pattern, topic string) bool {
	p, n := strings.Split(pattern, "."), strings.Split(topic, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(n) > i
		case i >= len(n) || token != "*" && token != n[i]:
			return false
		}
	}
	return len(p) == len(n)
}

func TestTopicMatches(t *testing.T) {
	for _, row := range []struct {
		pattern, topic string
		want           bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a.b", false},
		{"a.b", "a", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "b.b", false},
		{"a.*", "a.b.c", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.d", false},
		{"*.*", "a.b", true},
		{">", "a", true},
		{">", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "a.b", true},
		{"a.>", "a.b.c.d", true},
		{"a.>", "b.c", false},
		{"*.b.>", "a.b.c", true},
		{"*.b.>", "a.c.c", false},
	} {
		if got := matches(row.pattern, row.topic); got != row.want {
			t.Errorf("the test's own matcher: %q and %q: %t", row.pattern, row.topic, got)
		}
		if got := found([]string{row.pattern}, row.topic); (len(got) == 1) != row.want {
			t.Errorf("%q and %q: found %q", row.pattern, row.topic, got)
		}
	}
}

// found is which of the patterns match the topic, by way of the tables.
func found(patterns []string, topic string) (got []string) {
	var t topics
	for _, p := range patterns {
		if t.patterns[p] == nil {
			t.add(p, kindOf(p))
		}
	}
	for _, au := range t.match(nil, topic) {
		got = append(got, au.pattern)
	}
	slices.Sort(got)
	return got
}

// FuzzTopicMatch compares the tables with the matcher that looks at each pattern, also after some of the
// patterns have been taken out.
func FuzzTopicMatch(f *testing.F) {
	f.Add("a.b a.* *.b > a.> *.* b *", "a.b", byte(0b1010))
	f.Add("x.y.z x.*.z *.*.* x.> x.y.> >", "x.y.z", byte(1))
	f.Add("a a.a a.a.a * *.a.*", "a.a.a", byte(255))
	f.Fuzz(func(t *testing.T, list, topic string, remove byte) {
		var all topics
		in := map[string]*audience{}
		for p := range strings.FieldsSeq(list) {
			if kind := kindOf(p); kind != topicBad && in[p] == nil {
				in[p] = all.add(p, kind)
			}
		}
		i := 0
		for p, au := range in {
			if remove>>(i%8)&1 == 1 {
				all.remove(au)
				delete(in, p)
			}
			i++
		}
		if kindOf(topic) == topicPlain {
			var want, got []string
			for p := range in {
				if matches(p, topic) {
					want = append(want, p)
				}
			}
			for _, au := range all.match(nil, topic) {
				got = append(got, au.pattern)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q in %q: got %q, want %q", topic, list, got, want)
			}
		}
		for _, au := range in {
			all.remove(au)
		}
		if len(all.patterns) != 0 || !all.wild.empty() {
			t.Errorf("%q: something is left", list)
		}
	})
}
