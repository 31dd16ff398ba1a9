// Package torture abuses a WebSocket server, any one that echoes, and judges how it bears that.
//
// Each abuse runs while a well-behaved bystander echoes steadily on connections of its own. The
// server has borne the abuse if the bystander lost nothing, if new connections are still accepted
// afterwards, and if memory and descriptors are given back. Some abuses ask for more, for instance
// that a handshake which never ends is cut.
//
// It writes and reads raw bytes and shares no code with the server that it is meant to test.
package torture
