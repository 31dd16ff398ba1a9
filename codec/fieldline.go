package codec

// HeadLimits bounds the head of an HTTP message. A zero means the default; a negative value, or one above
// 65535, means 65535.
type HeadLimits struct {
	// Bytes is the length of the whole head with its last, empty line; default 16384. A buffer of this
	// size is always enough: a head that fills it without ending is refused at once.
	Bytes int
	// Line is the length of one line without its CR LF; default 8192.
	Line int
	// Fields is the number of field lines; default 100.
	Fields int
}

// orDefault returns the limits with every default filled in.
func (l HeadLimits) orDefault() HeadLimits {
	bound := func(n, otherwise int) int {
		switch {
		case n == 0:
			return otherwise
		case n < 0:
			return 65535
		}
		return min(n, 65535)
	}
	return HeadLimits{Bytes: bound(l.Bytes, 16384), Line: bound(l.Line, 8192), Fields: bound(l.Fields, 100)}
}

// lineState says what the next byte of the field lines belongs to (RFC 9112 5):
//
//	        ┌───────────────────────────── LF ◀──────────────────────────┐
//	        ▼                                                            │
//	──▶ fieldStart ─▶ fieldName ──":"─▶ fieldLead ─▶ fieldText ──CR──▶ fieldLF
//	        │                               │          ▲  │              ▲
//	        CR                              CR         │  ▼              │
//	        ▼                               │       fieldSpace ────CR────┤
//	     headLF ──LF──▶ headDone            └────────────────────────────┘
type lineState uint8

const (
	fieldStart lineState = iota // the first byte of a line
	fieldName                   // the rest of a name
	fieldLead                   // the white space before a value
	fieldText                   // a value
	fieldSpace                  // white space inside or after a value
	fieldLF                     // the LF that ends a field line
	headLF                      // the LF that ends the head
	headDone                    // the head is complete
)

// fieldKind singles out the fields that say where a request goes and where it ends.
type fieldKind uint8

const (
	plainField fieldKind = iota
	hostField
	lengthField
	codingField
)

// kindOf returns the kind of the field called name.
func kindOf(name []byte) fieldKind {
	switch {
	case equalFold(name, "Host"):
		return hostField
	case equalFold(name, "Content-Length"):
		return lengthField
	case equalFold(name, "Transfer-Encoding"):
		return codingField
	}
	return plainField
}

// valueOf holds, for each kind of field, the class that its value is made of, whether white space may stand
// between such bytes, and the fault of anything else.
var valueOf = [...]struct {
	class uint8
	words bool
	fault *HandshakeError
}{
	plainField:  {classText, true, errFieldByte},
	hostField:   {classHost, false, errHost},
	lengthField: {classDigit, false, errLength},
	codingField: {classText, true, errFieldByte},
}

// fieldLines scans the field lines of a head and keeps where they are. It is the part that the parsers of
// requests and of responses share, and holds the state of the whole parse.
type fieldLines struct {
	limits  HeadLimits
	lines   []fieldLine
	fault   *HandshakeError // the first fault, for good
	line    fieldLine       // the line being scanned
	host    span            // the value of the Host field
	at      uint16          // the next byte to look at
	start   uint16          // the first byte of the line being scanned
	state   lineState
	kind    fieldKind // of the line being scanned
	seen    uint8     // the kinds seen so far, as bits
	request bool      // the rules about Host, Content-Length and Transfer-Encoding hold
	old     bool      // those of HTTP/1.0
	body    bool      // Content-Length is above zero
}

// reset makes f ready for another head; it keeps its memory.
func (f *fieldLines) reset(l HeadLimits, request bool) {
	*f = fieldLines{limits: l.orDefault(), lines: f.lines[:0], request: request}
}

// settle keeps what a call of Parse came to: the offset of the next byte to look at, or a fault. Offsets
// never pass limits.Bytes, which fits.
func (f *fieldLines) settle(at int, fault *HandshakeError) (n int, err error) {
	if fault == nil && f.state != headDone && at == f.limits.Bytes {
		fault = errHeadTooLarge
	}
	if fault != nil {
		f.fault = fault
		return 0, fault
	}
	f.at = uint16(at)
	if f.state == headDone {
		return at, nil
	}
	return 0, nil
}

// scan looks at head from offset i on, up to its end or the end of the field lines, and returns the offset
// that it came to.
func (f *fieldLines) scan(head []byte, i int) (int, *HandshakeError) {
	for i < len(head) && f.state != headDone {
		c := head[i]
		end := int(f.start) + f.limits.Line
		if i >= end && c != '\r' && f.state < fieldLF {
			return i, errFieldTooLong
		}
		part := head[:min(len(head), end)]
		var fault *HandshakeError
		switch f.state {
		case fieldStart:
			fault = f.startLine(c, i)
			i++
		case fieldName:
			if j := run(part, i, classToken); j > i {
				i = j
				continue
			}
			fault = f.endName(head, c, i)
			i++
		case fieldLead, fieldText, fieldSpace:
			value := &valueOf[f.kind]
			if j := run(part, i, value.class); j > i {
				if f.state == fieldSpace && !value.words {
					return i, value.fault
				}
				if f.state == fieldLead {
					f.line.value.start = uint16(i)
				}
				f.line.value.end = uint16(j)
				f.state = fieldText
				i = j
				continue
			}
			fault = f.endText(head, c, i)
			i++
		case fieldLF, headLF:
			fault = f.endLine(c)
			i++
			f.start = uint16(i)
		}
		if fault != nil {
			return i, fault
		}
	}
	return i, nil
}

// startLine takes the first byte of a line.
func (f *fieldLines) startLine(c byte, i int) *HandshakeError {
	switch {
	case c == '\r':
		f.state = headLF
		return f.endFields()
	case isSpace(c): // RFC 9112 5.2: MUST reject obs-fold or undo it; 2.2 for the first line
		return errFieldFold
	case c == '\n':
		return errBareLF
	case classes[c]&classToken == 0:
		return errFieldName
	case len(f.lines) == f.limits.Fields:
		return errTooManyFields
	}
	f.state = fieldName
	f.line.name.start = uint16(i)
	return nil
}

// endFields checks what fields there are, all in all.
func (f *fieldLines) endFields() *HandshakeError {
	switch {
	case !f.request:
	case f.old && f.seen&(1<<codingField) != 0: // RFC 9112 6.1: MUST treat the framing as faulty
		return errCodingOld
	case !f.old && f.seen&(1<<hostField) == 0: // RFC 9112 3.2: MUST respond with 400
		return errHostMissing
	}
	return nil
}

// endName takes the byte that ends a field name.
func (f *fieldLines) endName(head []byte, c byte, i int) *HandshakeError {
	switch {
	case isSpace(c): // RFC 9112 5.1: MUST reject with 400
		return errFieldSpace
	case c == '\n':
		return errBareLF
	case c == '\r':
		return errFieldColon
	case c != ':':
		return errFieldName
	}
	f.state = fieldLead
	f.line.name.end = uint16(i)
	f.kind = plainField
	if !f.request {
		return nil
	}
	f.kind = kindOf(f.line.name.of(head))
	return f.admit()
}

// admit refuses a field that, after those seen before it, leaves open where the request goes or ends.
func (f *fieldLines) admit() *HandshakeError {
	before := f.seen
	f.seen |= 1 << f.kind
	switch {
	case f.kind == hostField && before&(1<<hostField) != 0: // RFC 9112 3.2: MUST respond with 400
		return errHostRepeated
	case f.kind == lengthField && before&(1<<lengthField) != 0: // RFC 9112 6.3, item 5
		return errLengthRepeated
	case f.seen&(1<<lengthField) != 0 && f.seen&(1<<codingField) != 0: // RFC 9112 6.1: request smuggling
		return errLengthCoding
	}
	return nil
}

// endText takes a byte that is not of the class of the value: white space, or the CR that ends the line.
func (f *fieldLines) endText(head []byte, c byte, i int) *HandshakeError {
	switch {
	case isSpace(c):
		if f.state == fieldText {
			f.state = fieldSpace
		}
		return nil
	case c == '\n':
		return errBareLF
	case classes[c]&classText != 0:
		return valueOf[f.kind].fault
	case c != '\r':
		return errFieldByte
	}
	if f.state == fieldLead {
		f.line.value = span{uint16(i), uint16(i)}
	}
	f.state = fieldLF
	f.lines = append(f.lines, f.line)
	return f.checkValue(f.line.value.of(head))
}

// checkValue checks the shape of a value whose bytes are known to be of the class of the field.
func (f *fieldLines) checkValue(value []byte) *HandshakeError {
	switch f.kind {
	case hostField:
		if _, _, ok := splitHost(value); !ok { // RFC 9112 3.2: MUST respond with 400
			return errHost
		}
		f.host = f.line.value
	case lengthField:
		if len(value) == 0 || len(value) > 18 { // 18 digits fit every integer that a recipient may use
			return errLength
		}
		for _, c := range value {
			f.body = f.body || c != '0'
		}
	}
	return nil
}

// endLine takes the byte after a CR.
func (f *fieldLines) endLine(c byte) *HandshakeError {
	if c != '\n' {
		return errBareCR
	}
	if f.state == headLF {
		f.state = headDone
	} else {
		f.state = fieldStart
	}
	return nil
}
