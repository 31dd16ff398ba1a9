package codec

// CloseError is the end of a connection: a violation of the protocol that this endpoint found, a
// close frame that it sent, or one that it received. Code and Reason are what the close frame says
// or is to say; a connection that ended without one has [CloseAbnormal] or, when the peer's close
// frame had no body, [CloseNoStatus].
//
// The violations are predeclared values, so that failing allocates nothing; compare them with
// errors.Is. A CloseError is immutable.
type CloseError struct {
	Code   CloseCode
	Reason string // at most 123 bytes of UTF-8
	Remote bool   // the peer's close frame came first
	Cause  error  // what ended the connection below WebSocket, for instance io.EOF; nil otherwise
}

// Error says who closed the connection, with which code, and why.
func (e *CloseError) Error() string {
	s := "websocket: closed: "
	if e.Remote {
		s = "websocket: closed by the peer: "
	}
	s += e.Code.String()
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns Cause.
func (e *CloseError) Unwrap() error { return e.Cause }

// The violations that a [Decoder] finds, each with the code that the peer is told.
var (
	ErrReservedOpcode         = protocolError("reserved opcode (RFC 6455 5.2)")
	ErrReservedBits           = protocolError("reserved bit set that no negotiated extension owns (RFC 6455 5.2)")
	ErrNotMasked              = protocolError("frame from a client is not masked (RFC 6455 5.1)")
	ErrMasked                 = protocolError("frame from a server is masked (RFC 6455 5.1)")
	ErrLengthNotMinimal       = protocolError("payload length is not minimally encoded (RFC 6455 5.2)")
	ErrLengthTopBit           = protocolError("most significant bit of a 64-bit length is set (RFC 6455 5.2)")
	ErrControlTooLong         = protocolError("control frame is longer than 125 bytes (RFC 6455 5.5)")
	ErrControlFragmented      = protocolError("control frame is fragmented (RFC 6455 5.5)")
	ErrUnexpectedContinuation = protocolError("continuation frame without a message to continue (RFC 6455 5.4)")
	ErrExpectedContinuation   = protocolError("new message inside a fragmented one (RFC 6455 5.4)")
	ErrClosePayloadLength     = protocolError("close frame with a payload of 1 byte (RFC 6455 5.5.1)")
	ErrCloseCodeForbidden     = protocolError("close frame with a code that may not be sent (RFC 6455 7.4)")
	ErrCloseReasonUTF8        = &CloseError{Code: CloseInvalidPayload, Reason: "close reason is not UTF-8 (RFC 6455 5.5.1)"}
	ErrTextUTF8               = &CloseError{Code: CloseInvalidPayload, Reason: "text message is not UTF-8 (RFC 6455 8.1)"}
	ErrDeflate                = &CloseError{Code: CloseInvalidPayload, Reason: "message is not compressed as agreed (RFC 7692 7.2.2)"}
	ErrMessageTooBig          = &CloseError{Code: CloseMessageTooBig, Reason: "message is larger than this endpoint accepts (RFC 6455 7.4.1)"}
	ErrTooManyFragments       = &CloseError{Code: ClosePolicyViolation, Reason: "message has more fragments than this endpoint accepts (RFC 6455 10.4)"}
)

func protocolError(reason string) *CloseError {
	return &CloseError{Code: CloseProtocolError, Reason: reason}
}
