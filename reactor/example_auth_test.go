package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// users stands for a database.
type users map[string]string

func (u users) byToken(ctx context.Context, token string) (name string, err error) {
	select {
	case <-time.After(time.Millisecond): // it takes its time
	case <-ctx.Done(): // the client has left, or it takes too long
		return "", ctx.Err()
	}
	if name = u[token]; name == "" {
		return "", errors.New("nobody has this token")
	}
	return name, nil
}

// Authorize decides who may connect, and may block. Here pages offer a token behind the subprotocol "bearer".
func ExampleServer_authorize() {
	known := users{"s3same": "Ali"}
	tokens := reactor.TokenSource{Subprotocol: "bearer"}
	srv := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, _ codec.Message) {
			_ = c.WriteText("hello " + c.Data.(string))
		}),
		Authorize: func(ctx context.Context, c *reactor.Conn, u *reactor.Upgrade) error {
			token, err := tokens.Find(u)
			if err != nil {
				return err
			}
			name, err := known.byToken(ctx, token)
			if err != nil {
				return reactor.Unauthorized(`Bearer error="invalid_token"`, "This token is not known.")
			}
			c.Data = name
			return nil
		},
	}
	url := start(srv)
	defer srv.Close()

	for _, offer := range [][]string{nil, {"bearer", "guess"}, {"bearer", "s3same"}} {
		answered := make(chan struct{})
		h := reactor.HandlerFunc(func(_ *reactor.Conn, m codec.Message) {
			fmt.Println(string(m.Payload))
			close(answered)
		})
		c, err := reactor.Dial(context.Background(), url, h, &reactor.DialOptions{Subprotocols: offer})
		if err != nil {
			var refusal *codec.HandshakeError
			fmt.Println(errors.As(err, &refusal), refusal.Status)
			continue
		}
		fmt.Println(c.Subprotocol())
		_ = c.WriteText("who am I?")
		<-answered
		_ = c.CloseNow()
	}
	// Output:
	// true 401
	// true 401
	// bearer
	// hello Ali
}
