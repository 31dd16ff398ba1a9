package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestAccessLog compares lines with what a client has done.
func TestAccessLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	srv := &reactor.Server{TrackConns: true, Handler: echo{}}
	stop := newAdmin(echo{}, 100).logAccess(srv, &options{accessLog: true, accessLogSample: 1}, log)
	w := watch(t, srv)
	c, l := w.dial("/rooms/a?token=secret")
	w.say(c, l, "hello world!")
	client := c.LocalAddr().String()
	_ = c.Close(3000, "done")
	within(t, l.closed)
	_ = srv.Close()
	stop()
	if bytes.Contains(out.Bytes(), []byte("secret")) {
		t.Errorf("the query is logged: %s", &out)
	}
	var line struct {
		Msg, Reason, Side, Path, Client string
		Code, Messages_in, Messages_out int
		Seconds                         float64
		Bytes_in, Bytes_out             int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	if line.Msg != "closed" || line.Code != 3000 || line.Reason != "done" || line.Side != "client" || line.Path != "/rooms/a" || line.Client != client ||
		line.Messages_in != 1 || line.Messages_out != 1 || line.Seconds <= 0 || line.Bytes_in < 100 || line.Bytes_out < 100 {
		t.Errorf("%s", &out)
	}
}

// TestAccessLogLine holds that each figure stands under its own name.
func TestAccessLogLine(t *testing.T) {
	var out strings.Builder
	at := time.Now()
	a := newAccessLog(1, slog.New(slog.NewTextHandler(&out, nil)))
	a.write(access{
		conn: reactor.ConnInfo{
			Path: "/a", Remote: &net.UnixAddr{Name: "@", Net: "unix"}, Since: at,
			Received: reactor.ConnTraffic{Messages: 4, Bytes: 5}, Sent: reactor.ConnTraffic{Messages: 6, Bytes: 7},
		},
		end:   &codec.CloseError{Code: codec.CloseAbnormal, Cause: net.ErrClosed},
		ended: at.Add(2 * time.Second),
	})
	a.close()
	const want = ` msg=closed code=1006 reason="" side=none seconds=2 path=/a client=@ messages_in=4 messages_out=6 bytes_in=5 bytes_out=7 ` +
		`cause="use of closed network connection"` + "\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("%s, want %s", &out, want)
	}
}

// TestAccessLogSample holds which lines are left out.
func TestAccessLogSample(t *testing.T) {
	c, _ := startApp(t, echo{})("/")
	coded := func(code codec.CloseCode) *codec.CloseError { return &codec.CloseError{Code: code} }
	for end, want := range map[*codec.CloseError]int{
		coded(codec.CloseNormal): 2, coded(codec.CloseGoingAway): 2, coded(codec.CloseNoStatus): 2, coded(codec.CloseAbnormal): 2,
		reactor.ErrIdle: 2, coded(codec.ClosePolicyViolation): 8,
		coded(codec.CloseProtocolError): 8, coded(codec.CloseTryAgainLater): 8, coded(4000): 8,
	} {
		var out bytes.Buffer
		a := newAccessLog(4, slog.New(slog.NewTextHandler(&out, nil)))
		for range 8 {
			a.closed(c, end)
		}
		a.close()
		if got := strings.Count(out.String(), "msg=closed"); got != want {
			t.Errorf("%d of 8 that were closed with %v are logged, want %d", got, end, want)
		}
	}
}

// upgradeRequest is the opening request of a client that then may be as silent or stubborn as a test likes.
const upgradeRequest = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// TestAccessLogSampleSilence holds that the idle timeout is known as such: of two connections that it cuts one is logged.
func TestAccessLogSampleSilence(t *testing.T) {
	var out bytes.Buffer
	srv := &reactor.Server{TrackConns: true, Handler: echo{}, IdleTimeout: 100 * time.Millisecond}
	stop := newAdmin(echo{}, 100).logAccess(srv, &options{accessLog: true, accessLogSample: 2}, slog.New(slog.NewTextHandler(&out, nil)))
	w := watch(t, srv)
	for range 2 {
		conn, err := net.Dial("tcp", srv.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, upgradeRequest)
	}
	eventually(t, "both are cut", func() bool { return w.srv.Stats().Closed[reactor.CloseKind{Code: codec.ClosePolicyViolation}] == 2 })
	_ = srv.Close()
	stop()
	if n := strings.Count(out.String(), "reason=\"idle timeout\""); n != 1 {
		t.Errorf("%d are logged: %s", n, &out)
	}
}

// TestAccessLogFull holds that no event loop waits for a log that does not get written.
func TestAccessLogFull(t *testing.T) {
	r, w := net.Pipe()
	a := newAccessLog(1, slog.New(slog.NewTextHandler(w, nil)))
	c, _ := startApp(t, echo{})("/")
	for range maxUnlogged + 100 {
		a.closed(c, &codec.CloseError{Code: codec.CloseNormal})
	}
	if n := a.dropped(); n < 99 || n > 100 { // the writer may have taken one
		t.Errorf("%v were dropped, want 99 or 100", n)
	}
	_ = r.Close() // and writing fails
	a.close()
}
