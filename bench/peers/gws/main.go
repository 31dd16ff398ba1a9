// Command gws echoes and broadcasts with github.com/lxzan/gws: the server of its quick start, with
// UTF-8 checked, and its Broadcaster.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/lxzan/gws"

	"example.org/weir/bench/peers/topic"
)

const maxMessage = 16 << 20

// topicKey is where a session keeps its topic.
const topicKey = "topic"

var topics topic.Registry[*gws.Conn]

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	deflate := flag.Bool("deflate", false, "compress messages, each by itself")
	cert := flag.String("tls-cert", "", "serve by TLS with the certificate in this `file`")
	key := flag.String("tls-key", "", "the `file` of its key")
	flag.Parse()
	srv := gws.NewServer(handler{}, &gws.ServerOption{
		CheckUtf8Enabled:    true,
		ReadMaxPayloadSize:  maxMessage,
		WriteMaxPayloadSize: maxMessage,
		PermessageDeflate:   gws.PermessageDeflate{Enabled: *deflate},
		Authorize: func(r *http.Request, session gws.SessionStorage) bool {
			if name, ok := topic.Of(r.URL.Path); ok {
				session.Store(topicKey, name)
			}
			return true
		},
	})
	if *cert != "" {
		log.Fatal(srv.RunTLS(*addr, *cert, *key))
	}
	log.Fatal(srv.Run(*addr))
}

type handler struct{ gws.BuiltinEventHandler }

func (handler) OnOpen(c *gws.Conn) {
	if name, ok := c.Session().Load(topicKey); ok {
		topics.Join(name.(string), c)
	}
}

func (handler) OnClose(c *gws.Conn, _ error) {
	if name, ok := c.Session().Load(topicKey); ok {
		topics.Leave(name.(string), c)
	}
}

func (handler) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

func (handler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	name, ok := c.Session().Load(topicKey)
	if !ok {
		_ = c.WriteMessage(m.Opcode, m.Bytes())
		return
	}
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	topics.Each(name.(string), func(c *gws.Conn) { _ = b.Broadcast(c) })
}
