package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// topics lets clients choose what they hear, and publish, in the protocol of request. A publisher that has
// subscribed hears itself, so that all subscribers hear the same. A client that reads too slowly is closed
// with 1013, so that it knows that it has missed something.
type topics struct {
	reactor.NopHandler
	srv *reactor.Server
}

// setup makes srv the one whose topics these are.
func (t *topics) setup(srv *reactor.Server) {
	t.srv = srv
	srv.Upgrade = topicOfPath
	srv.Page = servePage(topicsPage)
}

// topicOfPath refuses a path that names no topic, and keeps the topic as the connection's data.
func topicOfPath(c *reactor.Conn, u *reactor.Upgrade) error {
	topic, ok := pathTopic(string(u.Request.Path()))
	if !ok {
		return reactor.Refuse(http.StatusNotFound, "The path is not a topic: /rooms/a is rooms.a.")
	}
	c.Data = topic
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
	if topic := c.Data.(string); topic != "" {
		_ = c.Subscribe(topic) // fails only if c has closed meanwhile
	}
	c.Data = nil // whose memory an idle connection need not keep
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
	switch r.Op {
	case "subscribe":
		return r, -1, c.Subscribe(r.Topic)
	case "unsubscribe":
		return r, -1, c.Unsubscribe(r.Topic)
	case "publish":
		if r.Data == nil {
			return r, -1, errNoData
		}
		return r, -1, t.publish(r.Topic, r.Data)
	case "presence":
		if !reactor.ValidTopic(r.Topic) {
			return r, -1, reactor.ErrBadTopic
		}
		return r, t.srv.Subscribers(r.Topic), nil
	}
	return r, -1, fmt.Errorf("unknown op %.40q; there are subscribe, unsubscribe, publish and presence", r.Op)
}

// publish sends JSON to all subscribers of topic. It is encoded once, however many they are.
func (t *topics) publish(topic string, data []byte) error {
	return t.srv.Publish(topic, codec.Text, appendPublished(nil, topic, data))
}

func (t *topics) close() {}
