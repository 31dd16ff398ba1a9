package reactor

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.org/weir/codec"
)

// Retryable reports whether it makes sense to connect again after err, which Dial has returned or OnClose was
// given: what Redial goes by unless it is told otherwise.
//
//   - Network errors, timeouts and TLS errors: yes.
//   - A refusal: with 408, 425, 429 and 5xx, but for 501 and 505. A redirect, any other 4xx, and an answer that
//     breaks the rules stay what they are.
//   - A close frame of the server: yes, with 1001, 1012, 1013 and 1011, and with 1008, for so servers tell that
//     a client was silent for too long; and with codes of the application. Not with 1000, after which
//     there is no more to say; nor with 1002, 1003, 1007, 1009 and 1010, since what the client sent
//     would be wrong again; nor with 3000 (Unauthorized) and 3003 (Forbidden).
//   - A connection that this side has closed: no, unless it was silent or read too slowly, or the
//     handler panicked.
func Retryable(err error) bool {
	var refused *codec.HandshakeError
	var closed *codec.CloseError
	switch {
	case err == nil, errors.Is(err, ErrClientClosed):
		return false
	case errors.As(err, &refused):
		return retryStatus(refused.Status)
	case errors.As(err, &closed):
		return retryClose(closed)
	}
	return true
}

// retryStatus reports whether a request that was refused with status may be good later (RFC 9110 15).
func retryStatus(status int) bool {
	switch status {
	case 408, 425, 429:
		return true
	case 501, 505:
		return false
	}
	return status >= 500
}

// retryClose reports whether another connection may do better than the one that ended with err.
func retryClose(err *codec.CloseError) bool {
	switch {
	case err == ErrIdle, err == errTooSlow, err == errInternal:
		return true
	case err.Code == codec.CloseAbnormal:
		return !errors.Is(err, net.ErrClosed) // which is CloseNow
	case !err.Remote:
		return false
	}
	switch err.Code {
	case codec.CloseNormal, codec.CloseProtocolError, codec.CloseUnsupportedData, codec.CloseInvalidPayload,
		codec.CloseMessageTooBig, codec.CloseMandatoryExtension, codec.CloseUnauthorized, codec.CloseForbidden:
		return false
	}
	return true
}

// maxRetryAfter is the longest that a server can make a client wait.
const maxRetryAfter = time.Hour

// retryAfter returns how long a refusal asks to wait (RFC 9110 10.2.3): a number of seconds, or until a date.
func retryAfter(err error, now time.Time) time.Duration {
	var refused *codec.HandshakeError
	if !errors.As(err, &refused) {
		return 0
	}
	for _, f := range refused.Fields {
		if !strings.EqualFold(f.Name, "Retry-After") {
			continue
		}
		if n, err := strconv.ParseUint(f.Value, 10, 64); err == nil {
			return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second
		}
		if at, err := http.ParseTime(f.Value); err == nil {
			return min(max(at.Sub(now), 0), maxRetryAfter)
		}
	}
	return 0
}
