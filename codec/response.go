package codec

// responseState says what the next byte of the status line belongs to (RFC 9112 4):
//
//	──▶ responseCode ─SP─▶ responseReason ──CR──▶ responseLF ──LF──▶ responseDone
type responseState uint8

const (
	responseCode   responseState = iota // the HTTP version and the status code, of fixed length
	responseReason                      // the reason phrase
	responseLF                          // the LF that ends the status line
	responseDone                        // the status line is complete
)

// Faults of a status line (RFC 9112 4).
var (
	errStatusLine    = refusal(0, "The reply does not begin with a status line. Is this an HTTP/1.1 server?")
	errStatusTooLong = refusal(0, "The status line is too long.")
)

// ResponseParser parses the head of an HTTP response (RFC 9112) as its bytes arrive, as
// RequestParser does for requests. The zero value is ready, with the default limits. It is not safe for use
// by several goroutines at once.
type ResponseParser struct {
	fields fieldLines
	reason span
	state  responseState
	minor  byte
	status uint16
	view   Response
}

// Reset makes p ready for another head, within limits l. The Response that p gave out is no longer valid.
func (p *ResponseParser) Reset(l HeadLimits) {
	fields := p.fields
	fields.reset(l, false)
	*p = ResponseParser{fields: fields}
}

// Parse looks at head: all bytes received so far, from the first byte of the head on. Between calls, head
// may move and grow, and must otherwise stay the same; it may be longer than the head proper, for frames may
// follow at once.
//
// It returns the length of the head with its empty line once that is complete; 0 and no error if more bytes
// are needed; or 0 and a *HandshakeError, with Status 0. Called again after the end or an error, it returns
// the same. How the bytes are split over calls makes no difference.
func (p *ResponseParser) Parse(head []byte) (n int, err error) {
	f := &p.fields
	if f.limits.Bytes == 0 {
		p.Reset(HeadLimits{})
	}
	if f.fault != nil {
		return 0, f.fault
	}
	var fault *HandshakeError
	within, i := head[:min(len(head), f.limits.Bytes)], int(f.at)
	if p.state != responseDone {
		i, fault = p.scan(within, i)
	}
	if fault == nil && p.state == responseDone {
		i, fault = f.scan(within, i)
	}
	if n, err = f.settle(i, fault); err != nil {
		f.fault = &HandshakeError{Text: "The server's reply is malformed. " + f.fault.Text}
		return 0, f.fault
	}
	return n, nil
}

// scan looks at head from offset i on, up to its end or the end of the status line, and returns the offset
// that it came to.
func (p *ResponseParser) scan(head []byte, i int) (int, *HandshakeError) {
	for ; i < len(head) && p.state != responseDone; i++ {
		c := head[i]
		if i >= p.fields.limits.Line && c != '\r' && p.state != responseLF {
			return i, errStatusTooLong
		}
		if fault := p.lineByte(c, i); fault != nil {
			return i, fault
		}
	}
	return i, nil
}

// lineByte takes the byte of the status line at offset i.
func (p *ResponseParser) lineByte(c byte, i int) *HandshakeError {
	switch p.state {
	case responseCode:
		if !p.codeByte(c, i) {
			return errStatusLine
		}
	case responseReason:
		switch {
		case c == '\r':
			p.reason.end = uint16(i)
			p.state = responseLF
		case c == '\n':
			return errBareLF
		case classes[c]&classText == 0 && !isSpace(c):
			return errStatusLine
		}
	case responseLF:
		if c != '\n' {
			return errBareCR
		}
		p.state = responseDone
		p.fields.start = uint16(i + 1)
	}
	return nil
}

// codeByte takes the byte of "HTTP/1.x nnn " at offset i, and reports whether it may stand there.
func (p *ResponseParser) codeByte(c byte, i int) bool {
	const form = "HTTP/1.0 000 "
	if form[i] != '0' {
		if i == len(form)-1 {
			p.state = responseReason
			p.reason.start = uint16(i + 1)
		}
		return c == form[i]
	}
	if classes[c]&classDigit == 0 {
		return false
	}
	if i < len("HTTP/1.0") {
		p.minor = c - '0'
		return true
	}
	p.status = p.status*10 + uint16(c-'0')
	return p.status >= 1 && (p.status < 6 || p.status >= 10) // RFC 9110 15: from 100 to 599
}

// Response returns the response whose head Parse found complete. head is what Parse last looked at, wherever
// it is now. The Response lives in p and aliases head: it is valid until either is used for something else.
func (p *ResponseParser) Response(head []byte) *Response {
	p.view = Response{
		fieldView: fieldView{head: head[:p.fields.at:p.fields.at], lines: p.fields.lines},
		reason:    p.reason,
		status:    int(p.status),
		minor:     int(p.minor),
	}
	return &p.view
}

// Response is a view of the head of a response that ResponseParser found well-formed. All slices that it
// hands out alias the head; copy what must outlive it.
type Response struct {
	fieldView
	reason span
	status int
	minor  int
}

// Status returns the status code, from 100 to 599.
func (r *Response) Status() int { return r.status }

// Reason returns the reason phrase, which may be empty.
func (r *Response) Reason() []byte { return r.reason.of(r.head) }

// Minor returns the minor version: 1 for HTTP/1.1. The major version is always 1.
func (r *Response) Minor() int { return r.minor }

// Interim reports whether the response only comes before the one that counts, such as 103: then the head of
// another follows at once, for the parser after a Reset (RFC 9110 15.2). Status 101 counts.
func (r *Response) Interim() bool { return r.status < 200 && r.status != 101 }
