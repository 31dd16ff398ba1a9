package codec

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestCloseErrorText(t *testing.T) {
	tests := []struct {
		err  CloseError
		want string
	}{
		{CloseError{Code: CloseNormal}, "websocket: closed: 1000 (Normal Closure)"},
		{CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true}, "websocket: closed by the peer: 1001 (Going Away): bye"},
		{CloseError{Code: CloseAbnormal, Cause: io.ErrUnexpectedEOF}, "websocket: closed: 1006 (Abnormal Closure): unexpected EOF"},
		{CloseError{Code: 4000, Reason: "r", Remote: true, Cause: io.EOF}, "websocket: closed by the peer: 4000: r: EOF"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestCloseErrorIs(t *testing.T) {
	wrapped := fmt.Errorf("read: %w", &CloseError{Code: CloseAbnormal, Cause: io.EOF})
	var ce *CloseError
	if !errors.Is(wrapped, io.EOF) || !errors.As(wrapped, &ce) || ce.Code != CloseAbnormal {
		t.Errorf("%v is not io.EOF, or no *CloseError", wrapped)
	}
	if !errors.Is(fmt.Errorf("read: %w", ErrMasked), ErrMasked) || errors.Is(ErrMasked, ErrNotMasked) {
		t.Error("violations are not told apart by errors.Is")
	}
}

// Every violation carries the code that RFC 6455 names for it, fits into a close frame and can be
// told apart from the others.
func TestViolations(t *testing.T) {
	tests := []struct {
		err  *CloseError
		code CloseCode
	}{
		{ErrReservedOpcode, CloseProtocolError},
		{ErrReservedBits, CloseProtocolError},
		{ErrNotMasked, CloseProtocolError}, // 5.1
		{ErrMasked, CloseProtocolError},    // 5.1
		{ErrLengthNotMinimal, CloseProtocolError},
		{ErrLengthTopBit, CloseProtocolError},
		{ErrControlTooLong, CloseProtocolError},
		{ErrControlFragmented, CloseProtocolError},
		{ErrUnexpectedContinuation, CloseProtocolError},
		{ErrExpectedContinuation, CloseProtocolError},
		{ErrClosePayloadLength, CloseProtocolError},
		{ErrCloseCodeForbidden, CloseProtocolError},
		{ErrCloseReasonUTF8, CloseInvalidPayload}, // 8.1
		{ErrTextUTF8, CloseInvalidPayload},        // 8.1
		{ErrMessageTooBig, CloseMessageTooBig},    // 7.4.1
		{ErrTooManyFragments, ClosePolicyViolation},
	}
	reasons := make(map[string]bool)
	for _, tt := range tests {
		if tt.err.Code != tt.code || tt.err.Remote || tt.err.Cause != nil || reasons[tt.err.Reason] {
			t.Errorf("%+v, want code %v and a reason of its own", tt.err, tt.code)
		}
		reasons[tt.err.Reason] = true
		if !strings.Contains(tt.err.Reason, "(RFC 6455 ") {
			t.Errorf("%q names no section", tt.err.Reason)
		}
		if _, err := AppendClose(nil, tt.err.Code, tt.err.Reason); err != nil {
			t.Errorf("%q does not fit into a close frame: %v", tt.err.Reason, err)
		}
	}
}
