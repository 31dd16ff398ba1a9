package reactor_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// feed is a client's handler that subscribes anew on each connection.
type feed struct{ reactor.NopHandler }

func (feed) OnOpen(c *reactor.Conn) { c.WriteText("subscribe") }

func (feed) OnMessage(_ *reactor.Conn, m codec.Message) { fmt.Printf("%s\n", m.Payload) }

// A client that stays connected until the server says that there is no more. The server of this example
// restarts after each message.
func ExampleRedial() {
	news := []string{"the first news", "the last news"}
	srv := &reactor.Server{Loops: 1, Handler: reactor.HandlerFunc(func(c *reactor.Conn, _ codec.Message) {
		c.WriteText(news[0])
		if news = news[1:]; len(news) == 0 {
			c.Close(codec.CloseNormal, "that was all")
		} else {
			c.Close(codec.CloseServiceRestart, "back in a moment")
		}
	})}
	url := start(srv)
	defer srv.Close()

	client := &reactor.Client{Logger: slog.New(slog.DiscardHandler)}
	defer client.Close()
	r := &reactor.Redial{
		URL: url, Handler: feed{}, Client: client,
		MinBackoff: 10 * time.Millisecond, // 5 s by default
		OnWait:     func(err error, _ time.Duration) { fmt.Println("connecting again:", err) },
	}
	if err := r.Run(context.Background()); err == nil {
		fmt.Println("done")
	}
	// Output:
	// the first news
	// connecting again: websocket: closed by the peer: 1012 (Service Restart): back in a moment
	// the last news
	// done
}
