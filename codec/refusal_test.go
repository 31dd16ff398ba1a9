package codec

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAppendRefusal(t *testing.T) {
	for _, row := range []struct {
		rule string
		e    *HandshakeError
		want string
	}{
		{
			"400", errKey,
			"HTTP/1.1 400 Bad Request\r\n" +
				"Connection: close\r\n" +
				"Content-Type: text/plain; charset=utf-8\r\n" +
				"X-Content-Type-Options: nosniff\r\n" +
				"Content-Length: 100\r\n" +
				"\r\n" +
				"The Sec-WebSocket-Key field is missing or not the base64 form of 16 bytes. Send a fresh random key.\n",
		},
		{
			"405 with Allow", errMethodPlain,
			"HTTP/1.1 405 Method Not Allowed\r\n" +
				"Connection: close\r\n" +
				"Content-Type: text/plain; charset=utf-8\r\n" +
				"X-Content-Type-Options: nosniff\r\n" +
				"Content-Length: 50\r\n" +
				"Allow: GET, HEAD\r\n" +
				"\r\n" +
				"This method is not allowed here. Use GET or HEAD.\n",
		},
		{
			"426 with Upgrade and the version", errVersion13,
			"HTTP/1.1 426 Upgrade Required\r\n" +
				"Connection: close, Upgrade\r\n" +
				"Content-Type: text/plain; charset=utf-8\r\n" +
				"X-Content-Type-Options: nosniff\r\n" +
				"Content-Length: 72\r\n" +
				"Upgrade: websocket\r\n" +
				"Sec-WebSocket-Version: 13\r\n" +
				"\r\n" +
				"Only WebSocket version 13 is supported. Send Sec-WebSocket-Version: 13.\n",
		},
		{
			"fields that are malformed or not its to set", &HandshakeError{Status: 401, Text: "No.", Fields: []Field{
				{"X\r\nY", "a"},
				{"X", "a\r\nY: b"},
				{"", "a"},
				{"connection", "keep-alive"},
				{"Content-Length", "9"},
				{"Transfer-Encoding", "chunked"},
				{"Content-Type", "text/html"},
				{"X-Content-Type-Options", "no"},
				{"WWW-Authenticate", "Basic realm=\"a\""},
			}},
			"HTTP/1.1 401 Unauthorized\r\n" +
				"Connection: close\r\n" +
				"Content-Type: text/plain; charset=utf-8\r\n" +
				"X-Content-Type-Options: nosniff\r\n" +
				"Content-Length: 4\r\n" +
				"WWW-Authenticate: Basic realm=\"a\"\r\n" +
				"\r\n" +
				"No.\n",
		},
	} {
		if got := string(AppendRefusal([]byte("x"), row.e, false)); got != "x"+row.want {
			t.Errorf("%s:\n%s\nwant\n%s", row.rule, got, row.want)
		}
		head, _, _ := strings.Cut(row.want, "\r\n\r\n")
		if got := string(AppendRefusal(nil, row.e, true)); got != head+"\r\n\r\n" {
			t.Errorf("%s, to HEAD:\n%s\nwant\n%s", row.rule, got, head)
		}
	}
}

func TestAppendRefusalStatus(t *testing.T) {
	for status, want := range map[int]string{
		-1: "500 Internal Server Error", 0: "500 Internal Server Error", 101: "500 Internal Server Error",
		399: "500 Internal Server Error", 600: "500 Internal Server Error", 400: "400 Bad Request", 418: "418 ", 599: "599 ",
	} {
		got := string(AppendRefusal(nil, &HandshakeError{Status: status}, false))
		if !strings.HasPrefix(got, "HTTP/1.1 "+want+"\r\n") {
			t.Errorf("status %d is sent as %.40q, want %s", status, got, want)
		}
	}
}

// TestRefusalsAreSound sends every refusal there is through net/http.
func TestRefusalsAreSound(t *testing.T) {
	for _, e := range []*HandshakeError{
		errBareLF, errBareCR, errHeadTooLarge, errBlankLine, errMethodByte, errMethodUnknown, errLineTooLong,
		errTargetForm, errTargetByte, errTargetEscape, errTargetHost, errFragment, errVersion, errVersionNumber,
		errFieldTooLong, errTooManyFields, errFieldName, errFieldColon, errFieldSpace, errFieldFold, errFieldByte,
		errHost, errHostMissing, errHostRepeated, errLength, errLengthRepeated, errLengthCoding, errCodingOld,
		errBody, errCoding,
		errMethodPlain, errMethodUpgrade, errUpgradeRequired, errConnection, errVersion13, errVersionRepeated, errKey,
		errKeyRepeated, errOriginRepeated, errProtocol, errProtocolRepeated, errProtocolCount, errExtensions,
		errReplyField, errReplyProtocol, errReplyStatus,
	} {
		reply := bufio.NewReader(strings.NewReader(string(AppendRefusal(nil, e, false))))
		r, err := http.ReadResponse(reply, nil)
		if err != nil {
			t.Errorf("%v: %v", e, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != e.Text+"\n" || r.StatusCode != e.Status || !r.Close {
			t.Errorf("%v: status %d, body %q, close %t, %v", e, r.StatusCode, body, r.Close, err)
		}
		if want := http.StatusText(e.Status); r.Status[4:] != want && e.Status != 413 && e.Status != 414 {
			t.Errorf("phrase is %q, want %q", r.Status[4:], want)
		}
		for _, f := range e.Fields {
			if r.Header.Get(f.Name) != f.Value {
				t.Errorf("%v: %s is %q, want %q", e, f.Name, r.Header.Get(f.Name), f.Value)
			}
		}
		if (e.Status == 426) != (r.Header.Get("Upgrade") == "websocket") {
			t.Errorf("%v: Upgrade is %q", e, r.Header.Get("Upgrade"))
		}
		if rest, _ := io.ReadAll(reply); len(rest) > 0 {
			t.Errorf("%v: %q follows the body", e, rest)
		}
	}
}

func TestHandshakeErrorText(t *testing.T) {
	for _, row := range []struct {
		e    *HandshakeError
		want string
	}{
		{&HandshakeError{Status: 403, Text: "Go away."}, "websocket handshake: 403 Forbidden: Go away."},
		{&HandshakeError{Text: "No reply."}, "websocket handshake: No reply."},
	} {
		if got := row.e.Error(); got != row.want {
			t.Errorf("Error() = %q, want %q", got, row.want)
		}
	}
}
