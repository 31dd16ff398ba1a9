// Package natsbus carries published messages between servers over NATS: it is a [reactor.Bus].
//
// # Subjects
//
// A topic is the NATS subject of the same name behind a prefix, "weir." unless Options say otherwise:
// the topic rooms.a is the subject weir.rooms.a, and a subscription to rooms.* is one to weir.rooms.*.
// A server subscribes once for each pattern that any of its connections has, so NATS sees what servers
// are interested in, never connections.
//
// # Messages
//
// The data of the NATS message is the payload of the WebSocket message, byte for byte, so every NATS
// client can publish to and listen for WebSocket clients ("nats pub weir.rooms.a hello"):
//
//   - Data that is UTF-8 is a text message, unless the header Weir-Opcode says "binary".
//   - All else is a binary message: text must be UTF-8 (RFC 6455 8.1), and browsers fail a connection
//     over which it is not.
//
// So the header is sent with binary messages that happen to be UTF-8, and with no others. The reply
// subject of what a Bus publishes names the Bus, and nobody listens there; other clients may leave it
// out.
//
// # What is promised
//
// A message is delivered once, or not at all, to each subscription of each other server, and the messages of
// one server arrive in the order in which they were published. Both hold as long as a server keeps its
// connection to NATS. When that fails over to another node, what was on its way through the old one may be
// overtaken, and a message that both nodes still route may arrive twice: who cannot bear that has to number
// messages. Nothing comes back to the server that
// published it. No message is kept for a server that is not connected to NATS. A message is lost when
// the publishing server is not connected and Options.Buffer is used up, when it was on its way as a
// connection broke, and when a receiving server does not keep up; the first and the last are counted,
// see [Stats].
//
// While NATS is away, servers go on with their own connections. A Bus tries to connect again for ever,
// goes to another node of the cluster if there is one, and then subscribes again.
package natsbus
