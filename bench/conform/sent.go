package conform

import (
	"fmt"
	"strings"
)

// sent is what was sent, for the report.
type sent struct {
	head   []byte // the first bytes
	bytes  int
	writes int
}

// note notes p, which is sent in pieces of n bytes; 0 is one piece.
func (s *sent) note(p []byte, n int) {
	const shown = 96
	if room := shown - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(len(p), room)]...)
	}
	s.bytes += len(p)
	s.writes++
	if n > 0 {
		s.writes += (len(p) - 1) / n
	}
}

func (s *sent) String() string {
	if s.bytes == 0 {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%x", s.head)
	if s.bytes > len(s.head) {
		b.WriteString("…")
	}
	fmt.Fprintf(&b, " (%d bytes in %d writes)", s.bytes, s.writes)
	return b.String()
}
