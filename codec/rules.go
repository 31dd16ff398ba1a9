package codec

// The first two bytes of a frame (RFC 6455 5.2):
//
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
//	+-+-+-+-+-------+-+-------------+
//	|F|R|R|R| opcode|M| payload len |
//	|I|S|S|S|       |A|             |
//	|N|V|V|V|       |S|             |
//	| |1|2|3|       |K|             |
//	+-+-+-+-+-------+-+-------------+
const (
	bitFin  = 0x80
	bitRSV1 = 0x40
	bitRSV2 = 0x20
	bitRSV3 = 0x10
	bitsRSV = bitRSV1 | bitRSV2 | bitRSV3
	opBits  = 0x0F

	bitMask = 0x80
	lenBits = 0x7F
	len16   = 126 // the next 2 bytes are the length
	len64   = 127 // the next 8 bytes are the length
)

// checkHeader holds every rule that the first two bytes of a frame, b0 and b1, can break. role is
// that of the endpoint which receives the frame; inside says that a fragmented message is
// unfinished.
func checkHeader(b0, b1 byte, role Role, inside bool) error {
	op := Opcode(b0 & opBits)
	switch {
	// 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
	// Connection_."
	case op.IsReserved():
		return ErrReservedOpcode

	// 5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
	case b0&bitsRSV != 0:
		return ErrReservedBits

	// 5.1: "a server MUST close the connection upon receiving a frame that is not masked", "a client
	// MUST close a connection if it detects a masked frame."
	case role == Server && b1&bitMask == 0:
		return ErrNotMasked
	case role == Client && b1&bitMask != 0:
		return ErrMasked

	// 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
	// fragmented."
	case op.IsControl() && b0&bitFin == 0:
		return ErrControlFragmented
	case op.IsControl() && b1&lenBits > MaxControlPayload:
		return ErrControlTooLong

	// 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer".
	case op == Close && b1&lenBits == 1:
		return ErrClosePayloadLength

	// 5.4: a fragmented message is a first frame with a non-zero opcode and continuations after it;
	// "The fragments of one message MUST NOT be interleaved between the fragments of another".
	case op == Continuation && !inside:
		return ErrUnexpectedContinuation
	case op != Continuation && !op.IsControl() && inside:
		return ErrExpectedContinuation
	}
	return nil
}

// checkLength holds the rules for an extended payload length n of 2 or 8 bytes. RFC 6455 5.2: "in
// all cases, the minimal number of bytes MUST be used to encode the length", "the most significant
// bit MUST be 0".
func checkLength(n uint64, bytes int) error {
	switch {
	case n>>63 != 0:
		return ErrLengthTopBit
	case bytes == 8 && n <= 0xFFFF, n < len16:
		return ErrLengthNotMinimal
	}
	return nil
}
