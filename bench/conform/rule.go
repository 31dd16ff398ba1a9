package conform

import (
	"fmt"
	"slices"
	"strconv"
)

// Rule is one thing that a server has to do right.
type Rule struct {
	ID      string // "H2.4", "F1.1", or the number of an Autobahn case, such as "6.4.1"
	Section string // the heading that it stands under
	Name    string // what is sent and what has to come of it
	Source  string // where that is written

	try func(*attempt)
}

// String returns what a filter is matched with: the ID, a space, and the name.
func (r *Rule) String() string { return r.ID + " " + r.Name }

// sections make the rules, in the order of the report.
var sections = []func() []Rule{
	handshakeAdmits, handshakeRefuses, handshakeHTTP, handshakeRefusal,
	framingHeader, framingLength, framingSequence, framingClose, framingSegments,
	deflateParameters, deflateMessages,
	section1, section2, section3, section4, section5, section6, section7, section9, section10,
	section12, section13,
}

// Rules returns all rules, in order.
func Rules() []Rule {
	var all []Rule
	for _, section := range sections {
		all = append(all, section()...)
	}
	return all
}

// group builds the rules of a section one by one.
type group struct {
	section string
	source  string // of rules that do not say otherwise
	rules   []Rule
}

// add adds a rule, with the next number of prefix: "F1" makes F1.1, F1.2 and so on.
func (g *group) add(prefix, name, source string, try func(*attempt)) {
	n := 1
	for _, r := range slices.Backward(g.rules) {
		if parent, last := cutLast(r.ID); parent == prefix {
			n = last + 1
			break
		}
	}
	if source == "" {
		source = g.source
	}
	g.rules = append(g.rules, Rule{
		ID: fmt.Sprintf("%s.%d", prefix, n), Section: g.section, Name: name, Source: source, try: try,
	})
}

// exchange adds a rule that is an exchange of frames.
func (g *group) exchange(prefix, name string, x exchange) {
	g.add(prefix, name, "", func(a *attempt) { a.exchange(x) })
}

// cutLast cuts the last number off an ID.
func cutLast(id string) (parent string, n int) {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i] == '.' {
			n, _ = strconv.Atoi(id[i+1:])
			return id[:i], n
		}
	}
	return id, 0
}
