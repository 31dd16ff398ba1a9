package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// bearer is the field with a token of these tests' secret, with more claims.
func bearer(t *testing.T, more ...jwt.MapClaims) codec.Field {
	t.Helper()
	return codec.Field{Name: "Authorization", Value: "Bearer " + token(t, jwt.SigningMethodHS256, keys().secret, func(claims jwt.MapClaims, _ map[string]any) {
		for _, m := range more {
			maps.Copy(claims, m)
		}
	})}
}

// weirClaim is the claim that grants topics.
func weirClaim(subscribe, publish string) jwt.MapClaims {
	return jwt.MapClaims{"weir": map[string]any{"subscribe": strings.Fields(subscribe), "publish": strings.Fields(publish)}}
}

// answers is a service for -auth-url, which says text.
func answers(t *testing.T, text string) (url string) {
	t.Helper()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(service.Close)
	return service.URL
}

// TestTopicGrants holds clients to the topics that are theirs, and tells them and the operator what they were refused.
func TestTopicGrants(t *testing.T) {
	app := &topics{}
	srv, dial := serveApp(t, app, "-app", "topics", "-auth-jwt-key", file(t, keys().secret))
	c, l, err := dial("/rooms/a", bearer(t, weirClaim("rooms.>", "rooms.*.chat")))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ request, answer string }{
		{`{"id":1,"op":"subscribe","topic":"rooms.*.chat"}`, `{"id":1,"ok":true}`},
		{`{"id":2,"op":"subscribe","topic":"rooms.>"}`, `{"id":2,"ok":true}`},
		{`{"id":3,"op":"subscribe","topic":"rooms"}`, `{"id":3,"error":"you may not subscribe to rooms"}`},
		{`{"id":4,"op":"subscribe","topic":"*.a"}`, `{"id":4,"error":"you may not subscribe to *.a"}`},
		{`{"id":5,"op":"subscribe","topic":">"}`, `{"id":5,"error":"you may not subscribe to \u003e"}`},
		{`{"op":"subscribe","topic":"a"}`, `{"error":"you may not subscribe to a"}`},
		{`{"id":6,"op":"subscribe","topic":"a..b"}`, `{"id":6,"error":"malformed topic or pattern"}`},
		{`{"id":7,"op":"presence","topic":"rooms.a"}`, `{"id":7,"ok":true,"subscribers":2}`},
		{`{"id":8,"op":"presence","topic":"a"}`, `{"id":8,"error":"you may not learn who listens to a"}`},
		{`{"id":9,"op":"publish","topic":"rooms.a","data":1}`, `{"id":9,"error":"you may not publish on rooms.a"}`},
		{`{"id":10,"op":"publish","topic":"rooms.*.chat","data":1}`, `{"id":10,"error":"malformed topic or pattern"}`},
		{`{"id":11,"op":"unsubscribe","topic":"anything"}`, `{"id":11,"ok":true}`},
		{`{"id":12,"op":"unsubscribe","topic":"rooms.>"}`, `{"id":12,"ok":true}`},
		{`{"op":"publish","topic":"rooms.x.chat","data":1}`, `{"topic":"rooms.x.chat","user":"eve","data":1}`},
	} {
		ask(t, c, l, row.request, row.answer)
	}
	var refusal *codec.HandshakeError
	if _, _, err := dial("/secrets", bearer(t, weirClaim("rooms.>", "secrets"))); !errors.As(err, &refusal) || refusal.Status != 403 {
		t.Errorf("a path of another's topic: %v", err)
	}
	adm := newAdmin(app, 100)
	adm.started(srv)
	defer adm.live.close()
	_, text, _ := answer(adm.handler(), "GET", "/metrics", "", "")
	for _, want := range []string{`{op="subscribe"} 5`, `{op="publish"} 1`, `{op="presence"} 1`} {
		if !strings.Contains(text, "\nweir_topic_refusals_total"+want+"\n") {
			t.Errorf("%s is not there: %s", want, text)
		}
	}
}

// TestTopicGrantsSources goes through who may say what a client may, and what that comes to.
func TestTopicGrantsSources(t *testing.T) {
	key := file(t, keys().secret)
	const (
		all      = "subscribe rooms.a, publish rooms.a, subscribe other, publish other"
		rooms    = "subscribe rooms.a, publish rooms.a"
		readOnly = "subscribe rooms.a"
		none     = ""
	)
	bothRooms := weirClaim("rooms.*", "rooms.*")
	for name, row := range map[string]struct {
		args   []string
		claims jwt.MapClaims
		may    string
	}{
		"a token without the claim":         {[]string{"-auth-jwt-key", key}, nil, all},
		"a token without, and it is needed": {[]string{"-auth-jwt-key", key, "-auth-require-topics"}, nil, none},
		"a token":                           {[]string{"-auth-jwt-key", key, "-auth-require-topics"}, bothRooms, rooms},
		"a claim with one list":             {[]string{"-auth-jwt-key", key}, jwt.MapClaims{"weir": map[string]any{"subscribe": []string{"rooms.a"}}}, readOnly},
		"an empty claim":                    {[]string{"-auth-jwt-key", key}, jwt.MapClaims{"weir": map[string]any{}}, none},
		"a service that says nothing":       {[]string{"-auth-url", answers(t, "")}, nil, all},
		"one that says no topics":           {[]string{"-auth-url", answers(t, `{"user":"ali"}`)}, nil, all},
		"one that says none, and must":      {[]string{"-auth-url", answers(t, `{"user":"ali"}`), "-auth-require-topics"}, nil, none},
		"one that names topics":             {[]string{"-auth-url", answers(t, `{"publish":["rooms.>"],"subscribe":["rooms.>"]}`)}, nil, rooms},
		"one that has one list":             {[]string{"-auth-url", answers(t, `{"subscribe":["rooms.>"]}`)}, nil, readOnly},
		"both, of which both must agree":    {[]string{"-auth-jwt-key", key, "-auth-url", answers(t, `{"subscribe":[">"]}`)}, bothRooms, readOnly},
		"both, of which the token has none": {[]string{"-auth-jwt-key", key, "-auth-url", answers(t, `{"subscribe":["rooms.*"]}`)}, nil, readOnly},
	} {
		t.Run(name, func(t *testing.T) {
			_, dial := serveApp(t, &topics{}, append(row.args, "-app", "topics")...)
			c, l, err := dial("/", bearer(t, row.claims))
			if err != nil {
				t.Fatal(err)
			}
			var may []string
			for _, topic := range []string{"rooms.a", "other"} {
				for _, op := range []string{"subscribe", "publish"} {
					// Data is missing, so that nothing is published.
					if err := c.WriteText(`{"id":1,"op":"` + op + `","topic":"` + topic + `"}`); err != nil {
						t.Fatal(err)
					}
					if got := within(t, l.heard); !strings.Contains(got, "you may not") {
						may = append(may, op+" "+topic)
					}
				}
			}
			if got := strings.Join(may, ", "); got != row.may {
				t.Errorf("it may %q, want %q", got, row.may)
			}
		})
	}
}

// TestAuthAnswer goes through what -auth-url may say, and what makes nobody know whether a client may connect.
func TestAuthAnswer(t *testing.T) {
	const text, jsonType = "text/plain; charset=utf-8", "application/json"
	before := guest{user: "sub"}
	for _, row := range []struct {
		contentType, body string
		want              guest
		fails             string
	}{
		{text, "", before, ""},
		{jsonType, " \n", before, ""},
		{text, "OK", before, ""},
		{"", "<p>Welcome", before, ""},
		{jsonType, "null", before, ""},
		{jsonType, `{}`, before, ""},
		{jsonType, `{"status":"ok"}`, before, ""},
		{jsonType, `{"user":"ali"}`, guest{user: "ali"}, ""},
		{text, `{"user":"ali"}`, guest{user: "ali"}, ""},
		{jsonType, `{"subscribe":[]}`, guest{user: "sub", may: []*grants{{Subscribe: []string{}}}}, ""},
		{text, "\n" + `{"user":"ali","publish":["a.*"],"subscribe":null}`, guest{user: "ali", may: []*grants{{Publish: []string{"a.*"}}}}, ""},
		{jsonType, `{"subscribe":null,"publish":null}`, guest{user: "sub", may: []*grants{{}}}, ""},
		{jsonType, `["a"]`, before, "not understood"},
		{"application/vnd.x+json", `"ali"`, before, "not understood"},
		{text, `{"user":`, before, "not understood"},
		{jsonType, `{"user":7}`, before, "not understood"},
		{jsonType, `{"publish":"a"}`, before, "not understood"},
		{jsonType, `{"user":"ali","publish":["a "]}`, before, `"a " is no topic`},
		{jsonType, `{"user":"` + strings.Repeat("x", 256) + `"}`, before, "255 bytes"},
		{text, strings.Repeat("x", 64<<10+1), before, "65536 bytes"},
	} {
		got := before
		res := &http.Response{Header: http.Header{"Content-Type": {row.contentType}}, Body: io.NopCloser(strings.NewReader(row.body))}
		err := readAnswer(res, &got)
		if !reflect.DeepEqual(got, row.want) || (err == nil) != (row.fails == "") || err != nil && !strings.Contains(err.Error(), row.fails) {
			t.Errorf("%s %.40q: %+v, %v", row.contentType, row.body, got, err)
		}
	}
	_, dial := serveApp(t, echo{}, "-auth-url", answers(t, `{"publish":"a"}`))
	var refusal *codec.HandshakeError
	if _, _, err := dial("/"); !errors.As(err, &refusal) || refusal.Status != 503 {
		t.Errorf("an answer that is not understood: %v", err)
	}
}

// TestTokenSays holds what is taken from a token, and until when the connection may stay.
func TestTokenSays(t *testing.T) {
	a := auth{jwtKey: file(t, keys().secret)}
	v, err := a.newVerifier()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(time.Now().Unix(), 0)
	for name, row := range map[string]struct {
		claims jwt.MapClaims
		exp    time.Time
		want   guest
	}{
		"all":                {jwt.MapClaims{"weir": map[string]any{"subscribe": []string{"a"}, "more": 1}}, now.Add(time.Hour), guest{user: "eve", may: []*grants{{Subscribe: []string{"a"}}}, expires: now.Add(time.Hour)}},
		"little":             {jwt.MapClaims{"sub": "", "weir": nil}, now.Add(time.Hour), guest{expires: now.Add(time.Hour)}},
		"names that differ":  {jwt.MapClaims{"SUB": "ali", "\u017Fub": "ali", "weiR": "", "Exp": 1}, now.Add(time.Hour), guest{user: "eve", expires: now.Add(time.Hour)}},
		"clocks that differ": {nil, now.Add(-10 * time.Second), guest{user: "eve", expires: now.Add(20 * time.Second)}},
	} {
		var got guest
		field := bearer(t, row.claims, jwt.MapClaims{"exp": row.exp.Unix()})
		if err := v.verify(strings.TrimPrefix(field.Value, "Bearer "), &got); err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestTokenOutlived holds that it is an operator's choice whether connections end with their tokens.
func TestTokenOutlived(t *testing.T) {
	for _, args := range [][]string{nil, {"-auth-outlive"}} {
		srv, dial := serveApp(t, echo{}, append(args, "-auth-jwt-key", file(t, keys().secret))...)
		c, l, err := dial("/", bearer(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		ask(t, c, l, "hello", "hello") // OnOpen is over
		timers := 0
		if err := srv.EachConn(t.Context(), func(c *reactor.Conn, _ reactor.ConnInfo) bool {
			if guestOf(c).timer != nil {
				timers++
			}
			return true
		}); err != nil || timers != 1-len(args) {
			t.Errorf("%v: %d connections have timers, %v", args, timers, err)
		}
	}
}

// TestTokenExpires holds that a connection ends with its token, and no other does.
func TestTokenExpires(t *testing.T) {
	expires := map[string]time.Time{"/a": time.Now(), "/b": time.Now().Add(time.Hour), "/c": {}}
	srv := &reactor.Server{
		Handler: timed{echo{}},
		Authorize: func(_ context.Context, c *reactor.Conn, u *reactor.Upgrade) error {
			c.Data = &guest{expires: expires[string(u.Request.Path())]}
			return nil
		},
	}
	w := watch(t, srv)
	_, expired := w.dial("/a")
	var ce *codec.CloseError
	if err := within(t, expired.closed); !errors.As(err, &ce) || ce.Code != codec.CloseUnauthorized || ce.Reason != "the token has expired" || !ce.Remote {
		t.Errorf("the client was told %v", err)
	}
	for _, path := range []string{"/b", "/c"} {
		c, l := w.dial(path)
		w.say(c, l, "still here")
	}
	eventually(t, "it is counted", func() bool {
		return srv.Stats().Closed[reactor.CloseKind{Code: codec.CloseUnauthorized}] == 1 && srv.Conns() == 2
	})
}

// TestTokenTimerEnds holds that nothing of a connection is left when it has closed, however long its token is good.
func TestTokenTimerEnds(t *testing.T) {
	g := &guest{expires: time.Now().Add(time.Hour)}
	c, h := &reactor.Conn{Data: g}, timed{reactor.NopHandler{}}
	h.OnOpen(c)
	h.OnClose(c, nil)
	if g.timer == nil || g.timer.Stop() {
		t.Error("there is no timer, or it still runs")
	}
}

// TestUserShown holds where the name of a client is shown: in what the chat lets pass it is not.
func TestUserShown(t *testing.T) {
	var out bytes.Buffer
	key := file(t, keys().secret)
	app := &chat{}
	opt, err := parse(nil, "-app", "chat", "-auth-jwt-key", key, "-access-log")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	srv := newServer(opt, app, log)
	adm := newAdmin(app, 100)
	stop := adm.logAccess(srv, opt, log)
	gate, err := newGatekeeper(opt, log)
	if err != nil {
		t.Fatal(err)
	}
	gate.guard(srv)
	w := watch(t, srv)
	l := &listener{heard: make(chan string, 100), closed: make(chan error, 1)}
	c, err := w.client.Dial(t.Context(), "ws://"+srv.Addrs()[0].String()+"/room", l, &reactor.DialOptions{Fields: []codec.Field{bearer(t, jwt.MapClaims{"sub": "ali\n\u0026"})}})
	if err != nil {
		t.Fatal(err)
	}
	w.say(c, l, "hello world!")
	var list connectionList
	if _, text := w.get("/connections?format=json"); json.Unmarshal([]byte(text), &list) != nil || len(list.Shown) != 1 || list.Shown[0].User != "ali\n&" {
		t.Errorf("%+v", list)
	}
	if _, text := w.get("/connections"); !strings.Contains(text, ">user<") || !strings.Contains(text, ">ali\n&amp;<") {
		t.Errorf("the page: %s", text)
	}
	_ = c.Close(3000, "")
	within(t, l.closed)
	_ = srv.Close()
	stop()
	var line struct{ Msg, User string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "closed" || line.User != "ali\n&" {
		t.Errorf("%v: %s", err, &out)
	}
}
