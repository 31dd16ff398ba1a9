package reactor_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// A handler that blocks runs on workers. While it looks something up for one client the others are served,
// and what one client asks is answered in order.
func ExampleWorkers() {
	lookUp := func(key []byte) string { // a database, say
		time.Sleep(10 * time.Millisecond)
		return "the value of " + string(key)
	}
	srv := &reactor.Server{
		Handler: &reactor.Workers{
			Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
				c.WriteText(lookUp(m.Payload))
			}),
			Count: 16,
		},
	}
	url := start(srv)
	defer srv.Shutdown(context.Background()) // waits for the workers too

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url, h, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("a")
	c.WriteText("b")
	<-h.printed
	<-h.printed
	c.Close(codec.CloseNormal, "")
	fmt.Println("in order")
	// Output:
	// the value of a
	// the value of b
	// in order
}
