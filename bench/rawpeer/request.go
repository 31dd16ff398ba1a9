package rawpeer

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
)

// Request is the head of an opening handshake, line by line, so that any line can be bent.
type Request struct {
	Line   string   // the request line, without its end
	Fields []string // the field lines, without their ends
	EOL    string   // ends each line; CR LF if empty
	Body   string   // sent behind the head
}

// NewRequest returns a request that opens a WebSocket at t, as RFC 6455 4.1 has it, with this key.
func NewRequest(t Target, key string) Request {
	return Request{
		Line: "GET " + t.Path + " HTTP/1.1",
		Fields: []string{
			"Host: " + t.Host,
			"Upgrade: WebSocket",
			"Connection: Upgrade",
			"Pragma: no-cache",
			"Cache-Control: no-cache",
			"Sec-WebSocket-Key: " + key,
			"Sec-WebSocket-Version: 13",
		},
	}
}

// With returns r with lines in place of the field of this name, or at the end if it has none.
func (r Request) With(name string, lines ...string) Request {
	i := max(slices.IndexFunc(r.Fields, isField(name)), 0)
	if !slices.ContainsFunc(r.Fields, isField(name)) {
		i = len(r.Fields)
	}
	r.Fields = slices.DeleteFunc(slices.Clone(r.Fields), isField(name))
	r.Fields = slices.Insert(r.Fields, i, lines...)
	return r
}

// Without returns r without the fields of this name.
func (r Request) Without(name string) Request { return r.With(name) }

// And returns r with more lines at its end.
func (r Request) And(lines ...string) Request {
	r.Fields = slices.Concat(r.Fields, lines)
	return r
}

// Bytes returns the request as it goes over the wire.
func (r Request) Bytes() []byte {
	eol := r.EOL
	if eol == "" {
		eol = "\r\n"
	}
	var b strings.Builder
	b.WriteString(r.Line + eol)
	for _, f := range r.Fields {
		b.WriteString(f + eol)
	}
	b.WriteString(eol + r.Body)
	return []byte(b.String())
}

func isField(name string) func(line string) bool {
	return func(line string) bool {
		n, _, ok := strings.Cut(line, ":")
		return ok && strings.EqualFold(n, name)
	}
}

// NewKey returns a fresh Sec-WebSocket-Key (RFC 6455 4.1, item 7).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:])
	return base64.StdEncoding.EncodeToString(nonce[:])
}
