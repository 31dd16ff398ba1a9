package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// topics lets clients choose what they hear, and publish, in the protocol of request. A publisher that has
// subscribed hears itself, so that all subscribers hear the same. A client that reads too slowly is closed
// with 1013, so that it knows that it has missed something.
type topics struct {
	reactor.NopHandler
	srv     *reactor.Server
	refused [len(deeds)]atomic.Uint64
}

// deeds are the requests for which a client needs a grant. To unsubscribe is up to everyone.
var deeds = [...]struct {
	op, text string
	granted  func(*grants) []string
}{
	{"subscribe", "subscribe to", func(g *grants) []string { return g.Subscribe }},
	{"publish", "publish on", func(g *grants) []string { return g.Publish }},
	{"presence", "learn who listens to", func(g *grants) []string { return g.Subscribe }},
}

// setup makes srv the one whose topics these are.
func (t *topics) setup(srv *reactor.Server) {
	t.srv = srv
	srv.Upgrade = t.topicOfPath
	srv.Page = servePage(topicsPage)
}

// topicOfPath refuses a path that names no topic, or one that the client may not subscribe to, and keeps the topic.
func (t *topics) topicOfPath(c *reactor.Conn, u *reactor.Upgrade) error {
	topic, ok := pathTopic(string(u.Request.Path()))
	if !ok {
		return reactor.Refuse(http.StatusNotFound, "The path is not a topic: /rooms/a is rooms.a.")
	}
	if topic != "" && t.permit(c, "subscribe", topic) != nil {
		return reactor.Refuse(http.StatusForbidden, "You may not subscribe to the topic that the path names.")
	}
	keep(c, topic)
	return nil
}

// pathTopic returns the topic that a path names, which is "" for the path /. The segments of the path,
// with %-escapes, are the tokens of the topic; they are UTF-8, and no dot, slash or wildcard is in them.
func pathTopic(path string) (topic string, ok bool) {
	if path == "/" {
		return "", true
	}
	tokens := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range tokens {
		token, err := url.PathUnescape(segment)
		if err != nil || strings.ContainsAny(token, "./") || !utf8.ValidString(token) {
			return "", false
		}
		tokens[i] = token
	}
	topic = strings.Join(tokens, ".")
	return topic, reactor.ValidTopic(topic)
}

// OnOpen subscribes c to the topic of its path.
func (t *topics) OnOpen(c *reactor.Conn) {
	if topic := kept(c).(string); topic != "" {
		_ = c.Subscribe(topic) // fails only if c has closed meanwhile
	}
	keep(c, nil) // whose memory an idle connection need not keep
}

// OnMessage carries out a request and answers it. A client for which there is no room must not miss an
// answer without being told, so it is closed.
func (t *topics) OnMessage(c *reactor.Conn, m codec.Message) {
	r, subscribers, err := t.take(c, m)
	if err == nil && r.ID == nil {
		return
	}
	answer := appendAnswer(nil, r.ID, subscribers, err)
	if err := c.WriteMessage(codec.Text, answer); errors.Is(err, reactor.ErrBufferFull) {
		_ = c.Close(codec.CloseTryAgainLater, "answers are not being read")
	}
}

// take carries out a request. subscribers is negative except for presence.
func (t *topics) take(c *reactor.Conn, m codec.Message) (r request, subscribers int, err error) {
	if m.Opcode != codec.Text {
		return request{}, -1, errNotText
	}
	if r, err = parseRequest(m.Payload); err != nil {
		return r, -1, err
	}
	if err := t.permit(c, r.Op, r.Topic); err != nil {
		return r, -1, err
	}
	switch r.Op {
	case "subscribe":
		return r, -1, c.Subscribe(r.Topic)
	case "unsubscribe":
		return r, -1, c.Unsubscribe(r.Topic)
	case "publish":
		if r.Data == nil {
			return r, -1, errNoData
		}
		return r, -1, t.publish(r.Topic, userOf(c), r.Data)
	case "presence":
		if !reactor.ValidTopic(r.Topic) {
			return r, -1, reactor.ErrBadTopic
		}
		return r, t.srv.Subscribers(r.Topic), nil
	}
	return r, -1, fmt.Errorf("unknown op %.40q; there are subscribe, unsubscribe, publish and presence", r.Op)
}

// permit returns why the client may not do what it asks for, which is counted. What is malformed is not its concern.
func (t *topics) permit(c *reactor.Conn, op, topic string) error {
	for i, d := range deeds {
		if d.op != op || !reactor.ValidPattern(topic) || guestOf(c).allowed(topic, d.granted) {
			continue
		}
		t.refused[i].Add(1)
		return fmt.Errorf("you may not %s %s", d.text, topic)
	}
	return nil
}

// publish sends JSON of a user to all subscribers of topic. It is encoded once, however many they are.
func (t *topics) publish(topic, user string, data []byte) error {
	return t.srv.Publish(topic, codec.Text, appendPublished(nil, topic, user, data))
}

func (t *topics) close() {}
