package codec

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// outline writes out all that a request says, for comparison.
func outline(r *Request) string {
	var b strings.Builder
	b.WriteString(string(r.Method()) + " " + string(r.Target()) + " " + string(r.Path()) + " " + string(r.Query()) +
		" " + string(r.Host()) + "\n")
	for name, value := range r.Fields() {
		b.WriteString(string(name) + "=" + string(value) + "\n")
	}
	if err := r.CheckUpgrade(); err != nil {
		b.WriteString(err.Error())
	}
	if err := r.CheckPlain(); err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}

// result writes out what Parse came to with the last of its calls.
func result(p *RequestParser, head []byte, n int, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	if n == 0 {
		return "more"
	}
	return outline(p.Request(head[:n]))
}

func TestRequestRFC(t *testing.T) {
	r := parseRequest(t, rfcRequest)
	if err := r.CheckUpgrade(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ what, got, want string }{
		{"Method", string(r.Method()), "GET"},
		{"Target", string(r.Target()), "/chat"},
		{"Path", string(r.Path()), "/chat"},
		{"Host", string(r.Host()), "server.example.com"},
		{"Key", string(r.Key()), "dGhlIHNhbXBsZSBub25jZQ=="},
		{"Protocols", texts(slices.Collect(r.Protocols())), "chat|superchat"},
		{"Origin", string(r.Field("origin")), "http://example.com"},
	} {
		if row.got != row.want {
			t.Errorf("%s = %q, want %q", row.what, row.got, row.want)
		}
	}
	if r.Minor() != 1 || r.Query() != nil || !r.IsUpgrade() {
		t.Errorf("Minor %d, Query %q, IsUpgrade %t", r.Minor(), r.Query(), r.IsUpgrade())
	}
}

func TestRequestBrowsers(t *testing.T) {
	for _, head := range goodRequests {
		if err := parseRequest(t, head).CheckUpgrade(); err != nil {
			t.Errorf("%.40q: %v", head, err)
		}
	}
	r := parseRequest(t, chromeRequest)
	if got := string(r.Query()); got != "room=7&v=%7B1%7D" {
		t.Errorf("Query = %q", got)
	}
	if !SameOrigin(r.Field("Origin"), r.Host()) {
		t.Error("Chrome's origin is not the same")
	}
	if r := parseRequest(t, firefoxRequest); SameOrigin(r.Field("Origin"), r.Host()) {
		t.Error("an Origin of null is the same")
	}
}

func TestCookie(t *testing.T) {
	r := parseRequest(t, plainRequest("Cookie: a=1; b=\"2\";c = 3; noise; d=", "Cookie: e=f=g; a=second"))
	for _, row := range []struct {
		name, want string
		found      bool
	}{
		{"a", "1", true},
		{"b", `"2"`, true},
		{"d", "", true},
		{"e", "f=g", true},
		{"A", "", false},
		{"noise", "", false},
		{"x", "", false},
	} {
		if got := r.Cookie(row.name); string(got) != row.want || got != nil != row.found {
			t.Errorf("Cookie(%q) = %q, want %q, %t", row.name, got, row.want, row.found)
		}
	}
}

// TestRequestSplits gives each request in two parts split at every byte, and byte by byte, moving the bytes
// in memory between calls and overwriting where they were.
func TestRequestSplits(t *testing.T) {
	for _, head := range goodRequests {
		want := outline(parseRequest(t, head))
		stream := head + "\x81\x85"
		for i := range len(stream) + 1 {
			if got := splitResult(stream, []int{i, len(stream)}); got != want {
				t.Fatalf("split at %d of %.30q: %s", i, head, got)
			}
		}
		var every []int
		for i := range len(stream) + 1 {
			every = append(every, i)
		}
		if got := splitResult(stream, every); got != want {
			t.Fatalf("byte by byte of %.30q: %s", head, got)
		}
	}
}

// splitResult gives a parser ever more of stream, up to each of ends, and writes out what it came to.
func splitResult(stream string, ends []int) string {
	var p RequestParser
	var n int
	var err error
	var head []byte
	for _, end := range ends {
		before := head
		head = []byte(stream[:end])
		for i := range before {
			before[i] = 0
		}
		if n, err = p.Parse(head); n > 0 || err != nil {
			break
		}
	}
	return result(&p, head, n, err)
}

func TestRequestParserReset(t *testing.T) {
	var p RequestParser
	for _, head := range []string{rfcRequest, "BAD(", chromeRequest, "GET http://x/?q HTTP/1.1\r\nHost: y\r\nContent-Length: 1\r\n\r\n", mixedCaseRequest} {
		p.Reset(HeadLimits{})
		n, err := p.Parse([]byte(head))
		if got, want := result(&p, []byte(head), n, err), splitResult(head, []int{len(head)}); got != want {
			t.Errorf("after Reset: %s, want %s", got, want)
		}
	}
}

func TestRequestParserAfterEnd(t *testing.T) {
	var p RequestParser
	for range 3 {
		if n, err := p.Parse([]byte(rfcRequest + "frames")); n != len(rfcRequest) || err != nil {
			t.Fatalf("Parse = %d, %v; want %d", n, err, len(rfcRequest))
		}
	}
}

// TestServerHandshakeAllocatesNothing is the whole of a server's side: parse, check, read, answer.
func TestServerHandshakeAllocatesNothing(t *testing.T) {
	head := []byte(chromeRequest)
	reply := make([]byte, 0, 512)
	fields := []Field{{"Set-Cookie", "a=b"}}
	var p RequestParser
	allocs := testing.AllocsPerRun(100, func() {
		p.Reset(HeadLimits{})
		if n, err := p.Parse(head); n != len(head) || err != nil {
			t.Fatal(n, err)
		}
		r := p.Request(head)
		if err := r.CheckUpgrade(); err != nil {
			t.Fatal(err)
		}
		size := len(r.Cookie("theme"))
		for name, value := range r.Fields() {
			size += len(name) + len(value)
		}
		for protocol := range r.Protocols() {
			size += len(protocol)
		}
		for e := range r.Extensions() {
			size += len(e.Name)
		}
		if !SameOrigin(r.Field("Origin"), r.Host()) || size == 0 {
			t.Fatal("not the same origin")
		}
		var err error
		reply, err = AppendUpgrade(reply[:0], &Upgrade{Key: r.Key(), Extensions: "permessage-deflate; server_no_context_takeover", Fields: fields})
		if err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a handshake", allocs)
	}
}

func TestServerRefusalAllocatesNothing(t *testing.T) {
	head := []byte(strings.Replace(chromeRequest, "Version: 13", "Version: 8", 1))
	reply := make([]byte, 0, 1024)
	var p RequestParser
	allocs := testing.AllocsPerRun(100, func() {
		p.Reset(HeadLimits{})
		if _, err := p.Parse(head); err != nil {
			t.Fatal(err)
		}
		err := p.Request(head).CheckUpgrade()
		reply = AppendRefusal(reply[:0], err.(*HandshakeError), false)
		p.Reset(HeadLimits{})
		_, err = p.Parse([]byte("GET\x00"))
		reply = AppendRefusal(reply[:0], err.(*HandshakeError), false)
	})
	if allocs != 0 {
		t.Errorf("%v allocations for two refusals", allocs)
	}
}

func FuzzRequestHead(f *testing.F) {
	for i, head := range goodRequests {
		f.Add([]byte(head+"\x81\x85"), uint16(i*7), uint16(i*40))
	}
	for _, head := range []string{
		"GET http://a:80/b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /{ HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: a, b, a\r\nSec-WebSocket-Extensions: a;b=\"c\"\r\n\r\n",
	} {
		f.Add([]byte(head), uint16(3), uint16(20))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut1, cut2 uint16) {
		var p RequestParser
		n, err := p.Parse(stream)
		whole := result(&p, stream, n, err)
		first := min(int(cut1), len(stream))
		second := first + min(int(cut2), len(stream)-first)
		if got := splitResult(string(stream), []int{first, second, len(stream)}); got != whole {
			t.Errorf("split at %d, %d: %s; whole: %s", first, second, got, whole)
		}
		every := make([]int, len(stream))
		for i := range every {
			every[i] = i + 1
		}
		if len(stream) < 2000 && len(stream) > 0 {
			if got := splitResult(string(stream), every); got != whole {
				t.Errorf("byte by byte: %s; whole: %s", got, whole)
			}
		}
		if n > 0 {
			compareWithNetHTTP(t, stream[:n], p.Request(stream))
		}
	})
}

// compareWithNetHTTP checks that net/http takes the head for the same request.
func compareWithNetHTTP(t *testing.T, head []byte, r *Request) {
	if r.seen&(1<<codingField) != 0 || bytes.IndexByte(r.Host(), '%') >= 0 || string(r.Method()) == "CONNECT" {
		return // codings and escaped hosts of which net/http takes few; CONNECT has a target of its own there
	}
	got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(head, []byte("\r\n")))))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", head, err)
	}
	path, err := url.PathUnescape(string(r.Path()))
	if err != nil {
		t.Fatalf("path %q: %v", r.Path(), err)
	}
	if got.URL.Path == "" {
		got.URL.Path = "/"
	}
	if got.Method != string(r.Method()) || got.RequestURI != string(r.Target()) || got.URL.Path != path ||
		got.URL.RawQuery != string(r.Query()) || got.Host != string(r.Host()) || got.ProtoMinor != r.Minor() {
		t.Errorf("net/http takes %q for %+v", head, got)
	}
	want := make(http.Header)
	for name, value := range r.Fields() {
		want.Add(string(name), string(value))
	}
	want.Del("Host")
	if pragma := want["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && want["Cache-Control"] == nil {
		want.Set("Cache-Control", "no-cache") // net/http adds it
	}
	for name, values := range want {
		if !slices.Equal(values, got.Header[name]) {
			t.Errorf("net/http takes field %s of %q for %q, not %q", name, head, got.Header[name], values)
		}
	}
	if len(got.Header) != len(want) {
		t.Errorf("net/http finds fields %v in %q, not %v", got.Header, head, want)
	}
}

func BenchmarkRequestParser(b *testing.B) {
	head := []byte(chromeRequest)
	var p RequestParser
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(HeadLimits{})
		if n, err := p.Parse(head); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkServerHandshake(b *testing.B) {
	head := []byte(chromeRequest)
	reply := make([]byte, 0, 512)
	var p RequestParser
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(HeadLimits{})
		if n, err := p.Parse(head); n == 0 || err != nil {
			b.Fatal(n, err)
		}
		r := p.Request(head)
		if err := r.CheckUpgrade(); err != nil {
			b.Fatal(err)
		}
		var err error
		if reply, err = AppendUpgrade(reply[:0], &Upgrade{Key: r.Key()}); err != nil {
			b.Fatal(err)
		}
	}
}
