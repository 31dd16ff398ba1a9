package conform

import (
	"bytes"
	"compress/flate"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.org/weir/bench/rawpeer"
)

// TestDeflatePayloads holds that messages have the size that they are to have, differ, and are text where they say so.
func TestDeflatePayloads(t *testing.T) {
	for _, p := range deflatePayloads {
		for _, s := range deflateSizes {
			a, b := p.make(0, s.message), p.make(1, s.message)
			if len(a) != s.message || len(b) != s.message || bytes.Equal(a, b) {
				t.Errorf("%s: %d and %d bytes, want %d", p.name, len(a), len(b), s.message)
			}
			if p.opcode == rawpeer.OpText && !(utf8.Valid(a) && utf8.Valid(b)) {
				t.Errorf("%s of %d bytes is not UTF-8", p.name, s.message)
			}
		}
	}
}

// TestDeflatePingPongFaults holds that sections 12 and 13 notice what a server does wrong, and nothing else.
func TestDeflatePingPongFaults(t *testing.T) {
	const pmd, alone = "permessage-deflate", "; server_no_context_takeover"
	mirror := func(f rawpeer.Frame) rawpeer.Frame { return f }
	last := func(f rawpeer.Frame) bool { return f.FIN }
	var before []byte // the message before
	takesOver := func(f rawpeer.Frame) rawpeer.Frame {
		f.FIN = false // not to be decompressed here as a whole message
		m, _ := inflated(f)
		var b bytes.Buffer
		w, _ := flate.NewWriterDict(&b, flate.BestCompression, before)
		_, _ = w.Write([]byte(m))
		_ = w.Flush()
		before = []byte(m)
		f.FIN = true
		f.Payload = bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
		return f
	}
	for name, row := range map[string]struct {
		answer string
		echo   func(rawpeer.Frame) rawpeer.Frame
		rules  string // the prefixes of those that are tried
		ok     bool
	}{
		"a mirror":                           {pmd, mirror, "12.1.4 12.5.11 13.1.4 13.7.1", true},
		"what was asked for is not answered": {pmd, mirror, "13.2.4 13.3.4 13.4.4 13.5.4 13.6.4", false},
		"no extension":                       {"x-other", mirror, "12.1.1", false},
		"RSV1 on a continuation": {pmd, func(f rawpeer.Frame) rawpeer.Frame {
			f.RSV = rawpeer.RSV1
			return f
		}, "12.1.11", false},
		"a bit is changed": {pmd, func(f rawpeer.Frame) rawpeer.Frame {
			if last(f) {
				f.Payload[len(f.Payload)/2] ^= 1
			}
			return f
		}, "12.2.4 12.3.9", false},
		"context takeover":                {pmd, takesOver, "12.1.4", true},
		"context takeover against a word": {pmd + alone, takesOver, "12.1.4 13.2.4", false},
	} {
		for id := range strings.FieldsSeq(row.rules) {
			before = nil
			o := Options{
				Target: deflateServer(t, row.answer, row.echo), Run: regexp.MustCompile("^" + regexp.QuoteMeta(id) + " "),
				Patience: 300 * time.Millisecond,
			}
			res, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			expected := func(o *Outcome) bool {
				before = nil // for the next try
				return (o.Verdict == OK) == row.ok && o.Verdict != Skipped
			}
			again(t, o, res.Outcomes, expected)
			if o := &res.Outcomes[0]; !expected(o) {
				t.Errorf("%s, %s: %s, %s", name, id, o.Verdict, o.Got)
			}
		}
	}
}
