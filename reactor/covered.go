package reactor

import (
	"slices"
	"strings"
)

// PatternCovered reports whether each topic that the pattern matches is also matched by one of the patterns by:
// with it an application holds Subscribe and Publish to the topics that a client may have. A topic is a
// pattern that matches itself. Nothing malformed covers, or is covered, and the limit on the length of topics
// is not reckoned with. It is safe from any goroutine.
func PatternCovered(pattern string, by []string) bool {
	if kindOf(pattern) == topicBad {
		return false
	}
	for {
		if coveredByOne(pattern, by) {
			return true
		}
		// ">" is one token, or one and more after it, and each of the two may be covered by another. This
		// ends: the more tokens there are before it, the more must those have that cover the former only.
		head, open := strings.CutSuffix(pattern, ">")
		if !open || !coveredByOne(head+"*", by) {
			return false
		}
		pattern = head + "*.>"
	}
}

func coveredByOne(pattern string, by []string) bool {
	return slices.ContainsFunc(by, func(one string) bool { return kindOf(one) != topicBad && covers(one, pattern) })
}

// covers reports whether pattern a, which is well-formed as b is, matches all that b does. Of the tokens that "*"
// stands for there is always one that a does not name.
func covers(a, b string) bool {
	for moreA := true; moreA; {
		var tokenA, tokenB string
		var moreB bool
		tokenA, a, moreA = strings.Cut(a, ".")
		tokenB, b, moreB = strings.Cut(b, ".")
		switch {
		case tokenA == ">":
			return true
		case tokenB == ">", tokenA != "*" && tokenA != tokenB, moreA != moreB:
			return false
		}
	}
	return true
}
