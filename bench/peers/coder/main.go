// Command coder echoes and broadcasts with github.com/coder/websocket: the library's echo example
// with a read buffer that is used again, and its chat example's queue for each subscriber.
package main

import (
	"bytes"
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/coder/websocket"

	"example.org/weir/bench/peers/topic"
)

const maxMessage = 16 << 20

var (
	topics  topic.Registry[*member]
	options websocket.AcceptOptions
)

// member is a connection in a topic.
type member struct {
	*topic.Queue[message]
}

type message struct {
	kind    websocket.MessageType
	payload []byte
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `address`")
	deflate := flag.Bool("deflate", false, "compress messages, each by itself")
	cert := flag.String("tls-cert", "", "serve by TLS with the certificate in this `file`")
	key := flag.String("tls-key", "", "the `file` of its key")
	flag.Parse()
	if *deflate {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	if *cert != "" {
		log.Fatal(http.ListenAndServeTLS(*addr, *cert, *key, http.HandlerFunc(accept)))
	}
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(accept)))
}

// accept leaves the connection to a goroutine of its own, so that net/http can let go of the request.
func accept(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &options)
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
	defer c.CloseNow()
	ctx := context.Background()
	var b bytes.Buffer
	for {
		kind, err := read(ctx, c, &b)
		if err != nil {
			return
		}
		if err := c.Write(ctx, kind, b.Bytes()); err != nil {
			return
		}
	}
}

func broadcast(c *websocket.Conn, name string) {
	defer c.CloseNow()
	ctx := context.Background()
	send := func(x message) error { return c.Write(ctx, x.kind, x.payload) }
	m := &member{topic.NewQueue(send, func() { c.CloseNow() })}
	defer m.Close()
	topics.Join(name, m)
	defer topics.Leave(name, m)
	for {
		kind, payload, err := c.Read(ctx)
		if err != nil {
			return
		}
		topics.Each(name, func(m *member) { m.Put(message{kind, payload}) })
	}
}

// read reads a message into b, without the allocations of Read.
func read(ctx context.Context, c *websocket.Conn, b *bytes.Buffer) (websocket.MessageType, error) {
	kind, r, err := c.Reader(ctx)
	if err != nil {
		return 0, err
	}
	b.Reset()
	_, err = b.ReadFrom(r)
	return kind, err
}
