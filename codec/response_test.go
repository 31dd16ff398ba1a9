package codec

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const rfcResponse = "HTTP/1.1 101 Switching Protocols\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
	"Sec-WebSocket-Protocol: chat\r\n" +
	"\r\n"

// parseResponse parses a head that has to be good and complete.
func parseResponse(t testing.TB, head string) *Response {
	t.Helper()
	p := new(ResponseParser)
	n, err := p.Parse([]byte(head))
	if err != nil || n != len(head) {
		t.Fatalf("Parse(%q) = %d, %v; want %d", head, n, err, len(head))
	}
	return p.Response([]byte(head))
}

func TestResponse(t *testing.T) {
	for _, row := range []struct {
		head, reason  string
		status, minor int
		interim       bool
	}{
		{rfcResponse, "Switching Protocols", 101, 1, false},
		{"HTTP/1.1 200 \r\n\r\n", "", 200, 1, false},
		{"HTTP/1.0 502 Bad\t\xe9 Gateway\r\nHost:\r\nHost: /\r\nContent-Length: x\r\n\r\n", "Bad\t\xe9 Gateway", 502, 0, false},
		{"HTTP/1.9 103 Early Hints\r\n\r\n", "Early Hints", 103, 9, true},
		{"HTTP/1.1 599 \r\n\r\n", "", 599, 1, false},
		{"HTTP/1.1 100 \r\n\r\n", "", 100, 1, true},
	} {
		r := parseResponse(t, row.head)
		if r.Status() != row.status || string(r.Reason()) != row.reason || r.Minor() != row.minor || r.Interim() != row.interim {
			t.Errorf("%q: status %d, reason %q, minor %d, interim %t", row.head, r.Status(), r.Reason(), r.Minor(), r.Interim())
		}
	}
	if got := string(parseResponse(t, rfcResponse).Field("upgrade")); got != "websocket" {
		t.Errorf("Upgrade is %q", got)
	}
}

func TestResponseFaults(t *testing.T) {
	const line = "HTTP/1.1 200 OK\r\n"
	for _, row := range []struct {
		rule   string
		marked string
		limits HeadLimits
		want   *HandshakeError
	}{
		{"SSH", "S¶SH-2.0-OpenSSH", HeadLimits{}, errStatusLine},
		{"HTTP/2", "HTTP/2¶.0 200 OK\r\n", HeadLimits{}, errStatusLine},
		{"empty line first", "\r¶\nHTTP/1.1 200 OK\r\n", HeadLimits{}, errStatusLine},
		{"minor not a digit", "HTTP/1.x¶ 200 OK\r\n", HeadLimits{}, errStatusLine},
		{"long minor", "HTTP/1.10¶ 200 OK\r\n", HeadLimits{}, errStatusLine},
		{"two spaces", "HTTP/1.1  ¶200 OK\r\n", HeadLimits{}, errStatusLine},
		{"status not a digit", "HTTP/1.1 2x¶0 OK\r\n", HeadLimits{}, errStatusLine},
		{"status below 100", "HTTP/1.1 0¶99 OK\r\n", HeadLimits{}, errStatusLine},
		{"status above 599", "HTTP/1.1 6¶00 OK\r\n", HeadLimits{}, errStatusLine},
		{"status 999", "HTTP/1.1 9¶99 OK\r\n", HeadLimits{}, errStatusLine},
		{"status too long", "HTTP/1.1 2000¶ OK\r\n", HeadLimits{}, errStatusLine},
		{"no space after the status", "HTTP/1.1 200\r¶\n", HeadLimits{}, errStatusLine},
		{"control byte in the reason", "HTTP/1.1 200 O\x00¶K\r\n", HeadLimits{}, errStatusLine},
		{"bare LF", "HTTP/1.1 200 OK\n¶", HeadLimits{}, errBareLF},
		{"bare CR", "HTTP/1.1 200 OK\rX¶", HeadLimits{}, errBareCR},
		{"line too long", "HTTP/1.1 200 OKO¶", HeadLimits{Line: 15}, errStatusTooLong},
		{"head too large", "HTTP/1.1 200 OK\r\nX¶", HeadLimits{Bytes: 18}, errHeadTooLarge},
		{"field too long", "HTTP/1.1 200 OK\r\nX: 3456789012345x¶", HeadLimits{Line: 16}, errFieldTooLong},
		{"too many fields", line + "A: b\r\nC¶: d\r\n\r\n", HeadLimits{Fields: 1}, errTooManyFields},
		{"fold", line + "A: b\r\n ¶c\r\n", HeadLimits{}, errFieldFold},
		{"white space before the colon", line + "A ¶: b\r\n", HeadLimits{}, errFieldSpace},
		{"control byte in a value", line + "A: \x01¶\r\n", HeadLimits{}, errFieldByte},
	} {
		t.Run(row.rule, func(t *testing.T) {
			fresh := func() parser {
				p := new(ResponseParser)
				p.Reset(row.limits)
				return p
			}
			wantFault(t, fresh, row.marked, func(err error) bool {
				e, ok := err.(*HandshakeError)
				return ok && e.Status == 0 && strings.HasSuffix(e.Text, row.want.Text)
			})
		})
	}
}

// responseResult writes out what a parser came to when given ever more of stream, up to each of ends.
func responseResult(stream string, ends ...int) string {
	var p ResponseParser
	for _, end := range ends {
		head := []byte(stream[:end])
		n, err := p.Parse(head)
		if err != nil {
			return "error " + err.Error()
		}
		if n > 0 {
			r := p.Response(head)
			out := strconv.Itoa(n) + " " + strconv.Itoa(r.Status()) + " " + string(r.Reason()) + "\n"
			for name, value := range r.Fields() {
				out += string(name) + "=" + string(value) + "\n"
			}
			return out
		}
	}
	return "more"
}

func TestResponseSplits(t *testing.T) {
	stream := rfcResponse + "\x81\x02hi"
	want := responseResult(stream, len(stream))
	var every []int
	for i := range len(stream) + 1 {
		every = append(every, i)
		if got := responseResult(stream, i, len(stream)); got != want {
			t.Fatalf("split at %d: %s", i, got)
		}
	}
	if got := responseResult(stream, every...); got != want {
		t.Fatalf("byte by byte: %s", got)
	}
}

func TestResponseParserReset(t *testing.T) {
	var p ResponseParser
	for _, head := range []string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", "SSH", rfcResponse} {
		p.Reset(HeadLimits{})
		if n, err := p.Parse([]byte(head)); err == nil && n != len(head) {
			t.Errorf("Parse(%q) = %d", head, n)
		}
	}
	r := p.Response([]byte(rfcResponse))
	if r.Status() != 101 || r.Field("Link") != nil || r.Field("Upgrade") == nil {
		t.Errorf("status %d, Link %q, Upgrade %q", r.Status(), r.Field("Link"), r.Field("Upgrade"))
	}
}

func FuzzResponseHead(f *testing.F) {
	for _, head := range []string{
		rfcResponse, "HTTP/1.1 200 \r\n\r\n", "HTTP/1.0 502 Bad Gateway\r\nX:\r\n\r\nbody", "HTTP/1.1 101\r\n\r\n", "SSH-2.0", "HTTP/1.1 200 OK\n\n",
	} {
		f.Add([]byte(head), uint16(9), uint16(20))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut1, cut2 uint16) {
		whole := responseResult(string(stream), len(stream))
		first := min(int(cut1), len(stream))
		second := first + min(int(cut2), len(stream)-first)
		if got := responseResult(string(stream), first, second, len(stream)); got != whole {
			t.Errorf("split at %d, %d: %s; whole: %s", first, second, got, whole)
		}
		var p ResponseParser
		n, err := p.Parse(stream)
		if n == 0 || err != nil {
			return
		}
		r := p.Response(stream)
		_, _, _ = r.CheckUpgrade(&ClientUpgrade{Key: "dGhlIHNhbXBsZSBub25jZQ==", Protocols: []string{"chat"}, Extensions: "a"})
		if r.Field("Transfer-Encoding") != nil || r.Field("Content-Length") != nil {
			return // left to bodies, of which this package reads none
		}
		got, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(stream[:n])), nil)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", stream[:n], err)
		}
		if got.StatusCode != r.Status() || got.ProtoMinor != r.Minor() {
			t.Errorf("net/http takes %q for %+v", stream[:n], got)
		}
		for name := range r.Fields() {
			key := http.CanonicalHeaderKey(string(name))
			var want []string
			for value := range r.Values(string(name)) {
				want = append(want, string(value))
			}
			if have := got.Header[key]; !slices.Equal(have, want) && key != "Cache-Control" {
				t.Errorf("net/http takes field %s of %q for %q, not %q", key, stream[:n], have, want)
			}
		}
	})
}
