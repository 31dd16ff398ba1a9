package reactor_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// metrics serves what Prometheus scrapes. A real one has help and types; cmd/weir/metrics.go is a collector for
// Prometheus's own client library, with all there is.
func metrics(srv *reactor.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		st := srv.Stats()
		fmt.Fprintf(w, "weir_connections %d\n", st.Conns)
		fmt.Fprintf(w, "weir_messages_total{direction=\"in\",type=\"text\"} %d\n", st.Received.Text)
		for kind, n := range st.Closed {
			fmt.Fprintf(w, "weir_closes_total{code=\"%d\",remote=\"%t\"} %d\n", kind.Code, kind.Remote, n)
		}
	}
}

// What a server does is asked of it whenever somebody wants to know: for expvar, for Prometheus, or for a page of
// one's own.
func ExampleServer_Stats() {
	srv := &reactor.Server{
		TrackConns: true,
		Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
			c.WriteMessage(m.Opcode, m.Payload)
		}),
	}
	url := start(srv)
	defer srv.Shutdown(context.Background())
	expvar.Publish("weir", expvar.Func(func() any { return srv.Stats() })) // at /debug/vars

	h := printer{printed: make(chan struct{})}
	client := &reactor.Client{}
	defer client.Close()
	c, err := client.Dial(context.Background(), url+"/rooms/a", h, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.WriteText("hello world!")
	<-h.printed

	w := httptest.NewRecorder()
	metrics(srv)(w, nil)
	fmt.Print(w.Body)
	srv.EachConn(context.Background(), func(_ *reactor.Conn, i reactor.ConnInfo) bool {
		fmt.Println("connection", i.ID, "to", i.Path, "has sent", i.Received.Messages, "message")
		return true
	})
	// Output:
	// hello world!
	// weir_connections 1
	// weir_messages_total{direction="in",type="text"} 1
	// connection 1 to /rooms/a has sent 1 message
}
