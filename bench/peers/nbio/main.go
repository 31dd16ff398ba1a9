// Command nbio echoes and broadcasts with github.com/lesismal/nbio: its nbhttp engine in non-blocking
// mode, as in its WebSocket server example.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"

	"example.org/weir/bench/peers/topic"
)

const maxMessage = 16 << 20

var (
	echoing      = newUpgrader()
	broadcasting = newUpgrader()
	topics       topic.Registry[*websocket.Conn]
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	flag.Parse()

	logging.SetLevel(logging.LevelError)
	echoing.OnMessage(func(c *websocket.Conn, op websocket.MessageType, payload []byte) {
		_ = c.WriteMessage(op, payload)
	})
	broadcasting.OnMessage(publish)
	broadcasting.OnClose(func(c *websocket.Conn, _ error) {
		if name, ok := c.Session().(string); ok { // it may close before it has joined
			topics.Leave(name, c)
		}
	})

	engine := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{*addr},
		IOMod:                   nbhttp.IOModNonBlocking,
		ReleaseWebsocketPayload: true,
		// A message leaves as one frame, as with the other peers; by default as frames of 32 KiB.
		MaxWebsocketFramePayloadSize: maxMessage,
		Handler:                      http.HandlerFunc(accept),
	})
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	select {} // the engine serves on goroutines of its own
}

// newUpgrader returns one without a time limit for idle connections: no other peer has one.
func newUpgrader() *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.KeepaliveTime = 0
	u.MessageLengthLimit = maxMessage
	return u
}

func accept(w http.ResponseWriter, r *http.Request) {
	name, ok := topic.Of(r.URL.Path)
	if !ok {
		_, _ = echoing.Upgrade(w, r, nil) // it answers what is no opening request
		return
	}
	c, err := broadcasting.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c.SetSession(name)
	topics.Join(name, c)
}

// publish writes to each member. A write does not block: nbio keeps what the kernel does not take.
func publish(c *websocket.Conn, op websocket.MessageType, payload []byte) {
	topics.Each(c.Session().(string), func(c *websocket.Conn) { _ = c.WriteMessage(op, payload) })
}
