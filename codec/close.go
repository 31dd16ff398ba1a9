package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxControlPayload is the most that a control frame may carry, in bytes (RFC 6455 5.5).
const MaxControlPayload = 125

// MaxCloseReason is the most that the reason in a close frame may have, in bytes of UTF-8: a control
// frame's payload less the two bytes of the code (RFC 6455 5.5.1).
const MaxCloseReason = MaxControlPayload - 2

// The errors of [AppendClose] for a reason that cannot be sent. They are the caller's faults, not the
// peer's, so they carry no close code.
var (
	ErrCloseReasonTooLong  = errors.New("websocket: close reason is longer than 123 bytes")
	ErrCloseReasonNotValid = errors.New("websocket: close reason is not UTF-8")
)

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
	code = CloseCode(binary.BigEndian.Uint16(p))
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
	if !CloseCode(binary.BigEndian.Uint16(p)).MayBeSent() {
		return ErrCloseCodeForbidden
	}
	var v UTF8Validator
	if !v.Write(p[2:]) {
		return ErrCloseReasonUTF8
	}
	return nil
}

// AppendClose appends the payload of a close frame to dst. [CloseNoStatus] without a reason appends
// nothing: a close frame without a body. A code that may not be sent, see [CloseCode.MayBeSent], is an
// error, and so is a reason that is longer than [MaxCloseReason] or not UTF-8; dst is returned as it
// was then, and nothing has been written behind it.
func AppendClose(dst []byte, code CloseCode, reason string) ([]byte, error) {
	switch {
	case code == CloseNoStatus && reason == "":
		return dst, nil
	case !code.MayBeSent():
		return dst, fmt.Errorf("websocket: close code %d may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999", uint16(code))
	case len(reason) > MaxCloseReason:
		return dst, ErrCloseReasonTooLong
	case !utf8.ValidString(reason):
		return dst, ErrCloseReasonNotValid
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...), nil
}
