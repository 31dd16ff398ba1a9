package codec

// Closing is the state of the closing handshake (RFC 6455 7.1), from one endpoint's view. Its zero
// value is an open connection.
//
//	          Sent                    Received
//	Open ────────────▶ CloseSent ────────────────▶ Closed
//	 │                                               ▲
//	 └──────────────▶ CloseReceived ─────────────────┘
//	      Received                        Sent
//
// Once Closed, both close frames have passed and the server closes the TCP connection first
// (7.1.1).
type Closing uint8

// The states of the closing handshake.
const (
	Open          Closing = iota // no close frame has passed
	CloseSent                    // ours has been sent, the peer's is awaited
	CloseReceived                // the peer's has come, ours is due
	Closed                       // both have passed
)

// Sent returns the state after a close frame was sent. It must be preceded by MaySend.
func (s Closing) Sent() Closing {
	if s == CloseReceived || s == Closed {
		return Closed
	}
	return CloseSent
}

// Received returns the state after a close frame came in.
func (s Closing) Received() Closing {
	if s == CloseSent || s == Closed {
		return Closed
	}
	return CloseReceived
}

// MaySend reports whether this endpoint may still send frames, which it may not after its own close
// frame (RFC 6455 5.5.1).
func (s Closing) MaySend() bool { return s == Open || s == CloseReceived }

// MayReceive reports whether what still arrives is looked at, which it is until the peer's close
// frame (RFC 6455 5.5.1: the peer sends no more after it).
func (s Closing) MayReceive() bool { return s == Open || s == CloseSent }

// String returns the name of the state.
func (s Closing) String() string {
	switch s {
	case Open:
		return "open"
	case CloseSent:
		return "close sent"
	case CloseReceived:
		return "close received"
	}
	return "closed"
}
