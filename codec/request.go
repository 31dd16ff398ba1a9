package codec

import (
	"bytes"
	"iter"
)

// RequestParser parses the head of an HTTP request (RFC 9112) as its bytes arrive. No call scans again what
// an earlier one did; only a host and a length are gone over once more when they are complete. It is strict: what this package takes for a request, every recipient on the way took for the same request, or
// one of them broke a MUST.
//
// The zero value is ready, with the default limits. A parser may be used again after Reset and then keeps
// its memory, some 8 bytes for each field of the largest head so far. It keeps offsets, not pointers, into
// the head until Request is called. It is not safe for use by several goroutines at once.
type RequestParser struct {
	fields fieldLines
	line   requestLine
	view   Request
}

// Reset makes p ready for another head, within limits l. The Request that p gave out is no longer valid.
func (p *RequestParser) Reset(l HeadLimits) {
	p.fields.reset(l, true)
	p.line = requestLine{}
	p.view = Request{}
}

// Parse looks at head: all bytes received so far, from the first byte of the head on. Between calls, head
// may move and grow, and must otherwise stay the same; it may be longer than the head proper.
//
// It returns the length of the head with its empty line once that is complete; 0 and no error if more bytes
// are needed; or 0 and a *HandshakeError that says how to refuse. Called again after the end or an error,
// it returns the same. How the bytes are split over calls makes no difference. A byte that is wrong where
// it stands is refused at that byte; a value of the wrong shape at the end of its line.
func (p *RequestParser) Parse(head []byte) (n int, err error) {
	f := &p.fields
	if f.limits.Bytes == 0 {
		p.Reset(HeadLimits{})
	}
	if f.fault != nil {
		return 0, f.fault
	}
	var fault *HandshakeError
	within, i := head[:min(len(head), f.limits.Bytes)], int(f.at)
	if p.line.state != requestDone {
		i, fault = p.line.scan(within, i, &f.start, f.limits.Line)
	}
	if fault == nil && p.line.state == requestDone {
		f.old = p.line.minor == 0
		i, fault = f.scan(within, i)
	}
	return f.settle(i, fault)
}

// Request returns the request whose head Parse found complete. head is what Parse last looked at, wherever
// it is now. The Request lives in p and aliases head: it is valid until either is used for something else.
func (p *RequestParser) Request(head []byte) *Request {
	p.view = Request{
		fieldView: fieldView{head: head[:p.fields.at:p.fields.at], lines: p.fields.lines},
		line:      &p.line,
		host:      p.fields.host,
		seen:      p.fields.seen,
		body:      p.fields.body,
	}
	return &p.view
}

// Request is a view of the head of a request that RequestParser found well-formed. All slices that it hands
// out alias the head; copy what must outlive it. None of its methods allocates, and none changes it.
type Request struct {
	fieldView
	line *requestLine
	host span
	seen uint8
	body bool
}

// Method returns the method, a token: "GET".
func (r *Request) Method() []byte { return r.line.method.of(r.head) }

// Target returns the request target as it was sent, in origin-form ("/chat?room=1") or absolute-form
// ("http://example.com/chat?room=1").
func (r *Request) Target() []byte { return r.line.target.of(r.head) }

// Path returns the path of the target as it was sent, escapes and dots included. It begins with a slash:
// the empty path of an absolute-form is "/" (RFC 9110 4.2.3).
func (r *Request) Path() []byte {
	if r.line.path.start == r.line.path.end {
		return rootPath[:1:1]
	}
	return r.line.path.of(r.head)
}

var rootPath = []byte{'/'}

// Query returns what follows the first "?" of the target, as it was sent, or nil if there is none.
func (r *Request) Query() []byte {
	if !r.line.hasQuery {
		return nil
	}
	return r.line.query.of(r.head)
}

// Host returns the host that the request is for, with the port if there is one: that of a target in
// absolute-form (RFC 9112 3.2.2), else the value of the Host field. It is well-formed, and empty only where
// a request of HTTP/1.0 names none.
func (r *Request) Host() []byte {
	if r.line.absolute {
		return r.line.authority.of(r.head)
	}
	return r.host.of(r.head)
}

// Minor returns the minor version: 1 for HTTP/1.1, 0 for HTTP/1.0. The major version is always 1.
func (r *Request) Minor() int { return int(r.line.minor) }

// Key returns the value of the Sec-WebSocket-Key field, or nil if there is none.
func (r *Request) Key() []byte { return r.Field("Sec-WebSocket-Key") }

// Protocols iterates over the subprotocols that the client offers, the one it likes best first (RFC 6455
// 11.3.4).
func (r *Request) Protocols() iter.Seq[[]byte] { return r.Tokens("Sec-WebSocket-Protocol") }

// Extensions iterates over the extensions that the client offers, the one it likes best first (RFC 6455
// 9.1). It ends before a malformed one; after CheckUpgrade there is none.
func (r *Request) Extensions() iter.Seq[Extension] {
	return func(yield func(Extension) bool) {
		for value := range r.Values("Sec-WebSocket-Extensions") {
			for e, err := range Extensions(value) {
				if err != nil || !yield(e) {
					return
				}
			}
		}
	}
}

// Cookie returns the value of the first cookie called name, or nil if there is none. The case of name
// matters. The value is as it was sent, with its quotes if it has any (RFC 6265 4.2.1).
func (r *Request) Cookie(name string) []byte {
	for rest := range r.Values("Cookie") {
		for more := true; more; {
			var pair []byte
			pair, rest, more = bytes.Cut(rest, []byte{';'})
			if key, value, ok := bytes.Cut(trimSpace(pair), []byte{'='}); ok && string(key) == name {
				return value
			}
		}
	}
	return nil
}
