// Package reactor serves very many WebSocket connections from a few event loops: one goroutine per
// core, not per connection.
//
//	srv := &reactor.Server{
//		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
//			c.WriteMessage(m.Opcode, m.Payload)
//		}),
//	}
//	log.Fatal(srv.ListenAndServe(":8080"))
//
// A [Handler] is called on the event loop that owns the connection. Its calls for one connection
// never overlap and come in order: OnOpen, OnMessage for each message, OnClose exactly once. A
// handler must not block, since all other connections of that loop wait for it; work that blocks
// belongs on a goroutine of the application's own, which may answer at any time: every method of
// [Conn] is safe from any goroutine. [Workers] have a whole handler run so, a bounded number of
// calls at a time, and keep the promises above.
//
// What a handler writes during its turn is sent with one system call at the end of the turn,
// however many messages that are.
//
// A handler that is a [ChunkHandler] takes long messages as they arrive, and [Conn.WriteFrom] and
// [Conn.NewWriter] send them as they are read, so that no message needs to fit into memory.
//
// # Topics
//
// Connections subscribe to topics, or to patterns of them as NATS has them, and get what is published
// there: see [Conn.Subscribe], [Server.Publish], and for several servers [Bus].
//
// # Limits
//
// Every limit of [Server] has a small default, and a negative value switches it off where that
// makes sense: the size of the request head, of a message and of what waits to be sent, the time
// for the handshake, for silence and for closing. Memory follows the bytes that have arrived, never
// what a peer declares: the buffer of a message that is not whole grows to 512 bytes, or eight times
// what has come of it, at most.
//
// # Watching
//
// Nothing needs to be hooked in to see what a server does: [Server.Stats] and [Server.TopicStats] may be
// asked at any time, and wait for no event loop. What they tell of each message is counted by the loop that has it, in
// memory that no other loop writes to. [Server.EachConn] and [Conn.Info] tell of single connections, of each
// with its traffic if [Server.TrackConns] is set. A handler's OnClose is the place for a log of them.
//
// # Errors
//
// A peer that breaks the protocol gets a close frame with the code that RFC 6455 7.4 has for it. A
// handler that panics loses its connection with 1011; others notice nothing. After a connection is
// closed every method returns an error for which errors.Is(err, net.ErrClosed) holds.
package reactor
