package codec

import (
	"errors"
	"fmt"
)

// MaxControlPayload is the most that a control frame may carry, in bytes (RFC 6455 5.5).
const MaxControlPayload = 125

// MaxCloseReason is the most that the reason in a close frame may have, in bytes of UTF-8: a
// control frame's payload less the two bytes of the code.
const MaxCloseReason = MaxControlPayload - 2

// ErrCloseReasonTooLong is returned for a reason of more than [MaxCloseReason] bytes.
var ErrCloseReasonTooLong = errors.New("websocket: close reason is longer than 123 bytes")

// ParseClose reads the payload of a close frame (RFC 6455 5.5.1). An empty payload is
// [CloseNoStatus]. reason aliases p. err is nil or one of [ErrClosePayloadLength],
// [ErrCloseCodeForbidden] and [ErrCloseReasonUTF8].
func ParseClose(p []byte) (code CloseCode, reason []byte, err error) {
	switch len(p) {
	case 0:
		return CloseNoStatus, nil, nil
	case 1:
		return 0, nil, ErrClosePayloadLength
	}
	code = CloseCode(p[0])<<8 | CloseCode(p[1])
	if !code.MayBeSent() {
		return 0, nil, ErrCloseCodeForbidden
	}
	if !ValidUTF8(p[2:]) {
		return 0, nil, ErrCloseReasonUTF8
	}
	return code, p[2:], nil
}

// checkClosePrefix finds the errors that the first bytes of a close payload already show.
func checkClosePrefix(p []byte) error {
	if len(p) < 2 {
		return nil
	}
	if !(CloseCode(p[0])<<8 | CloseCode(p[1])).MayBeSent() {
		return ErrCloseCodeForbidden
	}
	var v UTF8Validator
	if !v.Write(p[2:]) {
		return ErrCloseReasonUTF8
	}
	return nil
}

// AppendClose appends the payload of a close frame to dst. [CloseNoStatus] appends nothing: a close
// frame without a body. On an error, a code that may not be sent or a reason that is too long or
// not UTF-8, dst is returned as it was.
func AppendClose(dst []byte, code CloseCode, reason string) ([]byte, error) {
	if code == CloseNoStatus && reason == "" {
		return dst, nil
	}
	if !code.MayBeSent() {
		return dst, fmt.Errorf("websocket: close code %d may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999", uint16(code))
	}
	if len(reason) > MaxCloseReason {
		return dst, ErrCloseReasonTooLong
	}
	n := len(dst)
	dst = append(dst, byte(code>>8), byte(code))
	dst = append(dst, reason...)
	if !ValidUTF8(dst[n+2:]) {
		return dst[:n], ErrCloseReasonUTF8
	}
	return dst, nil
}
