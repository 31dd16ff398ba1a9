package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// The protocol of the app topics. A client sends requests, each a JSON object in a text message:
//
//	{"id": 1, "op": "subscribe",   "topic": "rooms.*"}
//	{"id": 2, "op": "unsubscribe", "topic": "rooms.*"}
//	{"id": 3, "op": "publish",     "topic": "rooms.a", "data": any JSON}
//	{"id": 4, "op": "presence",    "topic": "rooms.a"}
//
// and gets answers, in the order of the requests, and messages:
//
//	{"id":1,"ok":true}
//	{"id":4,"ok":true,"subscribers":17}
//	{"id":3,"error":"malformed topic or pattern"}
//	{"topic":"rooms.a","user":"ali","data":any JSON}
//
// where the user is the publisher, if the server knows who that is.
// The id is a string or a number of the client's choice; without one only errors are answered. Members
// that are not named here are ignored.
type request struct {
	ID    json.RawMessage `json:"id"`
	Op    string          `json:"op"`
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

// maxID is how long an id may be, in bytes of JSON.
const maxID = 64

// Why a request is not understood.
var (
	errNotText   = errors.New("requests are text messages")
	errNotJSON   = errors.New("not JSON")
	errNotObject = errors.New("a request is a JSON object, with strings for op and topic")
	errBadID     = errors.New("an id is a string or a number, of at most 64 bytes")
	errNoData    = errors.New("publish needs data")
)

// parseRequest reads a request. Its Data shares p's memory or not; it is valid JSON or nil. With an error
// the id is there if it could be read.
func parseRequest(p []byte) (r request, err error) {
	var syntax *json.SyntaxError
	err = json.Unmarshal(p, &r)
	switch {
	case errors.As(err, &syntax):
		return request{}, errNotJSON
	case err != nil:
		err = errNotObject
	}
	switch {
	case len(r.ID) == 0 || string(r.ID) == "null":
		r.ID = nil
	case len(r.ID) > maxID || r.ID[0] != '"' && r.ID[0] != '-' && (r.ID[0] < '0' || r.ID[0] > '9'):
		return request{}, errBadID
	}
	return r, err
}

// appendAnswer appends the answer to a request. err is nil if it was carried out; subscribers is only told
// if it is not negative.
func appendAnswer(b []byte, id json.RawMessage, subscribers int, err error) []byte {
	b = append(b, '{')
	if id != nil {
		b = append(b, `"id":`...)
		b = append(b, id...)
		b = append(b, ',')
	}
	if err != nil {
		b = append(b, `"error":`...)
		b = appendString(b, strings.TrimPrefix(err.Error(), "reactor: "))
		return append(b, '}')
	}
	b = append(b, `"ok":true`...)
	if subscribers >= 0 {
		b = append(b, `,"subscribers":`...)
		b = strconv.AppendInt(b, int64(subscribers), 10)
	}
	return append(b, '}')
}

// appendPublished appends the message that subscribers get. user is the publisher, "" for nobody. data is JSON.
func appendPublished(b []byte, topic, user string, data []byte) []byte {
	b = append(b, `{"topic":`...)
	b = appendString(b, topic)
	if user != "" {
		b = append(b, `,"user":`...)
		b = appendString(b, user)
	}
	b = append(b, `,"data":`...)
	b = append(b, data...)
	return append(b, '}')
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // no string fails
	}
	return append(b, quoted...)
}
