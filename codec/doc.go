// Package codec is RFC 6455, the WebSocket protocol, and RFC 7692, its compression, as pure functions
// and state machines over []byte. It does no I/O, starts no goroutine, reads no clock, and knows
// both roles, server and client.
//
// # Terminology
//
// An endpoint sends messages. A message travels as one or more frames; a frame that is not the
// last of its message leaves FIN clear and is called a fragment. Text, binary and continuation
// frames carry data; close, ping and pong frames control the connection, are never fragmented, and
// may stand between the fragments of a message. A client masks the payload of every frame, a
// server masks none.
//
// # The opening handshake (RFC 6455 section 4, RFC 9112)
//
// [RequestParser] reads the head of a request incrementally, [Request.CheckUpgrade] keeps every
// MUST of section 4.2.1, [AppendUpgrade] and [AppendRefusal] write the reply. [AppendRequest] and
// [ResponseParser] are the client's side of it.
//
// # Frames (RFC 6455 section 5)
//
// [Decoder] turns whatever bytes have arrived into messages and control frames; any split of the
// input gives the same result. [AppendFrame] and [AppendMaskedFrame] write frames into a caller's
// buffer; [Prepared] is a frame encoded once for many receivers.
//
// # Compressed messages (RFC 7692)
//
// [Deflate] negotiates permessage-deflate, in either role. A [Deflater] appends compressed frames,
// an [Inflater] in a [Decoder] decompresses what arrives, within the message limit. Both borrow what
// is large for one message at a time: a connection without context takeover keeps nothing.
//
// # The closing handshake (RFC 6455 section 7)
//
// [Closing] is its state machine, [ParseClose] and [AppendClose] read and write the payload of a
// close frame, [CloseCode] has the numbers and names that IANA registers. A violation of the
// protocol is a [*CloseError], which carries the code that the peer is to be told.
//
// # Proxies
//
// [ParseProxyHeader] reads what a proxy says of a connection before its first byte (HAProxy's PROXY protocol,
// versions 1 and 2), [AppendForwarded] and [AppendXForwardedFor] read what it says in a request (RFC 7239).
// Whom to believe is for the caller to know. [AppendConnect] asks an HTTP proxy for a tunnel.
//
// # Bytes
//
// What a function returns as part of its input aliases that input. Append functions write behind
// dst and return the extended slice; they keep no reference to their arguments.
package codec
