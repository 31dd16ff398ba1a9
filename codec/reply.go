package codec

import "strconv"

// Upgrade is what a server answers to a good opening handshake (RFC 6455 4.2.2).
type Upgrade struct {
	// Key is the client's key, Request.Key. It is only read.
	Key []byte
	// Protocol is the chosen subprotocol, one of those that the client offered, or empty for none.
	Protocol string
	// Extensions is the value of the Sec-WebSocket-Extensions field, or empty for none.
	Extensions string
	// Fields are extra fields, such as Set-Cookie or Date.
	Fields []Field
}

// AppendUpgrade appends the reply with status 101 after which the connection speaks WebSocket. It allocates
// nothing beyond the growth of dst.
//
// It refuses a key that is not valid, a subprotocol that is not a token, a malformed extension list, and
// fields that are malformed or that the handshake owns (Upgrade, Connection, Sec-WebSocket-*,
// Content-Length, Transfer-Encoding); then dst comes back as it was, with a *HandshakeError that
// AppendRefusal can send.
func AppendUpgrade(dst []byte, u *Upgrade) ([]byte, error) {
	if fault := u.check(); fault != nil {
		return dst, fault
	}
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\n"+
		"Upgrade: websocket\r\n"+
		"Connection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "...)
	dst = AppendAccept(dst, u.Key)
	dst = append(dst, "\r\n"...)
	if u.Protocol != "" {
		dst = appendField(dst, "Sec-WebSocket-Protocol", u.Protocol)
	}
	if u.Extensions != "" {
		dst = appendField(dst, "Sec-WebSocket-Extensions", u.Extensions)
	}
	for i := range u.Fields {
		dst = appendField(dst, u.Fields[i].Name, u.Fields[i].Value)
	}
	return append(dst, "\r\n"...), nil
}

func (u *Upgrade) check() *HandshakeError {
	if !validKey(u.Key) {
		return errKey
	}
	if u.Protocol != "" && !validToken(u.Protocol) {
		return errReplyProtocol
	}
	if u.Extensions != "" && !validExtensions(u.Extensions) {
		return errReplyField
	}
	for i := range u.Fields {
		if f := &u.Fields[i]; !f.valid() || f.framesReply() || f.shakesHands() {
			return errReplyField
		}
	}
	return nil
}

// AppendResponse appends a plain HTTP reply, after which the server closes the connection: it sets
// Connection: close and Content-Length. A reply to a HEAD request (head) has the length of the body, but no
// body (RFC 9110 9.3.2); nor has one with status 204 or 304, for which body must be empty.
//
// It refuses a status outside 200 to 599, and fields that are malformed or that it sets itself; then dst
// comes back as it was, with a *HandshakeError. It allocates nothing beyond the growth of dst.
func AppendResponse(dst []byte, status int, fields []Field, body []byte, head bool) ([]byte, error) {
	bodiless := status == 204 || status == 304
	if status < 200 || status > 599 || bodiless && len(body) > 0 {
		return dst, errReplyStatus
	}
	for i := range fields {
		if f := &fields[i]; !f.valid() || f.framesReply() {
			return dst, errReplyField
		}
	}
	dst = appendStatusLine(dst, status)
	dst = appendField(dst, "Connection", "close")
	if !bodiless { // RFC 9110 8.6: MUST NOT send Content-Length with 204
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	for i := range fields {
		dst = appendField(dst, fields[i].Name, fields[i].Value)
	}
	dst = append(dst, "\r\n"...)
	if head {
		return dst, nil
	}
	return append(dst, body...), nil
}

// valid reports whether f is a well-formed field (RFC 9110 5.1, 5.5).
func (f *Field) valid() bool { return validToken(f.Name) && validValue(f.Value) }

// framesReply reports whether f says where a message ends or what becomes of the connection, which only
// the function that writes the message can know.
func (f *Field) framesReply() bool {
	return equalFold(f.Name, "Connection") ||
		equalFold(f.Name, "Content-Length") ||
		equalFold(f.Name, "Transfer-Encoding")
}

// shakesHands reports whether f is a field of the opening handshake itself.
func (f *Field) shakesHands() bool {
	const family = "Sec-WebSocket-"
	return equalFold(f.Name, "Upgrade") ||
		len(f.Name) >= len(family) && equalFold(f.Name[:len(family)], family)
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// appendStatusLine appends a status-line (RFC 9112 4). The space after the code stays when there is no phrase.
func appendStatusLine(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reasonPhrase(status)...)
	return append(dst, "\r\n"...)
}

// reasonPhrase returns the phrase of a status code (RFC 9110 15, RFC 6585), or "" for one that a WebSocket
// server has no use for: the phrase is optional. It stands here to keep net/http out of the package.
func reasonPhrase(status int) string {
	switch status {
	case 101:
		return "Switching Protocols"
	case 200:
		return "OK"
	case 204:
		return "No Content"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Found"
	case 303:
		return "See Other"
	case 304:
		return "Not Modified"
	case 307:
		return "Temporary Redirect"
	case 308:
		return "Permanent Redirect"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 407:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 421:
		return "Misdirected Request"
	case 425:
		return "Too Early"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return ""
}
