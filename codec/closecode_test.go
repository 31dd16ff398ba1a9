package codec

import "testing"

// IANA's WebSocket Close Code Number registry (RFC 6455 7.4.1 and 11.7, and what was registered
// since).
func TestCloseCodeNames(t *testing.T) {
	tests := []struct {
		code   CloseCode
		number uint16
		name   string
	}{
		{CloseNormal, 1000, "1000 (Normal Closure)"},
		{CloseGoingAway, 1001, "1001 (Going Away)"},
		{CloseProtocolError, 1002, "1002 (Protocol error)"},
		{CloseUnsupportedData, 1003, "1003 (Unsupported Data)"},
		{CloseNoStatus, 1005, "1005 (No Status Rcvd)"},
		{CloseAbnormal, 1006, "1006 (Abnormal Closure)"},
		{CloseInvalidPayload, 1007, "1007 (Invalid frame payload data)"},
		{ClosePolicyViolation, 1008, "1008 (Policy Violation)"},
		{CloseMessageTooBig, 1009, "1009 (Message Too Big)"},
		{CloseMandatoryExtension, 1010, "1010 (Mandatory Ext.)"},
		{CloseInternalError, 1011, "1011 (Internal Error)"},
		{CloseServiceRestart, 1012, "1012 (Service Restart)"},
		{CloseTryAgainLater, 1013, "1013 (Try Again Later)"},
		{CloseBadGateway, 1014, "1014 (Bad Gateway)"},
		{CloseTLSHandshake, 1015, "1015 (TLS handshake)"},
		{CloseUnauthorized, 3000, "3000 (Unauthorized)"},
		{CloseForbidden, 3003, "3003 (Forbidden)"},
		{CloseTimeout, 3008, "3008 (Timeout)"},
	}
	named := make(map[CloseCode]bool)
	for _, tt := range tests {
		named[tt.code] = true
		if uint16(tt.code) != tt.number || tt.code.String() != tt.name {
			t.Errorf("%d.String() = %q, want %d, %q", uint16(tt.code), tt.code, tt.number, tt.name)
		}
	}
	for c := range CloseCode(5000) {
		if !named[c] && c.name() != "" {
			t.Errorf("%d, which is not registered, has the name %q", uint16(c), c.name())
		}
	}
	if got := CloseCode(4711).String(); got != "4711" {
		t.Errorf("a private code has the name %q", got)
	}
}

// RFC 6455 7.4.1 and 7.4.2, for every number.
func TestCloseCodeMayBeSent(t *testing.T) {
	ranges := []struct {
		first, last CloseCode
		may         bool
		why         string
	}{
		{0, 999, false, "7.4.2 not used"},
		{1000, 1003, true, "7.4.1 defined"},
		{1004, 1004, false, "7.4.1 reserved"},
		{1005, 1006, false, "7.4.1 never on the wire"},
		{1007, 1011, true, "7.4.1 defined"},
		{1012, 1014, true, "registered since"},
		{1015, 1015, false, "7.4.1 never on the wire"},
		{1016, 2999, false, "7.4.2 for the protocol, not assigned"},
		{3000, 3999, true, "7.4.2 libraries, frameworks, applications"},
		{4000, 4999, true, "7.4.2 private use"},
		{5000, 65535, false, "7.4.2 out of all ranges"},
	}
	next := 0
	for _, r := range ranges {
		if next != int(r.first) {
			t.Fatalf("the ranges have a gap before %d", uint16(r.first))
		}
		for ; next <= int(r.last); next++ {
			if c := CloseCode(next); c.MayBeSent() != r.may {
				t.Errorf("%d.MayBeSent() = %v, want %v: %s", next, !r.may, r.may, r.why)
			}
		}
	}
}
