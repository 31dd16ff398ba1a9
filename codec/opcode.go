package codec

import "strconv"

// Opcode says what the payload of a frame is (RFC 6455 5.2, IANA's WebSocket Opcode registry).
type Opcode uint8

// The opcodes that RFC 6455 defines. All others are reserved and refused.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// IsControl reports whether op is a control opcode, defined or reserved (RFC 6455 5.5: the most
// significant bit of the opcode is 1).
func (op Opcode) IsControl() bool { return op&0x8 != 0 }

// IsReserved reports whether op is none that RFC 6455 defines: 3 to 7 are reserved for data frames, B
// to F for control frames (RFC 6455 5.2).
func (op Opcode) IsReserved() bool { return op > Pong || (op > Binary && op < Close) }

// String returns the name that IANA registers, in lower case and without the word Frame: "text" for
// its Text Frame, "close" for its Connection Close Frame.
func (op Opcode) String() string {
	switch op {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "reserved opcode " + strconv.Itoa(int(op))
}

// Role is the side of a connection that an endpoint plays. It decides who masks.
type Role uint8

// The two roles. The zero value is the server.
const (
	Server Role = iota
	Client
)

// String returns "server" or "client".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}
