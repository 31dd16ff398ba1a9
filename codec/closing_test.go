package codec

import "testing"

// RFC 6455 7.1, every state with everything that can happen in it.
func TestClosing(t *testing.T) {
	tests := []struct {
		state               Closing
		name                string
		sent, received      Closing
		maySend, mayReceive bool
	}{
		{Open, "open", CloseSent, CloseReceived, true, true},
		{CloseSent, "close sent", CloseSent, Closed, false, true},
		{CloseReceived, "close received", Closed, CloseReceived, true, false},
		{Closed, "closed", Closed, Closed, false, false},
	}
	var zero Closing
	if zero != Open {
		t.Errorf("the zero value is %v", zero)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.state
			if s.String() != tt.name {
				t.Errorf("String() = %q", s)
			}
			if s.Sent() != tt.sent || s.Received() != tt.received {
				t.Errorf("Sent() = %v, Received() = %v; want %v, %v", s.Sent(), s.Received(), tt.sent, tt.received)
			}
			if s.MaySend() != tt.maySend || s.MayReceive() != tt.mayReceive {
				t.Errorf("MaySend() = %v, MayReceive() = %v", s.MaySend(), s.MayReceive())
			}
		})
	}
}
