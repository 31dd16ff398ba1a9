package reactor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// get prints what an HTTP server answers.
func get(url string) {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, strings.TrimSpace(string(body)))
}

// say prints the answer of an echo server.
func say(url, text string) {
	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url, h, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText(text)
	<-h.printed
}

// An API beside WebSocket, on one port.
func ExampleServer_http() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "fine") })
	srv := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) { c.WriteMessage(m.Opcode, m.Payload) }),
		HTTP:    mux,
	}
	url := start(srv)
	defer srv.Close()

	get(strings.Replace(url, "ws", "http", 1) + "/api/health")
	say(url, "hello")
	// Output:
	// 200 fine
	// hello
}

// WebSocket inside a server of net/http, here one of httptest.
func ExampleServer_UpgradeHTTP() {
	ws := &reactor.Server{
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) { c.WriteMessage(m.Opcode, m.Payload) }),
	}
	defer ws.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		if err := ws.UpgradeHTTP(w, r); err != nil {
			fmt.Println(err)
		}
	})
	front := httptest.NewServer(mux)
	defer front.Close()

	get(front.URL + "/ws")
	say(strings.Replace(front.URL, "http", "ws", 1)+"/ws", "hello")
	// Output:
	// websocket handshake: 426 Upgrade Required: WebSocket only. Send Upgrade: websocket and Connection: Upgrade.
	// 426 WebSocket only. Send Upgrade: websocket and Connection: Upgrade.
	// hello
}
