package codec

import "bytes"

// maxProtocols is how many subprotocols a client may offer. Each is compared with all others.
const maxProtocols = 64

// IsUpgrade reports whether the request asks for WebSocket at all: its Upgrade field lists "websocket". If
// so, CheckUpgrade says whether it does that right; if not, it is a plain request, for CheckPlain.
func (r *Request) IsUpgrade() bool { return r.hasToken("Upgrade", "websocket") }

// CheckUpgrade checks everything that RFC 6455 4.2.1 demands of an opening handshake, beyond what Parse
// demands of every request. It returns nil or a *HandshakeError, for AppendRefusal. Whether the Origin, the
// path and the subprotocols are welcome is for the caller to say.
func (r *Request) CheckUpgrade() error {
	if fault := r.upgradeFault(); fault != nil {
		return fault
	}
	return nil
}

func (r *Request) upgradeFault() *HandshakeError {
	method := r.Method()
	switch {
	case r.Minor() == 0: // item 1: HTTP/1.1 or higher
		return errVersionNumber
	case !registeredMethod(method): // RFC 9110 9.1
		return errMethodUnknown
	case string(method) != "GET": // item 1
		return errMethodUpgrade
	case r.seen&(1<<codingField) != 0:
		return errCoding
	case r.body:
		return errBody
	case !r.IsUpgrade(): // item 3. A sound HTTP request for what only WebSocket gives: 426 (RFC 9110 15.5.22)
		return errUpgradeRequired
	case !r.hasToken("Connection", "Upgrade"): // item 4. Upgrade without it breaks a MUST: 400 (RFC 9110 7.8)
		return errConnection
	case r.count("Sec-WebSocket-Version") > 1: // 11.3.5: MUST NOT appear more than once
		return errVersionRepeated
	case string(r.Field("Sec-WebSocket-Version")) != "13": // item 6; 4.4 for the reply
		return errVersion13
	case r.count("Sec-WebSocket-Key") > 1: // 11.3.1: MUST NOT appear more than once
		return errKeyRepeated
	case !validKey(r.Key()): // item 5
		return errKey
	case r.count("Origin") > 1: // RFC 6454 7.3: MUST NOT include more than one
		return errOriginRepeated
	}
	if fault := r.protocolsFault(); fault != nil { // item 8
		return fault
	}
	return r.extensionsFault() // item 9
}

// protocolsFault checks what the client offers as subprotocols. RFC 6455 4.1, item 10: the elements MUST be
// non-empty tokens and MUST all be unique.
func (r *Request) protocolsFault() *HandshakeError {
	var offers [maxProtocols][]byte
	n := 0
	for rest := range r.Values("Sec-WebSocket-Protocol") {
		for more := true; more; n++ {
			var offer []byte
			offer, rest, more = cutMember(rest)
			if !validToken(offer) {
				return errProtocol
			}
			for _, earlier := range offers[:n] {
				if bytes.Equal(earlier, offer) {
					return errProtocolRepeated
				}
			}
			if n == maxProtocols {
				return errProtocolCount
			}
			offers[n] = offer
		}
	}
	return nil
}

// extensionsFault checks that the extensions that the client offers are well-formed (RFC 6455 9.1: MUST
// reject otherwise). A field without any breaks "1#extension".
func (r *Request) extensionsFault() *HandshakeError {
	present, offered := false, false
	for value := range r.Values("Sec-WebSocket-Extensions") {
		present = true
		for _, err := range Extensions(value) {
			if err != nil {
				return errExtensions
			}
			offered = true
		}
	}
	if present && !offered {
		return errExtensions
	}
	return nil
}

// CheckPlain checks that the request is one that a WebSocket server can answer as plain HTTP: GET or HEAD
// without a body, in HTTP/1.0 too. It returns nil or a *HandshakeError, for AppendRefusal.
func (r *Request) CheckPlain() error {
	method := r.Method()
	switch {
	case !registeredMethod(method): // RFC 9110 9.1
		return errMethodUnknown
	case string(method) != "GET" && string(method) != "HEAD":
		return errMethodPlain
	case r.seen&(1<<codingField) != 0: // RFC 9112 6.1: a coding not understood SHOULD get 501
		return errCoding
	case r.body:
		return errBody
	}
	return nil
}

// registeredMethod reports whether method is in the IANA registry of HTTP methods (RFC 9110 16.1.1).
func registeredMethod(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", // RFC 9110
		"PATCH", "PRI", "SEARCH", // RFC 5789, 9113, 5323
		"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
		"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH",
		"PROPFIND", "PROPPATCH", "REBIND", "REPORT", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
		"UPDATEREDIRECTREF", "VERSION-CONTROL": // WebDAV and its extensions
		return true
	}
	return false
}
