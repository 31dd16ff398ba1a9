// Package bench is the load generator behind the command weirbench: scenarios that load a WebSocket
// server, any one, and results that tell the truth about it. Closed loops measure capacity; open
// loops measure latency from the time a message was meant to be sent, so that a server which stalls
// is charged for all that waited (no coordinated omission). A run that was limited by the generator
// itself says so.
//
// It runs on package reactor's client. Nothing here is part of the library's own API.
package bench
