// Command gnetraw echoes bytes over TCP with gnet, without WebSocket: what the event loop beneath
// Weir costs by itself.
package main

import (
	"flag"
	"log"

	"github.com/panjf2000/gnet/v2"
)

// readBuffer is what Weir gives each event loop by default.
const readBuffer = 256 << 10

type echo struct{ *gnet.BuiltinEventEngine }

func (echo) OnTraffic(c gnet.Conn) gnet.Action {
	b, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	if _, err := c.Write(b); err != nil {
		return gnet.Close
	}
	return gnet.None
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	flag.Parse()
	log.Fatal(gnet.Run(echo{}, "tcp://"+*addr, gnet.WithReusePort(true), gnet.WithReadBufferCap(readBuffer)))
}
