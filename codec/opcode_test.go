package codec

import "testing"

// IANA's WebSocket Opcode registry (RFC 6455 5.2 and 11.8), all sixteen.
func TestOpcodes(t *testing.T) {
	tests := []struct {
		op                Opcode
		name              string
		control, reserved bool
	}{
		{Continuation, "continuation", false, false},
		{Text, "text", false, false},
		{Binary, "binary", false, false},
		{3, "reserved opcode 3", false, true},
		{4, "reserved opcode 4", false, true},
		{5, "reserved opcode 5", false, true},
		{6, "reserved opcode 6", false, true},
		{7, "reserved opcode 7", false, true},
		{Close, "close", true, false},
		{Ping, "ping", true, false},
		{Pong, "pong", true, false},
		{11, "reserved opcode 11", true, true},
		{12, "reserved opcode 12", true, true},
		{13, "reserved opcode 13", true, true},
		{14, "reserved opcode 14", true, true},
		{15, "reserved opcode 15", true, true},
	}
	for i, tt := range tests {
		if int(tt.op) != i {
			t.Errorf("%s is %d, want %d", tt.name, int(tt.op), i)
		}
		if tt.op.String() != tt.name || tt.op.IsControl() != tt.control || tt.op.IsReserved() != tt.reserved {
			t.Errorf("%d is %q, control %v, reserved %v; want %+v",
				i, tt.op, tt.op.IsControl(), tt.op.IsReserved(), tt)
		}
	}
}

func TestRoleNames(t *testing.T) {
	if Server.String() != "server" || Client.String() != "client" || Role(0) != Server {
		t.Errorf("the roles are %q and %q, and zero is %q", Server, Client, Role(0))
	}
}
