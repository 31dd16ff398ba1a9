package conform

// Verdict says how a server did by a rule. The package comment defines each.
type Verdict string

// The verdicts, from good to bad.
const (
	OK            Verdict = "OK"
	Informational Verdict = "INFORMATIONAL"
	Skipped       Verdict = "SKIPPED"
	Limit         Verdict = "LIMIT"
	NonStrict     Verdict = "NON-STRICT"
	Unclean       Verdict = "UNCLEAN"
	Failed        Verdict = "FAILED"
)

// Verdicts are all of them, from good to bad.
var Verdicts = []Verdict{OK, Informational, Skipped, Limit, NonStrict, Unclean, Failed}

// Failure reports whether v makes a run fail.
func (v Verdict) Failure() bool { return v == Unclean || v == Failed }

func (v Verdict) rank() int {
	for i, w := range Verdicts {
		if v == w {
			return i
		}
	}
	return -1
}

// worse returns the worse of two verdicts.
func worse(a, b Verdict) Verdict {
	if b.rank() > a.rank() {
		return b
	}
	return a
}
