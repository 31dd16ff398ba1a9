package codec

import (
	"strings"
	"testing"
)

func TestFieldLineRefusals(t *testing.T) {
	const line = "GET / HTTP/1.1\r\n"
	const host = line + "Host: a\r\n"
	long := strings.Repeat("a", 8192)
	for _, row := range []struct {
		rule   string
		marked string
		status int
		want   *HandshakeError
	}{
		{"bare LF at a line's start", host + "\n¶", 400, errBareLF},
		{"bare LF in a name", host + "X\n¶", 400, errBareLF},
		{"bare LF before a value", host + "X:\n¶", 400, errBareLF},
		{"bare LF after a value", host + "X: y\n¶", 400, errBareLF},
		{"bare LF after white space", host + "X: y \n¶", 400, errBareLF},
		{"bare CR in a value", host + "X: a\rb¶\r\n", 400, errBareCR},
		{"CR CR LF", host + "X: a\r\r¶\n", 400, errBareCR},
		{"bare CR at the end", host + "\rX¶: a\r\n", 400, errBareCR},
		{"NUL in a value", host + "X: a\x00¶b\r\n", 400, errFieldByte},
		{"NUL before a value", host + "X: \x00¶b\r\n", 400, errFieldByte},
		{"NUL in a name", host + "X\x00¶: b\r\n", 400, errFieldName},
		{"control byte in a value", host + "X: a\x1f¶b\r\n", 400, errFieldByte},
		{"DEL in a value", host + "X: a\x7f¶b\r\n", 400, errFieldByte},
		{"control byte in Host", line + "Host: \x01¶\r\n", 400, errFieldByte},
		{"fold by SP", host + "X: a\r\n ¶b\r\n", 400, errFieldFold},
		{"fold by HTAB", host + "X: a\r\n\t¶b\r\n", 400, errFieldFold},
		{"white space before the first field", line + " ¶Host: a\r\n", 400, errFieldFold},
		{"SP before the colon", host + "X ¶: a\r\n", 400, errFieldSpace},
		{"HTAB before the colon", host + "X\t¶: a\r\n", 400, errFieldSpace},
		{"empty name", host + ":¶ a\r\n", 400, errFieldName},
		{"name begins with no token byte", host + "(¶X: a\r\n", 400, errFieldName},
		{"name with no token byte", host + "X(¶: a\r\n", 400, errFieldName},
		{"name with obs-text", host + "X\xe9¶: a\r\n", 400, errFieldName},
		{"no colon", host + "X\r¶\n", 400, errFieldColon},
		{"name too long", host + long + "a¶", 431, errFieldTooLong},
		{"value too long", host + "X: " + long[:8189] + "a¶", 431, errFieldTooLong},
		{"value too long by white space", host + "X: " + long[:8189] + " ¶", 431, errFieldTooLong},
		{"white space too long", host + "X:" + strings.Repeat(" ", 8190) + " ¶", 431, errFieldTooLong},
		{"Host missing", line + "\r¶\n", 400, errHostMissing},
		{"Transfer-Encoding in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r¶\n", 400, errCodingOld},
		{"Host twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost:¶ a\r\n\r\n", 400, errHostRepeated},
		{"Host missing among others", line + "X: a\r\n\r¶\n", 400, errHostMissing},
		{"Host repeated", host + "X: b\r\nhost:¶ a\r\n", 400, errHostRepeated},
		{"Host empty", line + "Host:\r¶\n", 400, errHost},
		{"Host blank", line + "Host:  \r¶\n", 400, errHost},
		{"Host byte", line + "Host: a/¶b\r\n", 400, errHost},
		{"Host with a user name", line + "Host: u@¶a\r\n", 400, errHost},
		{"Host with obs-text", line + "Host: \xe9¶\r\n", 400, errHost},
		{"Host list", line + "Host: a,b c¶\r\n", 400, errHost},
		{"Host with a bad port", line + "Host: a:b\r¶\n", 400, errHost},
		{"Host with a port too high", line + "Host: a:65536\r¶\n", 400, errHost},
		{"Host with a bad address", line + "Host: [1::2::3]\r¶\n", 400, errHost},
		{"Host with a bad escape", line + "Host: a%4\r¶\n", 400, errHost},
		{"Host bad though the target has one", "GET http://a/ HTTP/1.1\r\nHost: ?¶\r\n", 400, errHost},
		{"Content-Length empty", host + "Content-Length:\r¶\n", 400, errLength},
		{"Content-Length sign", host + "Content-Length: +¶1\r\n", 400, errLength},
		{"Content-Length negative", host + "Content-Length: -¶1\r\n", 400, errLength},
		{"Content-Length hexadecimal", host + "Content-Length: 0x¶1\r\n", 400, errLength},
		{"Content-Length list", host + "Content-Length: 1,¶1\r\n", 400, errLength},
		{"Content-Length words", host + "Content-Length: 1 1¶\r\n", 400, errLength},
		{"Content-Length too large", host + "Content-Length: 1000000000000000000\r¶\n", 400, errLength},
		{"Content-Length repeated", host + "Content-Length: 0\r\ncontent-length:¶ 0\r\n", 400, errLengthRepeated},
		{"Content-Length, then coding", host + "Content-Length: 0\r\nTransfer-Encoding:¶ chunked\r\n", 400, errLengthCoding},
		{"coding, then Content-Length", host + "Transfer-Encoding: chunked\r\nContent-Length:¶ 0\r\n", 400, errLengthCoding},
	} {
		t.Run(row.rule, func(t *testing.T) { wantRefusal(t, row.marked, row.status, row.want) })
	}
}

func TestHeadLimits(t *testing.T) {
	head := plainRequest("X: y")
	for _, row := range []struct {
		rule   string
		limits HeadLimits
		marked string
		want   *HandshakeError
	}{
		{"bytes, one short", HeadLimits{Bytes: len(head) - 1}, head[:len(head)-1] + "¶\n", errHeadTooLarge},
		{"bytes, in the request line", HeadLimits{Bytes: 3}, "GET¶ / HTTP/1.1\r\n", errHeadTooLarge},
		{"bytes, right after the request line", HeadLimits{Bytes: 16}, "GET / HTTP/1.1\r\n¶\r\n", errHeadTooLarge},
		{"fields, one too many", HeadLimits{Fields: 2}, strings.TrimSuffix(head, "\r\n") + "Z¶: z\r\n\r\n", errTooManyFields},
		{"line, one too long for a field", HeadLimits{Line: 14}, "GET / HTTP/1.1\r\nHost: a\r\nX: 123456789012¶", errFieldTooLong},
		{"default bytes", HeadLimits{}, "GET / HTTP/1.1\r\nHost: a\r\n" +
			"A: " + strings.Repeat("a", 8189) + "\r\nB: " + strings.Repeat("b", 8162) + "¶b", errHeadTooLarge},
	} {
		t.Run(row.rule, func(t *testing.T) { wantRefusalWithin(t, row.limits, row.marked, 431, row.want) })
	}
	for _, l := range []HeadLimits{
		{Bytes: len(head), Line: 14, Fields: 2},
		{Bytes: -1, Line: -1, Fields: -1},
		{Bytes: 1 << 20, Line: 1 << 20, Fields: 1 << 20},
	} {
		var p RequestParser
		p.Reset(l)
		if n, err := p.Parse([]byte(head)); n != len(head) || err != nil {
			t.Errorf("%+v: Parse = %d, %v; want %d", l, n, err, len(head))
		}
	}
}

func TestHeadLimitsDefaults(t *testing.T) {
	if got, want := (HeadLimits{}).orDefault(), (HeadLimits{16384, 8192, 100}); got != want {
		t.Errorf("defaults are %+v, want %+v", got, want)
	}
	if got, want := (HeadLimits{-1, 65536, 65535}).orDefault(), (HeadLimits{65535, 65535, 65535}); got != want {
		t.Errorf("bounds are %+v, want %+v", got, want)
	}
	var lines []string
	for range 99 {
		lines = append(lines, "X: y")
	}
	parseRequest(t, plainRequest(lines...))
	marked := strings.TrimSuffix(plainRequest(append(lines, "Z: z")...), "Z: z\r\n\r\n") + "Z¶: z\r\n\r\n"
	wantRefusal(t, marked, 431, errTooManyFields)
}

// TestHeadFillsLargestLimit is for the offsets, which have 16 bits.
func TestHeadFillsLargestLimit(t *testing.T) {
	line := "X: " + strings.Repeat("x", 65535-len(plainRequest("X: ")))
	head := plainRequest(line)
	var p RequestParser
	p.Reset(HeadLimits{Bytes: -1, Line: -1})
	if n, err := p.Parse([]byte(head)); n != 65535 || err != nil {
		t.Fatalf("Parse = %d, %v; want 65535", n, err)
	}
	if got := p.Request([]byte(head)).Field("X"); len(got) != len(line)-3 {
		t.Errorf("value has %d bytes, want %d", len(got), len(line)-3)
	}
	wantRefusalWithin(t, HeadLimits{Bytes: -1, Line: -1}, strings.TrimSuffix(plainRequest(line+"x"), "\n")+"¶\n", 431, errHeadTooLarge)
}

func TestFieldValues(t *testing.T) {
	r := parseRequest(t, plainRequest(
		"A: b", "Empty:", "Blank: \t ", "Trim:\t x  y\tz \t", "Obs: \xe9\xff", "a: second", "!#$%&'*+-.^_`|~09aZ: token",
		"Content-Length:  000 "))
	for _, row := range []struct{ name, want string }{
		{"A", "b"},
		{"Empty", ""},
		{"Blank", ""},
		{"tRIM", "x  y\tz"},
		{"Obs", "\xe9\xff"},
		{"!#$%&'*+-.^_`|~09Az", "token"},
		{"content-length", "000"},
	} {
		if got := r.Field(row.name); got == nil || string(got) != row.want {
			t.Errorf("Field(%q) = %q, want %q", row.name, got, row.want)
		}
	}
	if got := r.Field("B"); got != nil {
		t.Errorf("Field of an absent field = %q, want nil", got)
	}
}
