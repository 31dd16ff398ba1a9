package reactor

import "example.org/weir/codec"

// Handler is what an application does with its connections. Its methods run on the event loop that
// owns the connection, never two at once for the same one, and must not block; [Workers] takes the calls
// off the loop for a Handler that does. Several connections on different loops call it at the same time. A
// panic closes the connection with 1011 and is logged with its stack.
type Handler interface {
	// OnOpen is called once the opening handshake is done; what it writes is the first that the
	// client gets.
	OnOpen(c *Conn)
	// OnMessage is called with each whole text or binary message. m.Payload belongs to the handler
	// until it returns; it may be changed, and must be copied to be kept.
	OnMessage(c *Conn, m codec.Message)
	// OnClose is called exactly once for each connection that OnOpen was called for, when it is
	// gone. err is never nil and is a *codec.CloseError: the close code and reason, which side
	// began, and what ended the connection where no close frame did.
	OnClose(c *Conn, err error)
}

// NopHandler does nothing. Embed it in a Handler that needs only some of the methods.
type NopHandler struct{}

// OnOpen does nothing.
func (NopHandler) OnOpen(*Conn) {}

// OnMessage does nothing: the message is dropped.
func (NopHandler) OnMessage(*Conn, codec.Message) {}

// OnClose does nothing.
func (NopHandler) OnClose(*Conn, error) {}

// HandlerFunc is a Handler of nothing but OnMessage.
type HandlerFunc func(c *Conn, m codec.Message)

// OnOpen does nothing.
func (HandlerFunc) OnOpen(*Conn) {}

// OnMessage calls f.
func (f HandlerFunc) OnMessage(c *Conn, m codec.Message) { f(c, m) }

// OnClose does nothing.
func (HandlerFunc) OnClose(*Conn, error) {}
