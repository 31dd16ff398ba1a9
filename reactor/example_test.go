package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// printer prints the messages of a client's connection, and tells when there was one.
type printer struct {
	reactor.NopHandler
	printed chan struct{}
}

func (h printer) OnMessage(_ *reactor.Conn, m codec.Message) {
	fmt.Printf("%s\n", m.Payload)
	h.printed <- struct{}{}
}

// start starts a server on a free port and returns its URL.
func start(srv *reactor.Server) (url string) {
	srv.Logger = slog.New(slog.DiscardHandler)
	if err := srv.Start("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	return "ws://" + srv.Addrs()[0].String()
}

// An echo server.
func ExampleServer() {
	srv := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			c.WriteMessage(m.Opcode, m.Payload)
		}),
	}
	if err := srv.Start("127.0.0.1:0"); err != nil { // or ListenAndServe, which waits
		log.Fatal(err)
	}
	defer srv.Shutdown(context.Background())

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+srv.Addrs()[0].String(), h, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("Hello, Weir!")
	<-h.printed
	c.Close(codec.CloseNormal, "")
	// Output: Hello, Weir!
}

// The Upgrade hook sees the request before the connection is opened. Here it asks who comes.
func ExampleServer_upgrade() {
	users := map[string]string{"Bearer 7f3a": "Ada"}
	srv := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			c.WriteText(fmt.Sprintf("%s said %s", c.Data, m.Payload))
		}),
		Upgrade: func(c *reactor.Conn, u *reactor.Upgrade) error {
			user, ok := users[string(u.Request.Field("Authorization"))]
			if !ok {
				return reactor.Refuse(401, "Who are you?")
			}
			c.Data = user
			return nil
		},
	}
	url := start(srv)
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	_, err := client.Dial(context.Background(), url, h, nil)
	var refused *codec.HandshakeError
	if errors.As(err, &refused) {
		fmt.Println("without a token:", refused.Status)
	}
	c, err := client.Dial(context.Background(), url, h, &reactor.DialOptions{
		Fields: []codec.Field{{Name: "Authorization", Value: "Bearer 7f3a"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("hello")
	<-h.printed
	// Output:
	// without a token: 401
	// Ada said hello
}

func ExampleDial() {
	srv := &reactor.Server{
		Handler:      reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) { c.WriteMessage(m.Opcode, m.Payload) }),
		Subprotocols: []string{"v2.example", "v1.example"},
	}
	url := start(srv)
	defer srv.Close()

	h := printer{printed: make(chan struct{})}
	c, err := reactor.Dial(context.Background(), url, h, &reactor.DialOptions{Subprotocols: []string{"v1.example"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("subprotocol:", c.Subprotocol())
	c.WriteMessage(codec.Binary, []byte("ping"))
	<-h.printed
	// Output:
	// subprotocol: v1.example
	// ping
}
