package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Sizes is a distribution of message sizes, in bytes: one size, a range, or a weighted mix of both.
type Sizes struct{ choices []sizeChoice }

// sizeChoice is a range of sizes with its share of the messages.
type sizeChoice struct {
	from, to int
	weight   int
}

// MaxSize is the largest message that can be asked for, in bytes.
const MaxSize = 64 << 20

// FixedSize is one size for all messages.
func FixedSize(n int) Sizes { return Sizes{[]sizeChoice{{n, n, 1}}} }

// ParseSizes reads "128", "16-1024" or a mix such as "16:50,1024:45,65536:5", where the number behind
// the colon is the weight. KiB and MiB are understood.
func ParseSizes(s string) (Sizes, error) {
	var sizes Sizes
	for part := range strings.SplitSeq(s, ",") {
		c, err := parseChoice(strings.TrimSpace(part))
		if err != nil {
			return Sizes{}, fmt.Errorf("bad size %q: %w; want 128, 16-1024, or a mix such as 16:50,1KiB:50", part, err)
		}
		sizes.choices = append(sizes.choices, c)
	}
	return sizes, nil
}

func parseChoice(s string) (c sizeChoice, err error) {
	span, weight, weighted := strings.Cut(s, ":")
	c.weight = 1
	if weighted {
		if c.weight, err = strconv.Atoi(weight); err != nil || c.weight <= 0 {
			return c, errors.New("the weight is not a positive number")
		}
	}
	from, to, ranged := strings.Cut(span, "-")
	if c.from, err = parseBytes(from); err != nil {
		return c, err
	}
	c.to = c.from
	if ranged {
		if c.to, err = parseBytes(to); err != nil {
			return c, err
		}
	}
	if c.to < c.from {
		return c, errors.New("the range is upside down")
	}
	return c, nil
}

func parseBytes(s string) (int, error) {
	unit := 1
	if d, ok := strings.CutSuffix(s, "KiB"); ok {
		s, unit = d, 1<<10
	} else if d, ok := strings.CutSuffix(s, "MiB"); ok {
		s, unit = d, 1<<20
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > MaxSize/unit {
		return 0, fmt.Errorf("%q is not a number of bytes up to %d MiB", s, MaxSize>>20)
	}
	return n * unit, nil
}

// String returns the form that ParseSizes reads.
func (s Sizes) String() string {
	var b strings.Builder
	for i, c := range s.choices {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(c.from))
		if c.to != c.from {
			b.WriteString("-" + strconv.Itoa(c.to))
		}
		if len(s.choices) > 1 {
			b.WriteString(":" + strconv.Itoa(c.weight))
		}
	}
	return b.String()
}

// MarshalText returns the form that ParseSizes reads.
func (s Sizes) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSizes; what is empty is the zero value.
func (s *Sizes) UnmarshalText(text []byte) (err error) {
	*s = Sizes{}
	if len(text) > 0 {
		*s, err = ParseSizes(string(text))
	}
	return err
}

// fixed returns the size, if there is only one.
func (s Sizes) fixed() (size int, ok bool) { return s.min(), s.min() == s.max() }

func (s Sizes) min() int {
	n := s.choices[0].from
	for _, c := range s.choices {
		n = min(n, c.from)
	}
	return n
}

func (s Sizes) max() int {
	n := 0
	for _, c := range s.choices {
		n = max(n, c.to)
	}
	return n
}

// pick chooses a size.
func (s Sizes) pick(r *rand.Rand) int {
	c := s.choices[0]
	if len(s.choices) > 1 {
		total := 0
		for _, c := range s.choices {
			total += c.weight
		}
		n := r.IntN(total)
		for _, c = range s.choices {
			if n -= c.weight; n < 0 {
				break
			}
		}
	}
	if c.from == c.to {
		return c.from
	}
	return c.from + r.IntN(c.to-c.from+1)
}
