package rawpeer

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Field is a field of a response.
type Field struct{ Name, Value string }

// Response is what a server says to a request.
type Response struct {
	Line    string // the status line
	Version string // of HTTP
	Status  int
	Fields  []Field
	// Body is there for replies that have one: as long as Content-Length says, or all until the end of
	// the connection. A reply with status 101 has none.
	Body []byte
}

// The most that ReadResponse takes.
const (
	maxHead = 64 << 10
	maxBody = 1 << 20
)

// Values returns the values of the fields of a name, in order.
func (r *Response) Values(name string) (values []string) {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Value returns the value of the first field of a name, "" if there is none.
func (r *Response) Value(name string) string {
	if v := r.Values(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// HasToken reports whether the comma-separated fields of a name list a token, in any case.
func (r *Response) HasToken(name, token string) bool {
	for member := range strings.SplitSeq(strings.Join(r.Values(name), ","), ",") {
		if strings.EqualFold(strings.Trim(member, " \t"), token) {
			return true
		}
	}
	return false
}

// ReadResponse reads a response, strictly: lines end with CR LF, the version is HTTP/1.0 or 1.1, field
// names are tokens and values have no control bytes (RFC 9112 4, 5). io.EOF says that the server ended
// the connection without a byte. What follows the response stays, for ReadFrame.
func (c *Conn) ReadResponse() (*Response, error) { return c.ReadResponseTo("GET") }

// ReadResponseTo is ReadResponse for a request with another method: a response to HEAD has no body,
// whatever its fields say (RFC 9112 6.3, item 1).
func (c *Conn) ReadResponseTo(method string) (*Response, error) {
	left := maxHead
	line, err := c.readLine(&left)
	if err != nil {
		return nil, err
	}
	r := &Response{Line: line}
	version, rest, _ := strings.Cut(line, " ")
	status, _, reason := strings.Cut(rest, " ")
	r.Version = version
	r.Status, err = strconv.Atoi(status)
	if err != nil || !reason || len(status) != 3 || r.Status < 100 || (version != "HTTP/1.1" && version != "HTTP/1.0") {
		return nil, fmt.Errorf("not a status line: %.80q", line)
	}
	for {
		line, err := c.readLine(&left)
		if err != nil {
			return nil, inside(err)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || strings.ContainsFunc(value, isControl) {
			return nil, fmt.Errorf("not a field line: %.80q", line)
		}
		r.Fields = append(r.Fields, Field{name, strings.Trim(value, " \t")})
	}
	if method == "HEAD" {
		return r, nil
	}
	return r, c.readBody(r)
}

func (c *Conn) readBody(r *Response) error {
	if r.Status < 200 || r.Status == 204 || r.Status == 304 {
		return nil
	}
	var err error
	if lengths := r.Values("Content-Length"); len(lengths) > 0 {
		n, bad := strconv.ParseUint(lengths[0], 10, 63)
		if bad != nil || len(lengths) > 1 || n > maxBody {
			return fmt.Errorf("bad Content-Length %q", lengths)
		}
		r.Body = make([]byte, n)
		_, err = io.ReadFull(c.r, r.Body)
		return inside(err)
	}
	r.Body, err = io.ReadAll(io.LimitReader(c.r, maxBody)) // RFC 9112 6.3, item 8; a chunked one stays raw
	return err
}

// readLine reads a line and drops its CR LF.
func (c *Conn) readLine(left *int) (string, error) {
	var line []byte
	for {
		b, err := c.r.ReadByte()
		switch {
		case err != nil && len(line) == 0:
			return "", err
		case err != nil:
			return "", inside(err)
		}
		if *left--; *left < 0 {
			return "", errors.New("the head of the response does not end")
		}
		if line = append(line, b); b == '\n' {
			break
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		return "", fmt.Errorf("a line with a bare LF, CR or NUL: %.80q", line)
	}
	return text, nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isToken reports whether s is a token (RFC 9110 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
