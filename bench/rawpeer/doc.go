// Package rawpeer is a WebSocket client that does what it is told, right or wrong: every bit of a
// frame and every byte of a request can be chosen, and everything the server sends is reported as it
// came. The suites that judge a server, bench/conform and bench/torture, speak through it. It shares
// no code with packages codec and reactor, so that a fault of theirs cannot hide itself.
//
//	target, err := rawpeer.ParseTarget("ws://localhost:8080/", rawpeer.Trust{})
//	c, err := target.Dial(ctx, &net.Dialer{})
//	resp, err := c.Handshake(rawpeer.Options{})
//	c.Within(time.Second)
//	err = c.WriteFrame(rawpeer.Text("hello").WithRSV(rawpeer.RSV1))
//	f, err := c.ReadFrame(1 << 20)
//	end, err := c.AwaitEnd(1 << 20)
//
// A Conn is for one goroutine that writes and one that reads.
package rawpeer
