package codec

import "strconv"

// CloseCode is the status code of a close frame (RFC 6455 7.4, IANA's WebSocket Close Code Number
// registry).
type CloseCode uint16

// The registered close codes, but for 1004, which is reserved without a meaning. Beside each stands
// the name that IANA registers for it.
const (
	CloseNormal             CloseCode = 1000 // Normal Closure
	CloseGoingAway          CloseCode = 1001 // Going Away
	CloseProtocolError      CloseCode = 1002 // Protocol error
	CloseUnsupportedData    CloseCode = 1003 // Unsupported Data
	CloseNoStatus           CloseCode = 1005 // No Status Rcvd; never on the wire
	CloseAbnormal           CloseCode = 1006 // Abnormal Closure; never on the wire
	CloseInvalidPayload     CloseCode = 1007 // Invalid frame payload data
	ClosePolicyViolation    CloseCode = 1008 // Policy Violation
	CloseMessageTooBig      CloseCode = 1009 // Message Too Big
	CloseMandatoryExtension CloseCode = 1010 // Mandatory Ext.
	CloseInternalError      CloseCode = 1011 // Internal Error
	CloseServiceRestart     CloseCode = 1012 // Service Restart
	CloseTryAgainLater      CloseCode = 1013 // Try Again Later
	CloseBadGateway         CloseCode = 1014 // Bad Gateway
	CloseTLSHandshake       CloseCode = 1015 // TLS handshake; never on the wire
	CloseUnauthorized       CloseCode = 3000 // Unauthorized
	CloseForbidden          CloseCode = 3003 // Forbidden
	CloseTimeout            CloseCode = 3008 // Timeout
)

// MayBeSent reports whether c may stand in a close frame: a code of 1000 to 1014 that is not reserved
// (RFC 6455 7.4.1 reserves 1004 for the future, and 1005, 1006 and 1015 for what never is on the
// wire), or one of 3000 to 4999 (7.4.2: libraries, frameworks and applications, and private use).
// IANA assigns none of 1016 to 2999.
func (c CloseCode) MayBeSent() bool {
	switch c {
	case 1004, CloseNoStatus, CloseAbnormal:
		return false
	}
	return (c >= 1000 && c <= 1014) || (c >= 3000 && c <= 4999)
}

// String returns the number and, for a registered code, the name that IANA gives it.
func (c CloseCode) String() string {
	s := strconv.Itoa(int(c))
	if name := c.name(); name != "" {
		s += " (" + name + ")"
	}
	return s
}

func (c CloseCode) name() string {
	switch c {
	case CloseNormal:
		return "Normal Closure"
	case CloseGoingAway:
		return "Going Away"
	case CloseProtocolError:
		return "Protocol error"
	case CloseUnsupportedData:
		return "Unsupported Data"
	case CloseNoStatus:
		return "No Status Rcvd"
	case CloseAbnormal:
		return "Abnormal Closure"
	case CloseInvalidPayload:
		return "Invalid frame payload data"
	case ClosePolicyViolation:
		return "Policy Violation"
	case CloseMessageTooBig:
		return "Message Too Big"
	case CloseMandatoryExtension:
		return "Mandatory Ext."
	case CloseInternalError:
		return "Internal Error"
	case CloseServiceRestart:
		return "Service Restart"
	case CloseTryAgainLater:
		return "Try Again Later"
	case CloseBadGateway:
		return "Bad Gateway"
	case CloseTLSHandshake:
		return "TLS handshake"
	case CloseUnauthorized:
		return "Unauthorized"
	case CloseForbidden:
		return "Forbidden"
	case CloseTimeout:
		return "Timeout"
	}
	return ""
}
