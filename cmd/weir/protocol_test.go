package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseRequest(t *testing.T) {
	long := strings.Repeat("9", maxID)
	for _, row := range []struct {
		in    string
		id    string
		op    string
		topic string
		data  string
		err   error
	}{
		{`{"id":1,"op":"subscribe","topic":"rooms.*"}`, "1", "subscribe", "rooms.*", "", nil},
		{` { "topic" : "a" , "op" : "publish" , "data" : [1, "x"] } `, "", "publish", "a", `[1, "x"]`, nil},
		{`{"id":"a-1","op":"publish","topic":"\u00e4.b","data":null,"more":{}}`, `"a-1"`, "publish", "ä.b", "null", nil},
		{`{"id":-1.5e3}`, "-1.5e3", "", "", "", nil},
		{`{"id":null}`, "", "", "", "", nil},
		{`{"id":` + long + `}`, long, "", "", "", nil},
		{`{}`, "", "", "", "", nil},
		{`null`, "", "", "", "", nil}, // its op is unknown
		{`{"id":` + long + `9}`, "", "", "", "", errBadID},
		{`{"id":true}`, "", "", "", "", errBadID},
		{`{"id":[1]}`, "", "", "", "", errBadID},
		{`{"id":{}}`, "", "", "", "", errBadID},
		{`{"id":7,"op":1}`, "7", "", "", "", errNotObject},
		{`{"topic":{},"id":7,"op":"x"}`, "7", "x", "", "", errNotObject},
		{`[]`, "", "", "", "", errNotObject},
		{`"subscribe"`, "", "", "", "", errNotObject},
		{``, "", "", "", "", errNotJSON},
		{`hello world!`, "", "", "", "", errNotJSON},
		{`{"id":1,"op":"publish"`, "", "", "", "", errNotJSON},
		{`{"id":1}{"id":2}`, "", "", "", "", errNotJSON},
		{strings.Repeat(`[`, 20000), "", "", "", "", errNotJSON},
	} {
		r, err := parseRequest([]byte(row.in))
		if string(r.ID) != row.id || r.Op != row.op || r.Topic != row.topic || string(r.Data) != row.data || !errors.Is(err, row.err) {
			t.Errorf("%.80s: got %s, %q, %q, %s, %v", row.in, r.ID, r.Op, r.Topic, r.Data, err)
		}
	}
}

func TestAppendAnswer(t *testing.T) {
	for want, got := range map[string][]byte{
		`{"id":1,"ok":true}`:                      appendAnswer(nil, json.RawMessage("1"), -1, nil),
		`{"ok":true,"subscribers":0}`:             appendAnswer(nil, nil, 0, nil),
		`{"id":"x","error":"it is \"so\""}`:       appendAnswer(nil, json.RawMessage(`"x"`), 5, errors.New(`reactor: it is "so"`)),
		`{"error":"not JSON"}`:                    appendAnswer(nil, nil, -1, errNotJSON),
		`{"topic":"a.\"b\\","data":{"x":[1, 2]}}`: appendPublished(nil, `a."b\`, "", []byte(`{"x":[1, 2]}`)),
		`{"topic":"a","user":"\"b\"","data":1}`:   appendPublished(nil, "a", `"b"`, []byte("1")),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzParseRequest holds that whatever a client says, what it and others are told is JSON that means the
// same, and that white space means nothing.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"op":"subscribe","topic":"rooms.*"}`,
		`{"id":"x","op":"publish","topic":"a.\"b\"","data":{"x":[1,2,"\ud83d\ude00\ud800"]}}`,
		`{"id":1e400,"data":"\u0000"}`,
		`{"ID":1,"Op":2,"id":null}`,
		`{"data":1,"data":{`,
		`[{}]`,
		"\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := parseRequest(in)
		var answer struct {
			ID    json.RawMessage `json:"id"`
			Error string          `json:"error"`
			OK    bool            `json:"ok"`
		}
		if e := json.Unmarshal(appendAnswer(nil, r.ID, 1, err), &answer); e != nil {
			t.Fatalf("the answer is not JSON: %v", e)
		}
		if !bytes.Equal(answer.ID, r.ID) || answer.OK != (err == nil) || (answer.Error != "") != (err != nil) || len(r.ID) > maxID {
			t.Fatalf("answered %s, %v, %q to %s, %v", answer.ID, answer.OK, answer.Error, r.ID, err)
		}
		if err != nil || r.Data == nil {
			return
		}
		var published struct {
			Topic string          `json:"topic"`
			Data  json.RawMessage `json:"data"`
		}
		b := appendPublished(nil, r.Topic, "", r.Data)
		if e := json.Unmarshal(b, &published); e != nil || published.Topic != r.Topic || !bytes.Equal(published.Data, r.Data) {
			t.Fatalf("published %q, %v", b, e)
		}
		if utf8.Valid(in) && !utf8.Valid(b) { // RFC 6455 8.1: text is UTF-8
			t.Fatalf("published %q", b)
		}
		var compact bytes.Buffer
		if e := json.Compact(&compact, in); e != nil {
			t.Fatalf("took what is not JSON: %v", e)
		}
		again, e := parseRequest(compact.Bytes())
		if e != nil || again.Op != r.Op || again.Topic != r.Topic || !bytes.Equal(again.ID, r.ID) {
			t.Fatalf("without white space: %+v, %v", again, e)
		}
	})
}
