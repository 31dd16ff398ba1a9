package main

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(
		m,
		// gnet makes a pool of workers when it is imported, which runs as long as the process.
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
	)
}

// server is a server of these tests.
type server struct {
	url    string
	opened atomic.Int64
	answer func(c *reactor.Conn, m codec.Message)
}

func (s *server) OnOpen(*reactor.Conn)                       { s.opened.Add(1) }
func (s *server) OnMessage(c *reactor.Conn, m codec.Message) { s.answer(c, m) }
func (s *server) OnClose(*reactor.Conn, error)               {}

// serve starts a server that answers messages so, and stops it at the end of the test.
func serve(t *testing.T, answer func(c *reactor.Conn, m codec.Message)) *server {
	t.Helper()
	s := &server{answer: answer}
	srv := &reactor.Server{Handler: s, Logger: slog.New(slog.DiscardHandler)}
	if err := srv.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	s.url = "ws://" + srv.Addrs()[0].String()
	return s
}

// echo answers with the same.
func echo(c *reactor.Conn, m codec.Message) { _ = c.WriteMessage(m.Opcode, m.Payload) }

// weirbench runs the command line, and returns its exit status and what it has written.
func weirbench(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return weirbenchContext(t.Context(), args...)
}

func weirbenchContext(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(ctx, args, &out, &errs)
	return status, out.String(), errs.String()
}
