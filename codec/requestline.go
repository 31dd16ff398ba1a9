package codec

// requestState says what the next byte of the request line belongs to (RFC 9112 3):
//
//	──▶ requestStart ─▶ requestMethod ─SP─▶ targetStart ─"/"────────────────┐
//	     │        ▲                             │                           │
//	     CR  (once) LF                       letter                         │
//	     ▼        │                             ▼                           ▼
//	    requestBlank      targetScheme ─":"─▶ targetSlashes ─▶ targetHost ─▶ targetPath ─"?"─▶ targetQuery
//	                                                              │            │  ▲              │  ▲
//	                                                              │            │ targetEscape    │ targetEscape
//	                                                              ▼            ▼                 ▼
//	              requestDone ◀──LF── requestLF ◀──CR── requestVersion ◀───────SP─────────────────
type requestState uint8

const (
	requestStart   requestState = iota // the first byte of a line
	requestBlank                       // the LF of an empty line before the request line
	requestMethod                      // the rest of the method
	targetStart                        // the first byte of the target
	targetScheme                       // the scheme of an absolute-form
	targetSlashes                      // the two slashes after it
	targetHost                         // its authority
	targetPath                         // the path
	targetQuery                        // the query
	targetEscape                       // the two digits after a percent sign, in a path or a query
	requestVersion                     // the HTTP version
	requestLF                          // the LF that ends the request line
	requestDone                        // the request line is complete
)

// maxMethod is the length of the longest registered method. RFC 9112 3: a longer one SHOULD get 501.
const maxMethod = len("UPDATEREDIRECTREF")

// requestLine scans the request line and keeps where its parts are.
type requestLine struct {
	method, target, authority, path, query span

	mark     uint16 // where the part being scanned began
	state    requestState
	resume   requestState // the state after an escape: targetPath or targetQuery
	blank    bool         // an empty line came first
	hasQuery bool
	absolute bool // the target is in absolute-form
	major    byte
	minor    byte
}

// scan looks at head from offset i on, up to its end or the end of the request line, and returns the offset
// that it came to. The request line began at *start and may be limit bytes long.
func (r *requestLine) scan(head []byte, i int, start *uint16, limit int) (int, *HandshakeError) {
	for i < len(head) && r.state != requestDone {
		c := head[i]
		end := int(*start) + limit
		if i >= end && c != '\r' && r.state != requestLF && r.state != requestBlank {
			return i, errLineTooLong
		}
		part := head[:min(len(head), end)]
		var fault *HandshakeError
		switch r.state {
		case requestStart:
			fault = r.begin(c, i)
		case requestBlank, requestLF:
			fault = r.endLine(c)
			*start = uint16(i + 1)
		case requestMethod:
			if j := run(part, i, classToken); j > i {
				if i = j; i-int(r.method.start) > maxMethod {
					return i, errMethodUnknown
				}
				continue
			}
			fault = r.endMethod(c, i)
		case targetPath:
			if j := run(part, i, classPath); j > i {
				i = j
				continue
			}
			fault = r.inTarget(c, i)
		case targetQuery:
			if j := run(part, i, classQuery); j > i {
				i = j
				continue
			}
			fault = r.inTarget(c, i)
		case targetHost:
			if j := run(part, i, classHost); j > i {
				i = j
				continue
			}
			fault = r.endHost(head, c, i)
		case requestVersion:
			fault = r.version(c, i-int(r.mark))
		default:
			fault = r.targetByte(head, c, i)
		}
		if fault != nil {
			return i, fault
		}
		i++
	}
	return i, nil
}

// begin takes the first byte of a line. RFC 9112 2.2: a server SHOULD ignore at least one empty line before
// the request line; this one ignores just one.
func (r *requestLine) begin(c byte, i int) *HandshakeError {
	switch {
	case c == '\r' && r.blank:
		return errBlankLine
	case c == '\r':
		r.state = requestBlank
	case c == '\n':
		return errBareLF
	case classes[c]&classToken == 0:
		return errMethodByte
	default:
		r.state = requestMethod
		r.method.start = uint16(i)
	}
	return nil
}

// endLine takes the byte after a CR.
func (r *requestLine) endLine(c byte) *HandshakeError {
	if c != '\n' {
		return errBareCR
	}
	if r.state == requestLF {
		r.state = requestDone
	} else {
		r.state, r.blank = requestStart, true
	}
	return nil
}

// endMethod takes the byte after the method.
func (r *requestLine) endMethod(c byte, i int) *HandshakeError {
	switch c {
	case ' ':
		r.state = targetStart
		r.method.end = uint16(i)
		r.target.start = uint16(i + 1)
		return nil
	case '\n':
		return errBareLF
	}
	return errMethodByte
}

// targetByte takes a byte of the parts of a target that are looked at one by one. The forms "*" and
// "host:port" are for the methods OPTIONS and CONNECT (RFC 9112 3.2.3, 3.2.4), which this server has not.
func (r *requestLine) targetByte(head []byte, c byte, i int) *HandshakeError {
	switch r.state {
	case targetStart:
		switch {
		case c == '/':
			r.state = targetPath
			r.path.start = uint16(i)
		case isLetter(c):
			r.state = targetScheme
		default:
			return faultOf(c, errTargetForm)
		}
	case targetScheme:
		if c == ':' {
			if _, ok := defaultPort(head[r.target.start:i]); !ok {
				return errTargetForm
			}
			r.state = targetSlashes
			r.mark = uint16(i)
		} else if !isLetter(c) || i-int(r.target.start) == len("https") {
			return faultOf(c, errTargetForm)
		}
	case targetSlashes:
		if c != '/' {
			return faultOf(c, errTargetForm)
		}
		if i == int(r.mark)+2 {
			r.state = targetHost
			r.absolute = true
			r.authority.start = uint16(i + 1)
		}
	case targetEscape:
		if classes[c]&classHex == 0 {
			return faultOf(c, errTargetEscape)
		}
		if i == int(r.mark)+2 {
			r.state = r.resume
		}
	}
	return nil
}

// endHost takes the byte after the authority of an absolute-form. RFC 9110 4.2.4: a user name is an error.
func (r *requestLine) endHost(head []byte, c byte, i int) *HandshakeError {
	if c != '/' && c != '?' && c != ' ' {
		return faultOf(c, errTargetHost)
	}
	r.authority.end = uint16(i)
	if _, _, ok := splitHost(r.authority.of(head)); !ok {
		return errTargetHost
	}
	r.state = targetPath
	r.path.start = uint16(i)
	if c == '/' {
		return nil
	}
	return r.inTarget(c, i)
}

// inTarget takes a byte of the path or the query that is not of its class.
func (r *requestLine) inTarget(c byte, i int) *HandshakeError {
	switch {
	case c == '%':
		r.resume, r.state = r.state, targetEscape
		r.mark = uint16(i)
		return nil
	case c == '?': // a byte of the query itself once that has begun
		r.path.end = uint16(i)
		r.query.start = uint16(i + 1)
		r.state, r.hasQuery = targetQuery, true
		return nil
	case c != ' ':
		return faultOf(c, errTargetByte)
	case r.state == targetPath:
		r.path.end = uint16(i)
	default:
		r.query.end = uint16(i)
	}
	r.target.end = uint16(i)
	r.state = requestVersion
	r.mark = uint16(i + 1)
	return nil
}

// faultOf returns the fault of a byte that ends a target too early or stands in it against its form.
func faultOf(c byte, otherwise *HandshakeError) *HandshakeError {
	switch c {
	case '\n':
		return errBareLF
	case '\r':
		return errVersion
	case '#':
		return errFragment
	}
	return otherwise
}

// version takes byte k of the HTTP version and the CR after it (RFC 9112 2.3).
func (r *requestLine) version(c byte, k int) *HandshakeError {
	const name = "HTTP/"
	digit := classes[c]&classDigit != 0
	switch {
	case c == '\n':
		return errBareLF
	case k < len(name) && c == name[k], k == 6 && c == '.':
		return nil
	case k == 5 && digit:
		r.major = c - '0'
		return nil
	case k == 7 && digit:
		if r.minor = c - '0'; r.major != 1 {
			return errVersionNumber
		}
		return nil
	case k == 8 && c == '\r':
		r.state = requestLF
		return nil
	}
	return errVersion
}
