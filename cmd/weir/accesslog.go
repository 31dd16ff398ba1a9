package main

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// accessLog writes a line for connections that have closed: for one in so many of those that ended as
// connections do, and for each of the others. Writing may block, so a goroutine of its own does it; the event loops leave
// lines in a bounded queue, and when that is full they are dropped and counted.
type accessLog struct {
	log    *slog.Logger
	sample uint64 // of how many one is logged

	ends    atomic.Uint64 // that were sampled
	missing atomic.Uint64
	queue   chan access
	done    sync.WaitGroup
}

// access is what a line says.
type access struct {
	conn  reactor.ConnInfo
	user  string // "" for nobody
	end   *codec.CloseError
	ended time.Time
}

// maxUnlogged is how many lines may wait.
const maxUnlogged = 4096

func newAccessLog(sample int, log *slog.Logger) *accessLog {
	a := &accessLog{log: log, sample: uint64(sample), queue: make(chan access, maxUnlogged)}
	a.done.Go(func() {
		for x := range a.queue {
			a.write(x)
		}
	})
	return a
}

// close writes what is left. No connection may close any more.
func (a *accessLog) close() {
	close(a.queue)
	a.done.Wait()
}

// dropped is the number of lines for which there was no room; of a nil log, none.
func (a *accessLog) dropped() float64 {
	if a == nil {
		return 0
	}
	return float64(a.missing.Load())
}

// closed notes that a connection has.
func (a *accessLog) closed(c *reactor.Conn, err error) {
	var ce *codec.CloseError
	if !errors.As(err, &ce) || ordinary(ce) && a.ends.Add(1)%a.sample != 0 {
		return
	}
	select {
	case a.queue <- access{c.Info(), userOf(c), ce, time.Now()}:
	default:
		a.missing.Add(1)
	}
}

// ordinary reports whether connections end so every day: the client or the server was done with it, or the client
// is gone without a word, as those do that lose their network, some of them until the idle timeout.
func ordinary(end *codec.CloseError) bool {
	switch end.Code {
	case codec.CloseNormal, codec.CloseGoingAway, codec.CloseNoStatus, codec.CloseAbnormal:
		return true
	}
	return end == reactor.ErrIdle
}

func (a *accessLog) write(x access) {
	attrs := []any{
		"code", int(x.end.Code), "reason", x.end.Reason, "side", side(x.end.Code, x.end.Remote),
		"seconds", x.ended.Sub(x.conn.Since).Seconds(), "path", x.conn.Path, "client", x.conn.Remote.String(),
		"messages_in", x.conn.Received.Messages, "messages_out", x.conn.Sent.Messages,
		"bytes_in", x.conn.Received.Bytes, "bytes_out", x.conn.Sent.Bytes,
	}
	if x.user != "" {
		attrs = append(attrs, "user", x.user)
	}
	if x.end.Cause != nil {
		attrs = append(attrs, "cause", x.end.Cause.Error())
	}
	a.log.Info("closed", attrs...)
}

// logAccess has the connections of srv logged if opt says so, until stop is called.
func (a *admin) logAccess(srv *reactor.Server, opt *options, log *slog.Logger) (stop func()) {
	if !opt.accessLog {
		return func() {}
	}
	a.access = newAccessLog(opt.accessLogSample, log)
	srv.Handler = logged{srv.Handler, a.access}
	return a.access.close
}

// logged is a handler whose closed connections are logged.
type logged struct {
	reactor.Handler
	access *accessLog
}

// OnClose is called for each connection that has closed.
func (l logged) OnClose(c *reactor.Conn, err error) {
	l.access.closed(c, err)
	l.Handler.OnClose(c, err)
}
