// Command gorilla echoes and broadcasts with github.com/gorilla/websocket: the library's echo and
// chat examples, with its pool of write buffers, a read buffer that is used again, and prepared
// messages.
package main

import (
	"bytes"
	"flag"
	"log"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"example.org/weir/bench/peers/topic"
)

const maxMessage = 16 << 20

var (
	upgrader = websocket.Upgrader{WriteBufferPool: &sync.Pool{}}
	topics   topic.Registry[*member]
)

// member is a connection in a topic. Only its queue writes messages to it.
type member struct {
	*topic.Queue[*websocket.PreparedMessage]
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(accept)))
}

// accept leaves the connection to a goroutine of its own, as the chat example does, so that net/http
// can let go of the request.
func accept(w http.ResponseWriter, r *http.Request) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c.SetReadLimit(maxMessage)
	if name, ok := topic.Of(r.URL.Path); ok {
		go broadcast(c, name)
	} else {
		go echo(c)
	}
}

func echo(c *websocket.Conn) {
	defer c.Close()
	var b bytes.Buffer
	for {
		op, err := read(c, &b)
		if err != nil {
			return
		}
		if err := c.WriteMessage(op, b.Bytes()); err != nil {
			return
		}
	}
}

func broadcast(c *websocket.Conn, name string) {
	defer c.Close()
	m := &member{topic.NewQueue(c.WritePreparedMessage, func() { c.Close() })}
	defer m.Close()
	topics.Join(name, m)
	defer topics.Leave(name, m)
	var b bytes.Buffer
	for {
		op, err := read(c, &b)
		if err != nil {
			return
		}
		prepared, err := websocket.NewPreparedMessage(op, b.Bytes())
		if err != nil {
			return
		}
		topics.Each(name, func(m *member) { m.Put(prepared) })
	}
}

// read reads a message into b, without the allocations of ReadMessage.
func read(c *websocket.Conn, b *bytes.Buffer) (op int, err error) {
	op, r, err := c.NextReader()
	if err != nil {
		return 0, err
	}
	b.Reset()
	_, err = b.ReadFrom(r)
	return op, err
}
