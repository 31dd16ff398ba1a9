package conform

import (
	"bufio"
	"fmt"
	"net"
	nethttp "net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/weir/bench/rawpeer"
)

// TestDeflateFault holds which answers to offers are found wrong.
func TestDeflateFault(t *testing.T) {
	const pmd = "permessage-deflate"
	for _, row := range []struct {
		offers []string
		answer string
		ok     bool
	}{
		{[]string{pmd}, pmd, true},
		{[]string{pmd}, pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", true},
		{[]string{pmd}, pmd + "; client_max_window_bits=9", false},
		{[]string{pmd + "; client_max_window_bits"}, pmd + "; client_max_window_bits=9", true},
		{[]string{pmd + "; client_max_window_bits"}, pmd + "; client_max_window_bits", false},
		{[]string{pmd + "; server_no_context_takeover"}, pmd, false},
		{[]string{pmd + "; server_no_context_takeover"}, pmd + "; server_no_context_takeover", true},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd, false},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd + "; server_max_window_bits=11", false},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd + "; server_max_window_bits=10", true},
		{[]string{pmd + "; server_max_window_bits=9", pmd}, pmd, true}, // the second
		{[]string{pmd + "; server_max_window_bits=7"}, pmd, false},
		{[]string{pmd + "; x", pmd}, pmd, true},
		{[]string{pmd}, pmd + "; server_max_window_bits=08", false},
		{[]string{pmd}, pmd + "; server_no_context_takeover=1", false},
		{[]string{pmd}, pmd + "; server_no_context_takeover; server_no_context_takeover", false},
		{[]string{pmd}, pmd + "; x", false},
		{[]string{pmd}, "x-other", false},
	} {
		if fault := deflateFault(row.offers, []string{row.answer}); (fault == "") != row.ok {
			t.Errorf("%q to %q: %q", row.answer, row.offers, fault)
		}
	}
	if deflateFault([]string{pmd}, []string{pmd, pmd}) == "" {
		t.Error("two answers are one too many")
	}
}

// deflateMirror is a server that answers each offer with permessage-deflate and mirrors data frames, RSV bits
// and all, as they came: a server that looks at nothing.
func deflateMirror(t *testing.T) (url string) {
	return deflateServer(t, "permessage-deflate", func(f rawpeer.Frame) rawpeer.Frame { return f })
}

// deflateServer is a server that answers each offer with answer, and each data frame with what echo makes of it.
func deflateServer(t *testing.T, answer string, echo func(rawpeer.Frame) rawpeer.Frame) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go mirrorDeflate(t, nc, answer, echo)
		}
	}()
	return "ws://" + l.Addr().String()
}

func mirrorDeflate(t *testing.T, nc net.Conn, answer string, echo func(rawpeer.Frame) rawpeer.Frame) {
	defer nc.Close()
	br := bufio.NewReader(nc)
	r, err := nethttp.ReadRequest(br)
	if err != nil {
		return
	}
	fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Extensions: %s\r\n\r\n",
		rawpeer.Accept(r.Header.Get("Sec-WebSocket-Key")), answer)
	c := rawpeer.New(t.Context(), nc, rawpeer.Target{})
	for {
		f, err := c.ReadFrame(1 << 20)
		if err != nil {
			return
		}
		if !f.IsControl() {
			f.Masked = false
			_ = c.WriteFrame(echo(f))
		}
	}
}

// TestDeflateFaults holds that the rules notice a server that looks at nothing: parameters that are not
// answered, offers that had to be declined, frames that had to fail the connection.
func TestDeflateFaults(t *testing.T) {
	o := Options{Target: deflateMirror(t), Run: regexp.MustCompile(`^D[12]\.`), Patience: 300 * time.Millisecond}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	expected := func(o *Outcome) bool { return mirrorFails(o) == (o.Verdict == Failed) }
	again(t, o, res.Outcomes, expected)
	for _, o := range res.Outcomes {
		if !expected(&o) {
			t.Errorf("%s %s: %s, want FAILED %t; got %s", o.ID, o.Name, o.Verdict, mirrorFails(&o), o.Got)
		}
	}
}

// mirrorFails reports whether the mirror breaks a rule.
func mirrorFails(o *Outcome) bool {
	name := o.Name
	if strings.HasPrefix(o.ID, "D2.") { // it answers an offer with server_no_context_takeover, and never fails a connection
		return strings.HasPrefix(name, "RSV") || strings.HasPrefix(name, "what is not") || strings.HasPrefix(name, "text that") ||
			strings.Contains(name, "in fragments")
	}
	if strings.Contains(name, "of two offers: the second") {
		return false
	}
	asks := strings.Contains(name, "server_max_window_bits=1") || strings.Contains(name, "server_max_window_bits=8") ||
		strings.Contains(name, "server_max_window_bits=9") || strings.Contains(name, "a quoted value") ||
		strings.Contains(name, "it is answered") || strings.Contains(name, "all parameters")
	return asks || strings.HasSuffix(name, ": declined")
}
