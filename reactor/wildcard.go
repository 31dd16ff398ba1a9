package reactor

import "strings"

// wildcards are the patterns with wildcards, as a tree of their tokens. Those without are in a map,
// where nothing has to be searched.
type wildcards struct {
	next map[string]*wildcards // by token, "*" among them
	here *audience             // the pattern that ends here
	rest *audience             // the pattern that ends here with ">"
}

// place returns where the pattern is in the tree, making the way to it.
func (w *wildcards) place(pattern string) **audience {
	for {
		token, rest, more := strings.Cut(pattern, ".")
		if token == ">" {
			return &w.rest
		}
		next := w.next[token]
		if next == nil {
			if w.next == nil {
				w.next = make(map[string]*wildcards, 1)
			}
			next = &wildcards{}
			w.next[strings.Clone(token)] = next
		}
		if w = next; !more {
			return &w.here
		}
		pattern = rest
	}
}

// remove takes the pattern out, and what of the way to it leads to nothing else. It reports whether w
// has become empty.
func (w *wildcards) remove(pattern string) (empty bool) {
	token, rest, more := strings.Cut(pattern, ".")
	switch next := w.next[token]; {
	case token == ">":
		w.rest = nil
	case !more:
		next.here = nil
		if next.empty() {
			delete(w.next, token)
		}
	case next.remove(rest):
		delete(w.next, token)
	}
	return w.empty()
}

func (w *wildcards) empty() bool { return len(w.next) == 0 && w.here == nil && w.rest == nil }

// match appends the patterns that match a topic.
func (w *wildcards) match(dst []*audience, name string) []*audience {
	if w.rest != nil {
		dst = append(dst, w.rest)
	}
	if len(w.next) == 0 {
		return dst
	}
	token, rest, more := strings.Cut(name, ".")
	for _, next := range [...]*wildcards{w.next[token], w.next["*"]} {
		switch {
		case next == nil:
		case more:
			dst = next.match(dst, rest)
		case next.here != nil:
			dst = append(dst, next.here)
		}
	}
	return dst
}
