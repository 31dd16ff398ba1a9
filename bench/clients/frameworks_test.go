package clients

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/websocket"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestFrameworks has frameworks for HTTP hand a connection over, through their usual middleware.
func TestFrameworks(t *testing.T) {
	gin.SetMode(gin.TestMode)
	for name, route := range map[string]func(http.HandlerFunc) http.Handler{
		"chi": func(ws http.HandlerFunc) http.Handler {
			r := chi.NewRouter()
			r.Use(middleware.RequestID, middleware.RealIP, middleware.Recoverer, middleware.Compress(5))
			r.Get("/rooms/{room}", ws)
			return r
		},
		"gin": func(ws http.HandlerFunc) http.Handler {
			r := gin.New()
			r.Use(gin.Recovery(), func(c *gin.Context) { c.Next() })
			r.GET("/rooms/:room", gin.WrapF(ws))
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := &reactor.Server{
				Logger: slog.New(slog.DiscardHandler),
				Handler: reactor.HandlerFunc(func(c *reactor.Conn, m codec.Message) {
					_ = c.WriteText(c.Data.(string) + " " + string(m.Payload))
				}),
				Upgrade: func(c *reactor.Conn, u *reactor.Upgrade) error {
					c.Data = string(u.Request.Path())
					return nil
				},
			}
			defer srv.Close()
			errs := make(chan error, 2)
			front := httptest.NewServer(route(func(w http.ResponseWriter, r *http.Request) { errs <- srv.UpgradeHTTP(w, r) }))
			defer front.Close()

			url := strings.Replace(front.URL, "http", "ws", 1) + "/rooms/red"
			conn, _, err := websocket.DefaultDialer.Dial(url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := <-errs; err != nil {
				t.Error(err)
			}
			for _, s := range []string{"hello", strings.Repeat("long", 100_000)} {
				if err := conn.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
					t.Fatal(err)
				}
				if _, got, err := conn.ReadMessage(); err != nil || string(got) != "/rooms/red "+s {
					t.Fatalf("got %.40q, %v", got, err)
				}
			}
			_, resp, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {"http://elsewhere.example"}})
			if err == nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("a foreign origin: %v, %v", resp, err)
			}
			if err := <-errs; err == nil {
				t.Error("UpgradeHTTP has refused without an error")
			}
		})
	}
}
