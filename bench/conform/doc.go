// Package conform is a strictness suite for WebSocket echo servers: a table of rules, each tried on a
// connection of its own over a real socket, with a verdict per rule. It knows the server only by its
// address, and shares no code with packages codec and reactor.
//
// There are four groups of rules:
//
//   - H: the opening handshake, after RFC 6455 4 and RFC 9110 and 9112;
//   - F: framing, after RFC 6455 5 and 7, each rule with all bytes in one write and again byte by byte;
//   - D: permessage-deflate, after RFC 7692, for servers that take it: what is agreed on, and
//     compressed messages;
//   - 1 to 7, 9, 10, 12 and 13: the cases of the Autobahn Testsuite's fuzzing client, version 25.10.1,
//     under their own numbers. Sections 12 and 13, permessage-deflate, echo fewer messages than 1000
//     each, of the same sizes and in the same fragments.
//
// The server under test has to send each message back with the same opcode and payload.
//
// # Verdicts
//
//   - OK: what the rule demands, nothing more and nothing less.
//   - NON-STRICT: permitted, or too late, but not the best: a SHOULD is not kept, an alternative that
//     the RFC leaves open was taken, or an error was noticed only at the end of a message.
//   - LIMIT: the message was refused with 1009, or the head with 414 or 431, which a server may do at
//     any size that it likes. Result says which sizes passed and which did not.
//   - INFORMATIONAL: the rule has no right or wrong; Got tells what the server does.
//   - SKIPPED: not tried; Got tells why.
//   - UNCLEAN: right up to the closing handshake, which the server did not complete in time.
//   - FAILED: a MUST was broken, a message was lost, changed, repeated or invented, the wrong side
//     closed, or the close code was wrong.
//
// The last two make a run fail. The rules for 1 to 10 are those of Autobahn: the sequence of messages
// and pongs is compared exactly, fragmentation of the echo is free, and where a connection has to fail
// a close frame without a code, or an end of TCP without a close frame, will do. The rules of group F
// call that NON-STRICT (RFC 6455 7.1.7: SHOULD send a Close frame with an appropriate status code).
// Three differences make the suite stricter than Autobahn: contents of section 9 are compared, its
// verdict on the closing counts like that on the messages, and an answer to an offer has to fit it.
package conform
