package reactor

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"example.org/weir/codec"
)

func TestOrigins(t *testing.T) {
	odd := func(r *codec.Request) bool { return len(r.Field("Origin"))%2 == 1 }
	for _, tt := range []struct {
		srv    *Server
		origin string // "" is none
		want   bool
	}{
		{&Server{}, "", true},
		{&Server{}, "http://example.com", true},
		{&Server{}, "http://EXAMPLE.com", true},
		{&Server{}, "http://example.com:81", false},
		{&Server{}, "http://example.org", false},
		{&Server{}, "null", false},
		{&Server{Origins: []string{"https://a.example", "https://b.example"}}, "https://b.example", true},
		{&Server{Origins: []string{"https://a.example"}}, "HTTPS://A.example", true},
		{&Server{Origins: []string{"https://a.example"}}, "http://a.example", false},
		{&Server{Origins: []string{"https://a.example"}}, "http://example.com", true}, // its own
		{&Server{Origins: []string{"https://a.example"}}, "", true},
		{&Server{Origins: []string{"null"}}, "null", true},
		{&Server{Origins: []string{"*"}}, "http://anywhere.example", true},
		{&Server{CheckOrigin: odd}, "odd", true},
		{&Server{CheckOrigin: odd}, "even", false},
		{&Server{CheckOrigin: odd, Origins: []string{"*"}}, "even", false},
		{&Server{CheckOrigin: odd}, "", true},
	} {
		t.Run(fmt.Sprintf("%v %q", tt.srv.Origins, tt.origin), func(t *testing.T) {
			r := dialRaw(t, serve(t, tt.srv))
			if tt.origin == "" {
				r.send(request())
			} else {
				r.send(request("Origin: " + tt.origin))
			}
			want := "HTTP/1.1 403 "
			if tt.want {
				want = "HTTP/1.1 101 "
			}
			if head := r.head(); !strings.HasPrefix(head, want) {
				t.Errorf("got %q", head)
			}
			_ = tt.srv.Close()
		})
	}
}

func TestSubprotocols(t *testing.T) {
	for _, tt := range []struct {
		ours  []string
		offer string
		want  string
	}{
		{nil, "a", ""},
		{[]string{"a", "b"}, "b,a", "a"}, // the server's preference
		{[]string{"a", "b"}, "c, b", "b"},
		{[]string{"a", "b"}, "A", ""}, // case matters
		{[]string{"a"}, "", ""},
	} {
		h := newProbe()
		r := dialRaw(t, serve(t, &Server{Handler: h, Subprotocols: tt.ours}))
		if tt.offer == "" {
			r.send(request())
		} else {
			r.send(request("Sec-WebSocket-Protocol: " + tt.offer))
		}
		head := r.head()
		if tt.want != "" {
			wantField(t, head, "Sec-WebSocket-Protocol", tt.want)
		} else if strings.Contains(head, "Protocol:") {
			t.Errorf("%v and %q: got %q", tt.ours, tt.offer, head)
		}
		if got := within(t, h.opened).Subprotocol(); got != tt.want {
			t.Errorf("%v and %q: Subprotocol is %q", tt.ours, tt.offer, got)
		}
	}
}

func TestUpgradeHook(t *testing.T) {
	h := newProbe()
	var log logBuffer
	addr := serve(t, &Server{Handler: h, Logger: log.logger(), Subprotocols: []string{"a"}, Upgrade: func(c *Conn, u *Upgrade) error {
		if c.RemoteAddr() == nil || c.LocalAddr() == nil {
			return errors.New("the addresses are not known")
		}
		if err := c.WriteText("too early"); !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("a write before the handshake: %v", err)
		}
		switch target := string(u.Request.Target()); target {
		case "/refuse":
			return Refuse(429, "Slow down.")
		case "/fields":
			return &codec.HandshakeError{Status: 401, Text: "Who are you?", Fields: []codec.Field{{Name: "WWW-Authenticate", Value: "Basic"}}}
		case "/error":
			return errors.New("the database is down")
		case "/owned":
			u.Fields = []codec.Field{{Name: "Connection", Value: "close"}}
		case "/not-offered":
			u.Subprotocol = "z"
		case "/none":
			u.Subprotocol = ""
		default:
			c.Data = target
			u.Subprotocol = "b"
			u.Fields = []codec.Field{{Name: "Set-Cookie", Value: "id=" + target[1:]}}
		}
		return nil
	}})
	ask := func(target string) *rawClient {
		r := dialRaw(t, addr)
		r.send(strings.Replace(request("Sec-WebSocket-Protocol: a, b"), "GET /", "GET "+target, 1))
		return r
	}

	head := ask("/42").head()
	wantField(t, head, "Sec-WebSocket-Protocol", "b")
	wantField(t, head, "Set-Cookie", "id=42")
	if c := within(t, h.opened); c.Data != "/42" || c.Subprotocol() != "b" {
		t.Errorf("Data %v, subprotocol %q", c.Data, c.Subprotocol())
	}
	if head := ask("/none").head(); strings.Contains(head, "Protocol:") || strings.Contains(head, "Cookie") {
		t.Errorf("got %q", head)
	}
	if c := within(t, h.opened); c.Data != nil || c.Subprotocol() != "" {
		t.Errorf("Data %v, subprotocol %q", c.Data, c.Subprotocol())
	}
	for target, status := range map[string]int{"/refuse": 429, "/fields": 401, "/error": 500, "/owned": 500, "/not-offered": 500} {
		head, body := ask(target).response()
		if !strings.HasPrefix(head, "HTTP/1.1 "+strconv.Itoa(status)+" ") {
			t.Errorf("%s: got %q", target, head)
		}
		switch target {
		case "/refuse":
			if body != "Slow down.\n" {
				t.Errorf("the body is %q", body)
			}
		case "/fields":
			wantField(t, head, "WWW-Authenticate", "Basic")
		default:
			if strings.Contains(body, "database") {
				t.Errorf("the client was told %q", body)
			}
		}
	}
	for _, want := range []string{"the database is down", "malformed", "did not offer"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q was not logged: %s", want, log.String())
		}
	}
}

func TestPage(t *testing.T) {
	var log logBuffer
	addr := serve(t, &Server{Logger: log.logger(), Page: func(r *codec.Request) *Page {
		switch string(r.Target()) {
		case "/":
			return &Page{Fields: []codec.Field{{Name: "Content-Type", Value: "text/html"}}, Body: []byte("<p>hello")}
		case "/gone":
			return &Page{Status: 404, Body: []byte("gone")}
		case "/bad":
			return &Page{Fields: []codec.Field{{Name: "Bad Name", Value: "x"}}}
		case "/large":
			return &Page{Body: []byte(strings.Repeat("large ", 1<<20))}
		}
		return nil
	}})
	for _, tt := range []struct{ method, target, status, body, length string }{
		{"GET", "/", "200 OK", "<p>hello", "8"},
		{"HEAD", "/", "200 OK", "", "8"},
		{"GET", "/gone", "404 Not Found", "gone", "4"},
		{"GET", "/nowhere", "404 Not Found", errNotFound.Text + "\n", ""},
		{"POST", "/", "405 Method Not Allowed", "This method is not allowed here. Use GET or HEAD.\n", ""},
		{"GET", "/bad", "500 Internal Server Error", errUpgrade.Text + "\n", ""},
		{"GET", "/large", "200 OK", strings.Repeat("large ", 1<<20), ""},
	} {
		r := dialRaw(t, addr)
		r.send(tt.method, " ", tt.target, " HTTP/1.1\r\nHost: a\r\n\r\n")
		head, body := r.response()
		if !strings.HasPrefix(head, "HTTP/1.1 "+tt.status+"\r\n") || body != tt.body {
			t.Errorf("%s %s: got %q with %.40q", tt.method, tt.target, head, body)
		}
		wantField(t, head, "Connection", "close")
		if tt.length != "" {
			wantField(t, head, "Content-Length", tt.length)
		}
	}
	old := dialRaw(t, addr) // health checks speak HTTP/1.0
	old.send("GET / HTTP/1.0\r\n\r\n")
	if head, body := old.response(); !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || body != "<p>hello" {
		t.Errorf("HTTP/1.0: got %q with %.40q", head, body)
	}
	if !strings.Contains(log.String(), "malformed") {
		t.Errorf("not logged: %s", log.String())
	}
	open(t, addr) // WebSocket goes on beside it
}

func TestMaxConns(t *testing.T) {
	srv := &Server{MaxConns: 2}
	addr := serve(t, srv)
	r := open(t, addr)
	open(t, addr)
	late := dialRaw(t, addr)
	late.send(request())
	head, _ := late.response()
	if !strings.HasPrefix(head, "HTTP/1.1 503 ") {
		t.Errorf("got %q", head)
	}
	wantField(t, head, "Retry-After", "10")
	r.reset()
	_ = late.Close()
	eventually(t, "the others are gone", func() bool { return srv.Conns() == 1 })
	open(t, addr)
}
