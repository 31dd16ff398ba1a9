package codec

import (
	"bytes"
	"iter"
)

// span is a part of a head by its offsets, so that the head may move.
type span struct{ start, end uint16 }

// of returns the bytes of the span, capped so that an append cannot reach beyond them.
func (s span) of(head []byte) []byte { return head[s.start:s.end:s.end] }

// fieldLine is one field line of a head.
type fieldLine struct{ name, value span }

// fieldView gives access to the fields of a parsed head. All slices that it hands out alias the head. Names
// are compared without regard to case (RFC 9110 5.1); values have no white space at their ends.
type fieldView struct {
	head  []byte
	lines []fieldLine
}

// Field returns the value of the first field called name, or nil if there is none; a field with an empty
// value gives an empty slice that is not nil.
func (v *fieldView) Field(name string) []byte {
	for i := range v.lines {
		if l := &v.lines[i]; equalFold(l.name.of(v.head), name) {
			return l.value.of(v.head)
		}
	}
	return nil
}

// Fields iterates over all fields, names and values, in the order of the head.
func (v *fieldView) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range v.lines {
			if !yield(v.lines[i].name.of(v.head), v.lines[i].value.of(v.head)) {
				return
			}
		}
	}
}

// Values iterates over the values of all fields called name, in the order of the head.
func (v *fieldView) Values(name string) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		for i := range v.lines {
			if l := &v.lines[i]; equalFold(l.name.of(v.head), name) && !yield(l.value.of(v.head)) {
				return
			}
		}
	}
}

// Tokens iterates over the members of the comma-separated lists in all fields called name, in the order of
// the head, without the white space around them. Empty members are left out (RFC 9110 5.6.1.2). It splits at
// every comma, and so is not for lists that may hold quoted strings.
func (v *fieldView) Tokens(name string) iter.Seq[[]byte] {
	return func(yield func(token []byte) bool) {
		for value := range v.Values(name) {
			for more := true; more; {
				var member []byte
				if member, value, more = cutMember(value); len(member) > 0 && !yield(member) {
					return
				}
			}
		}
	}
}

// count returns how many fields are called name.
func (v *fieldView) count(name string) (n int) {
	for range v.Values(name) {
		n++
	}
	return n
}

// hasToken reports whether the lists in the fields called name have the member token, in any case.
func (v *fieldView) hasToken(name, token string) bool {
	for member := range v.Tokens(name) {
		if equalFold(member, token) {
			return true
		}
	}
	return false
}

// cutMember cuts the first member off a comma-separated list. more reports whether a comma followed it.
func cutMember(list []byte) (member, rest []byte, more bool) {
	member, rest, more = bytes.Cut(list, []byte{','})
	return trimSpace(member), rest, more
}
