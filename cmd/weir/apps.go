package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// app is what weir does with messages.
type app interface {
	reactor.Handler
	setup(srv *reactor.Server) // before it is started
	close()                    // after the last callback
}

var apps = map[string]func(stdout io.Writer, log *slog.Logger) app{
	"echo":   func(io.Writer, *slog.Logger) app { return echo{} },
	"print":  func(w io.Writer, log *slog.Logger) app { return newPrinter(w, log) },
	"chat":   func(io.Writer, *slog.Logger) app { return &chat{} },
	"topics": func(io.Writer, *slog.Logger) app { return &topics{} },
}

func knownApp(name string) bool { return apps[name] != nil }

func newApp(name string, stdout io.Writer, log *slog.Logger) (app, error) {
	if !knownApp(name) {
		return nil, fmt.Errorf("unknown app %q", name)
	}
	return apps[name](stdout, log), nil
}

// echo sends every message back as it came.
type echo struct{ reactor.NopHandler }

// OnMessage sends m back. A client for which there is no room must not miss a reply without being
// told, so it is closed.
func (echo) OnMessage(c *reactor.Conn, m codec.Message) {
	if err := c.WriteMessage(m.Opcode, m.Payload); errors.Is(err, reactor.ErrBufferFull) {
		_ = c.Close(codec.CloseTryAgainLater, "replies are not being read")
	}
}

func (echo) setup(*reactor.Server) {}

func (echo) close() {}
