package reactor_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// Behind a proxy RemoteAddr is the client's address where the proxy is trusted to tell it. Here the
// example itself is the proxy.
func ExampleServer_proxy() {
	srv := &reactor.Server{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, _ codec.Message) {
			c.WriteText("You are " + c.RemoteAddr().String())
		}),
	}
	url := start(srv)
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url, h, &reactor.DialOptions{
		Fields: []codec.Field{{Name: "X-Forwarded-For", Value: "198.51.100.1, 203.0.113.9:4711"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("Who am I?")
	<-h.printed
	fmt.Println("as the proxy says; what stands before that may be the client's invention")
	// Output:
	// You are 203.0.113.9:4711
	// as the proxy says; what stands before that may be the client's invention
}
