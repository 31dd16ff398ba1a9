package reactor

import (
	"errors"
	"strings"
)

// ErrBadTopic is returned for a topic or pattern that is malformed; see [Conn.Subscribe].
var ErrBadTopic = errors.New("reactor: malformed topic or pattern")

// maxTopic is the length of the longest topic and pattern, in bytes.
const maxTopic = 255

// topicKind is what a string is as a topic.
type topicKind uint8

const (
	topicBad   topicKind = iota
	topicPlain           // a topic, and a pattern that matches it only
	topicWild            // a pattern with wildcards
)

// kindOf holds all the rules of topics, which are those of NATS for subjects: tokens of one byte or more
// between dots, without white space and control characters. In a pattern a token may be "*", which is any
// one token, and the last may be ">", which is one token or more. Nowhere else may these two be.
func kindOf(s string) topicKind {
	if len(s) > maxTopic {
		return topicBad
	}
	kind := topicPlain
	for more := true; more; {
		var token string
		token, s, more = strings.Cut(s, ".")
		switch {
		case token == "*" || token == ">" && !more:
			kind = topicWild
		case token == "" || strings.ContainsAny(token, "*>") || strings.ContainsFunc(token, notInTopic):
			return topicBad
		}
	}
	return kind
}

// ValidTopic reports whether s is a topic that can be published to, by the rules of [Conn.Subscribe]: one
// without wildcards. It is safe from any goroutine.
func ValidTopic(s string) bool { return kindOf(s) == topicPlain }

// ValidPattern reports whether s is a topic or a pattern that can be subscribed to, by the same rules. It is safe
// from any goroutine.
func ValidPattern(s string) bool { return kindOf(s) != topicBad }

// notInTopic reports whether r is a space or an ASCII control character.
func notInTopic(r rune) bool { return r <= ' ' || r == 0x7F }
