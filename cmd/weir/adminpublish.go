package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// publish is POST /publish?topic=rooms.a: the body goes to all subscribers of the topic, here and on the
// servers behind NATS. The Content-Type says what it is: JSON becomes the data of a message in the protocol
// of the app topics, a text becomes its data as a string, and all else is sent as a binary message, as it
// is. The answer tells how many subscribers there are on this server.
func (a *admin) publish(w http.ResponseWriter, r *http.Request) {
	n, err := a.take(w, r)
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(appendAnswer(nil, nil, n, nil), '\n'))
		return
	}
	status := statusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, strings.TrimPrefix(err.Error(), "reactor: "), status)
}

// httpError is an error with its status.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

func statusOf(err error) int {
	var he *httpError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &he):
		return he.status
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, reactor.ErrBadTopic):
		return http.StatusBadRequest
	case errors.Is(err, reactor.ErrBacklog), errors.Is(err, reactor.ErrServerClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// take publishes what r says and returns the number of subscribers.
func (a *admin) take(w http.ResponseWriter, r *http.Request) (subscribers int, err error) {
	topic := r.URL.Query().Get("topic")
	switch {
	case a.topics == nil:
		return 0, &httpError{http.StatusNotFound, "there are no topics; weir -app topics has them"}
	case a.state.Load() == &stateStarting:
		return 0, &httpError{http.StatusServiceUnavailable, "the server is starting"}
	case !reactor.ValidTopic(topic):
		return 0, &httpError{http.StatusBadRequest, fmt.Sprintf("topic=%.80q is no topic; want for instance ?topic=rooms.a", topic)}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return 0, fmt.Errorf("the body is larger than -max-message, %d bytes: %w", a.maxBody, err)
	case err != nil:
		return 0, &httpError{http.StatusBadRequest, err.Error()}
	}
	if err := a.topics.publishAs(topic, r.Header.Get("Content-Type"), body); err != nil {
		return 0, err
	}
	return a.topics.srv.Subscribers(topic), nil
}

// publishAs publishes a body of a media type.
func (t *topics) publishAs(topic, contentType string, body []byte) error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil, mediaType == "application/x-www-form-urlencoded": // which curl says if not told
		return &httpError{http.StatusUnsupportedMediaType, "set Content-Type: application/json, text/plain, or application/octet-stream for a binary message"}
	case isJSON(contentType):
		if !json.Valid(body) || !codec.ValidUTF8(body) {
			return &httpError{http.StatusBadRequest, "the body is not JSON"}
		}
		return t.publish(topic, "", body)
	case strings.HasPrefix(mediaType, "text/"):
		if !codec.ValidUTF8(body) {
			return &httpError{http.StatusBadRequest, "the body is not UTF-8"}
		}
		return t.publish(topic, "", appendString(nil, string(body)))
	}
	return t.srv.Publish(topic, codec.Binary, body)
}
