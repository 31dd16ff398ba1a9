package reactor_test

import (
	"context"
	"fmt"
	"log"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// room is a chat room: what one says all others hear.
type room struct{ reactor.NopHandler }

func (room) OnOpen(c *reactor.Conn) {
	c.Subscribe("rooms.red.*")
	c.WriteText("Welcome")
}

func (room) OnMessage(c *reactor.Conn, m codec.Message) {
	c.Publish("rooms.red.chat", m.Opcode, m.Payload)
}

// Connections that subscribe to a topic, or to a pattern that matches it, get what is published there.
func ExampleServer_Publish() {
	srv := &reactor.Server{Handler: room{}}
	url := start(srv)
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	var conns [2]*reactor.Conn
	for i := range conns {
		c, err := client.Dial(context.Background(), url, h, nil)
		if err != nil {
			log.Fatal(err)
		}
		conns[i] = c
		<-h.printed
	}
	conns[0].WriteText("Hello!") // which the other hears
	<-h.printed

	fmt.Println(srv.Subscribers("rooms.red.news"), "subscribers")
	srv.Publish("rooms.red.news", codec.Text, []byte("Weir has topics")) // which both hear
	<-h.printed
	<-h.printed
	// Output:
	// Welcome
	// Welcome
	// Hello!
	// 2 subscribers
	// Weir has topics
	// Weir has topics
}

// What Authorize finds out is the connection's Data, and the handler holds its client to it.
func ExamplePatternCovered() {
	may := []string{"rooms.*.chat", "news.>"} // such as c.Data.(*user).may
	for _, pattern := range []string{"rooms.red.chat", "rooms.*.chat", "rooms.>", "news.*"} {
		fmt.Println(pattern, reactor.PatternCovered(pattern, may))
	}
	// Output:
	// rooms.red.chat true
	// rooms.*.chat true
	// rooms.> false
	// news.* true
}
