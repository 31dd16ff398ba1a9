package codec

import (
	"bytes"
	"slices"
)

// ClientUpgrade is what a client asks for in an opening handshake (RFC 6455 4.1).
type ClientUpgrade struct {
	// Host is the host of the server, with the port unless that is the default one.
	Host string
	// Target is the path with the query, percent-encoded. Empty means "/".
	Target string
	// Key is a fresh NewKey.
	Key string
	// Origin is the value of the Origin field, or empty for none: only browsers have to send one.
	Origin string
	// Protocols are the subprotocols offered, the one liked best first, without repeats.
	Protocols []string
	// Extensions is the value of the Sec-WebSocket-Extensions field, or empty for none.
	Extensions string
	// Fields are extra fields, such as Cookie or Authorization.
	Fields []Field
}

// Faults of a request that a client was about to send.
var (
	errClientHost       = refusal(0, "The host to connect to is not a valid host with an optional port.")
	errClientTarget     = refusal(0, "The target is not a path with an optional query. Percent-encode it.")
	errClientKey        = refusal(0, "The key is not the base64 form of 16 bytes. Use NewKey.")
	errClientOrigin     = refusal(0, "The origin is neither null nor a scheme, a host and an optional port.")
	errClientProtocol   = refusal(0, "A subprotocol to offer is not a token, or is there twice.")
	errClientExtensions = refusal(0, "The extensions to offer are malformed.")
	errClientField      = refusal(0, "An extra field is malformed, or is one that the handshake sets.")
)

// Faults of a server's answer to an opening handshake (RFC 6455 4.1: each fails the connection).
var (
	errReplyVersion      = refusal(0, "The server switched protocols in HTTP/1.0, which cannot.")
	errReplyUpgrade      = refusal(0, "The server's Upgrade field is not the one value websocket.")
	errReplyConnection   = refusal(0, "The server's Connection field does not list Upgrade.")
	errReplyAccept       = refusal(0, "The server's Sec-WebSocket-Accept field does not fit the key. Is a cache on the way?")
	errReplyNotOffered   = refusal(0, "The server chose a subprotocol that was not offered, or more than one.")
	errReplyExtensions   = refusal(0, "The server's Sec-WebSocket-Extensions field is malformed or there twice.")
	errReplyNotRequested = refusal(0, "The server uses an extension that was not offered.")
)

// AppendRequest appends the request that opens a WebSocket connection (RFC 6455 4.1).
//
// It refuses a u of which any part is malformed or a field is one that the handshake owns (Host, Upgrade,
// Connection, Origin, Sec-WebSocket-*, Content-Length, Transfer-Encoding); then dst comes back as it was,
// with a *HandshakeError that has Status 0.
func AppendRequest(dst []byte, u *ClientUpgrade) ([]byte, error) {
	if fault := u.check(); fault != nil {
		return dst, fault
	}
	dst = append(dst, "GET "...)
	if u.Target == "" {
		dst = append(dst, '/')
	}
	dst = append(dst, u.Target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", u.Host)
	dst = append(dst, "Upgrade: websocket\r\n"+
		"Connection: Upgrade\r\n"...)
	dst = appendField(dst, "Sec-WebSocket-Key", u.Key)
	dst = append(dst, "Sec-WebSocket-Version: 13\r\n"...)
	if u.Origin != "" {
		dst = appendField(dst, "Origin", u.Origin)
	}
	if len(u.Protocols) > 0 {
		dst = append(dst, "Sec-WebSocket-Protocol: "...)
		for i, protocol := range u.Protocols {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, protocol...)
		}
		dst = append(dst, "\r\n"...)
	}
	if u.Extensions != "" {
		dst = appendField(dst, "Sec-WebSocket-Extensions", u.Extensions)
	}
	for _, f := range u.Fields {
		dst = appendField(dst, f.Name, f.Value)
	}
	return append(dst, "\r\n"...), nil
}

func (u *ClientUpgrade) check() *HandshakeError {
	if _, _, ok := splitHost([]byte(u.Host)); !ok {
		return errClientHost
	}
	if u.Target != "" && !validTarget(u.Target) {
		return errClientTarget
	}
	if !validKey(u.Key) {
		return errClientKey
	}
	if _, _, ok := OriginHost([]byte(u.Origin)); !ok && u.Origin != "" && u.Origin != "null" {
		return errClientOrigin
	}
	for i, protocol := range u.Protocols {
		if !validToken(protocol) || slices.Contains(u.Protocols[:i], protocol) {
			return errClientProtocol
		}
	}
	if u.Extensions != "" && (!validExtensions(u.Extensions) || !validValue(u.Extensions)) {
		return errClientExtensions
	}
	for i := range u.Fields {
		f := &u.Fields[i]
		if !f.valid() || f.framesReply() || f.shakesHands() || equalFold(f.Name, "Host") || equalFold(f.Name, "Origin") {
			return errClientField
		}
	}
	return nil
}

// validTarget reports whether target is one in origin-form (RFC 9112 3.2.1): what RequestParser takes.
func validTarget(target string) bool {
	if len(target) > 65535 { // the scanner counts in 16 bits
		return false
	}
	line := requestLine{state: targetStart}
	var start uint16
	head := []byte(target)
	if _, fault := line.scan(head, 0, &start, len(head)); fault != nil || line.absolute {
		return false
	}
	return line.state == targetPath || line.state == targetQuery
}

// CheckUpgrade checks the answer to the request that AppendRequest made from u, as RFC 6455 4.1 has a client
// do. It returns the subprotocol and the extensions that the server chose, each nil if none; they alias the
// head. The extensions are well-formed and each was offered; whether their parameters fit the offer is for
// each extension to say.
//
// If the answer is not 101 Switching Protocols, the *HandshakeError has its status code, its text a redirect's
// Location, and its Fields the Location and Retry-After of the answer.
func (r *Response) CheckUpgrade(u *ClientUpgrade) (protocol, extensions []byte, err error) {
	if fault := r.switchFault(u.Key); fault != nil {
		return nil, nil, fault
	}
	protocol = r.Field("Sec-WebSocket-Protocol")
	if protocol != nil && (r.count("Sec-WebSocket-Protocol") > 1 || !slices.Contains(u.Protocols, string(protocol))) { // item 6
		return nil, nil, errReplyNotOffered
	}
	extensions = r.Field("Sec-WebSocket-Extensions")
	if extensions == nil {
		return protocol, nil, nil
	}
	if r.count("Sec-WebSocket-Extensions") > 1 || !validExtensions(string(extensions)) { // 11.3.2
		return nil, nil, errReplyExtensions
	}
	for accepted := range Extensions(extensions) {
		if !u.offers(accepted.Name) { // item 5
			return nil, nil, errReplyNotRequested
		}
	}
	return protocol, extensions, nil
}

// switchFault checks that the response switches to WebSocket at the wish of the client that sent key.
func (r *Response) switchFault(key string) *HandshakeError {
	const acceptField = "Sec-WebSocket-Accept"
	switch {
	case r.status != 101: // item 1
		return r.refused("101 Switching Protocols")
	case r.minor == 0: // RFC 9110 15.2: no 1xx in HTTP/1.0
		return errReplyVersion
	case r.count("Upgrade") != 1 || !equalFold(r.Field("Upgrade"), "websocket"): // item 2
		return errReplyUpgrade
	case !r.hasToken("Connection", "Upgrade"): // item 3
		return errReplyConnection
	case r.count(acceptField) != 1 || !bytes.Equal(r.Field(acceptField), AcceptKey([]byte(key))): // item 4; 11.3.3
		return errReplyAccept
	}
	return nil
}

// offers reports whether the client offers the extension called name.
func (u *ClientUpgrade) offers(name []byte) bool {
	for offer := range Extensions([]byte(u.Extensions)) {
		if bytes.Equal(offer.Name, name) {
			return true
		}
	}
	return false
}
