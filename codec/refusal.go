package codec

import "strconv"

// Field is one field of an HTTP head that is to be sent (RFC 9110 5). The functions that write heads check
// Name and Value; neither can smuggle a line into a head.
type Field struct{ Name, Value string }

// HandshakeError says why an opening handshake failed. All errors of the parsers and checks of HTTP heads
// are of this type. Those on the server's side are declared once, so that refusing allocates nothing; treat
// them as read-only. A caller may make its own, say a 403 for an unwelcome Origin.
type HandshakeError struct {
	// Status is the status code of the reply. On the server's side it is the one to send: AppendRefusal
	// writes it. On the client's side it is the one received when that was not 101, and 0 when there is no
	// valid reply or the reply breaks a rule.
	Status int
	// Text says in plain English what is wrong and what to do. It is the body of the reply.
	Text string
	// Fields are extra fields of the reply, such as Allow (RFC 9110 10.2.1). On the client's side they are
	// Location and Retry-After, as far as the reply has them.
	Fields []Field
}

// Error returns the text, after the status if there is one.
func (e *HandshakeError) Error() string {
	if e.Status == 0 {
		return "websocket handshake: " + e.Text
	}
	return "websocket handshake: " + strconv.Itoa(e.Status) + " " + reasonPhrase(e.Status) + ": " + e.Text
}

func refusal(status int, text string, fields ...Field) *HandshakeError {
	return &HandshakeError{Status: status, Text: text, Fields: fields}
}

// Faults of any line of a head (RFC 9112 2.2).
var (
	errBareLF       = refusal(400, "A line ends with a bare LF. End every line with CR LF.")
	errBareCR       = refusal(400, "A CR is not followed by LF. End every line with CR LF, and send CR nowhere else.")
	errHeadTooLarge = refusal(431, "The head is too large. Send fewer or shorter fields.")
)

// Faults of a request line (RFC 9112 3).
var (
	errBlankLine     = refusal(400, "More than one empty line stands before the request line. Send none.")
	errMethodByte    = refusal(400, "The method is not a token. Send a request line such as: GET / HTTP/1.1")
	errMethodUnknown = refusal(501, "The method is unknown here. Use GET.")
	errLineTooLong   = refusal(414, "The request line is too long. Shorten the request target.")
	errTargetForm    = refusal(400, "The request target is neither a path nor an http, https, ws or wss URL. Send a path that begins with a slash.")
	errTargetByte    = refusal(400, "The request target has a byte that no URL has. Percent-encode it.")
	errTargetEscape  = refusal(400, "A percent sign in the request target is not followed by two hexadecimal digits. Send %25 for a percent sign.")
	errTargetHost    = refusal(400, "The host of the request target is not valid. Send a host name or an address, and no user name.")
	errFragment      = refusal(400, "The request target has a fragment. Leave out the number sign and what follows it.")
	errVersion       = refusal(400, "The request line does not end with an HTTP version. End it with HTTP/1.1 after one space.")
	errVersionNumber = refusal(505, "This HTTP version is not supported here. Use HTTP/1.1.")
)

// Faults of a field line (RFC 9112 5).
var (
	errFieldTooLong  = refusal(431, "A field line is too long. Shorten the field.")
	errTooManyFields = refusal(431, "There are too many fields. Send fewer.")
	errFieldName     = refusal(400, "A field name is empty or not a token. Send lines such as: Name: value")
	errFieldColon    = refusal(400, "A field line has no colon. Send lines such as: Name: value")
	errFieldSpace    = refusal(400, "White space stands before the colon of a field. Leave it out.")
	errFieldFold     = refusal(400, "A line begins with white space. Do not fold fields over lines.")
	errFieldByte     = refusal(400, "A field value has a control byte. Leave it out.")
)

// Faults of the fields that say where a request goes and where it ends (RFC 9112 3.2, 6.3).
var (
	errHost           = refusal(400, "The Host field is not valid. Send a host name or an address, and a port if needed.")
	errHostMissing    = refusal(400, "There is no Host field. Send one.")
	errHostRepeated   = refusal(400, "There is more than one Host field. Send one.")
	errLength         = refusal(400, "The Content-Length field is not a number of bytes. Leave it out.")
	errLengthRepeated = refusal(400, "There is more than one Content-Length field. Send none.")
	errLengthCoding   = refusal(400, "There are both Content-Length and Transfer-Encoding. Send neither.")
	errCodingOld      = refusal(400, "There is Transfer-Encoding in HTTP/1.0, which has none. Use HTTP/1.1.")
	errBody           = refusal(413, "The request has a body. Send none.")
	errCoding         = refusal(501, "Transfer-Encoding is not supported here. Send no body.")
)

// Faults of a plain request.
var errMethodPlain = refusal(405, "This method is not allowed here. Use GET or HEAD.", Field{"Allow", "GET, HEAD"})

// Faults of an opening handshake (RFC 6455 4.2.1).
var (
	errMethodUpgrade    = refusal(405, "A WebSocket handshake is a GET request. Use GET.", Field{"Allow", "GET"})
	errUpgradeRequired  = refusal(426, "WebSocket only. Send Upgrade: websocket and Connection: Upgrade.", Field{"Upgrade", "websocket"})
	errConnection       = refusal(400, "The Connection field does not list Upgrade. Send Connection: Upgrade, and have every proxy on the way do so.")
	errVersion13        = refusal(426, "Only WebSocket version 13 is supported. Send Sec-WebSocket-Version: 13.", Field{"Upgrade", "websocket"}, Field{"Sec-WebSocket-Version", "13"})
	errVersionRepeated  = refusal(400, "There is more than one Sec-WebSocket-Version field. Send one.")
	errKey              = refusal(400, "The Sec-WebSocket-Key field is missing or not the base64 form of 16 bytes. Send a fresh random key.")
	errKeyRepeated      = refusal(400, "There is more than one Sec-WebSocket-Key field. Send one.")
	errOriginRepeated   = refusal(400, "There is more than one Origin field. Send one at most.")
	errProtocol         = refusal(400, "A Sec-WebSocket-Protocol field has an empty element or one that is not a token. Send tokens with commas between.")
	errProtocolRepeated = refusal(400, "A subprotocol is offered twice. Offer each once.")
	errProtocolCount    = refusal(431, "Too many subprotocols are offered. Offer 64 at most.")
	errExtensions       = refusal(400, "The Sec-WebSocket-Extensions field is malformed. Send extensions such as: permessage-deflate; client_max_window_bits")
)

// Faults of a reply that the server itself made, found before a byte of it is written.
var (
	errReplyField    = refusal(500, "The server was about to send a field that is malformed or not its to set.")
	errReplyProtocol = refusal(500, "The server was about to choose a subprotocol that is not a token.")
	errReplyStatus   = refusal(500, "The server was about to send a status or a body that a reply cannot have.")
)

// AppendRefusal appends the reply that refuses a handshake for e, and after which the server closes the
// connection. The body is e.Text; a reply to a HEAD request (head) has none. Fields of e that are malformed
// or that the reply itself sets are left out, and a Status outside 400 to 599 becomes 500, so that the reply
// is well-formed whatever e holds. It allocates nothing beyond the growth of dst.
//
// A reply with 426 lists Upgrade in its Connection field, as every sender of Upgrade does (RFC 9110 7.8).
func AppendRefusal(dst []byte, e *HandshakeError, head bool) []byte {
	status := e.Status
	if status < 400 || status > 599 {
		status = 500
	}
	dst = appendStatusLine(dst, status)
	if status == 426 {
		dst = appendField(dst, "Connection", "close, Upgrade")
	} else {
		dst = appendField(dst, "Connection", "close")
	}
	dst = appendField(dst, "Content-Type", "text/plain; charset=utf-8")
	dst = appendField(dst, "X-Content-Type-Options", "nosniff")
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(e.Text)+1), 10)
	dst = append(dst, "\r\n"...)
	for i := range e.Fields {
		if f := &e.Fields[i]; f.valid() && !f.framesReply() && !f.describesText() {
			dst = appendField(dst, f.Name, f.Value)
		}
	}
	dst = append(dst, "\r\n"...)
	if head {
		return dst
	}
	dst = append(dst, e.Text...)
	return append(dst, '\n')
}

// describesText reports whether f is a field that AppendRefusal sets for its body.
func (f *Field) describesText() bool {
	return equalFold(f.Name, "Content-Type") || equalFold(f.Name, "X-Content-Type-Options")
}
