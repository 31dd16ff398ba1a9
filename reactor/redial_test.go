package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.org/weir/codec"
)

var errUnreachable = errors.New("no route to host")

// longest makes each wait as long as it may be.
func longest(n int64) int64 { return n - 1 }

// attempt is what comes of one, in tests without a network: an error of Dial, or the end of a connection
// after some time.
type attempt struct {
	err   error
	lives time.Duration
}

// rehearse runs a Redial through attempts, in time of its own, and returns when they were made. The last goes
// on for ever.
func rehearse(t *testing.T, r *Redial, attempts ...attempt) (at []time.Duration, err error) {
	t.Helper()
	r.URL, r.Handler, r.random = "ws://weir.test/", NopHandler{}, longest
	r.Client = &Client{Logger: quiet}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		r.dial = func(_ context.Context, opt *DialOptions) (*Conn, error) {
			at = append(at, time.Since(start))
			if len(at) > len(attempts) {
				cancel()
				return nil, ctx.Err()
			}
			a := attempts[len(at)-1]
			if a.lives == 0 {
				return nil, a.err
			}
			time.AfterFunc(a.lives, func() { opt.ended <- a.err })
			return new(Conn), nil
		}
		err = r.Run(ctx)
	})
	return at, err
}

func seconds(n ...float64) (out []time.Duration) {
	for _, s := range n {
		out = append(out, time.Duration(s*float64(time.Second)))
	}
	return out
}

var (
	lost    = &codec.CloseError{Code: codec.CloseAbnormal, Cause: io.EOF}
	refused = func(status int, after string) error {
		return &codec.HandshakeError{Status: status, Fields: []codec.Field{{Name: "Retry-After", Value: after}}}
	}
)

func TestRedialBackoff(t *testing.T) {
	down := attempt{err: errUnreachable}
	for _, row := range []struct {
		name     string
		redial   *Redial
		attempts []attempt
		want     []time.Duration
	}{
		{"RFC 6455 7.2.3: it doubles up to a limit", &Redial{}, []attempt{down, down, down, down, down, down}, seconds(0, 5, 15, 35, 75, 135, 195)},
		{"its own bounds", &Redial{MinBackoff: time.Second, MaxBackoff: 3 * time.Second}, []attempt{down, down, down, down}, seconds(0, 1, 3, 6, 9)},
		{"the first is no more than the last", &Redial{MinBackoff: time.Minute, MaxBackoff: time.Second}, []attempt{down, down}, seconds(0, 60, 120)},
		{"also after a connection", &Redial{}, []attempt{{lost, time.Hour}, {lost, time.Second}}, seconds(0, 3605, 3605+1+10)},
		{"a connection that lived begins anew", &Redial{}, []attempt{down, down, {lost, 20 * time.Second}, down}, seconds(0, 5, 15, 40, 50)},
		{"one that did not goes on", &Redial{}, []attempt{down, down, {lost, 19 * time.Second}, down}, seconds(0, 5, 15, 54, 94)},
		{"RFC 9110 10.2.3: Retry-After, seconds", &Redial{}, []attempt{{err: refused(429, "120")}, {err: refused(503, "1")}, down}, seconds(0, 125, 136, 156)},
		{"RFC 9110 10.2.3: Retry-After, a date", &Redial{}, []attempt{{err: refused(503, "Sat, 01 Jan 2000 00:10:00 GMT")}}, seconds(0, 605)},
		{"Retry-After has a limit", &Redial{}, []attempt{{err: refused(503, "999999999999")}}, seconds(0, 3605)},
		{"Retry-After a date that is past", &Redial{}, []attempt{{err: refused(503, "Fri, 31 Dec 1999 23:00:00 GMT")}, down}, seconds(0, 5, 15)},
		{"Retry-After a date that is far away", &Redial{}, []attempt{{err: refused(503, "Sat, 01 Jan 2000 09:00:00 GMT")}}, seconds(0, 3605)},
		{"Retry-After that is neither", &Redial{}, []attempt{{err: refused(503, "soon")}}, seconds(0, 5)},
	} {
		t.Run(row.name, func(t *testing.T) {
			at, err := rehearse(t, row.redial, row.attempts...)
			if !slices.Equal(at, row.want) || !errors.Is(err, context.Canceled) {
				t.Errorf("attempts at %v, want %v; %v", at, row.want, err)
			}
		})
	}
}

// The wait is a random time from nothing to the bound.
func TestBackoffJitter(t *testing.T) {
	b := newBackoff(time.Second, time.Minute)
	var low, high time.Duration = time.Hour, 0
	for range 1000 {
		b.failures = 0
		d := b.next(nil)
		low, high = min(low, d), max(high, d)
	}
	if low < 0 || low > 100*time.Millisecond || high > time.Second || high < 900*time.Millisecond {
		t.Errorf("waits from %v to %v", low, high)
	}
}

func TestRedialOnWait(t *testing.T) {
	var waits []string
	r := &Redial{OnWait: func(err error, d time.Duration) { waits = append(waits, err.Error()+" "+d.String()) }}
	_, _ = rehearse(t, r, attempt{err: errUnreachable}, attempt{err: errUnreachable})
	if want := []string{"no route to host 5s", "no route to host 10s"}; !slices.Equal(waits, want) {
		t.Errorf("got %q", waits)
	}
}

// An attempt has a limit of its own.
func TestRedialDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		r := &Redial{URL: "ws://weir.test/", Handler: NopHandler{}, Client: &Client{Logger: quiet}, random: longest}
		r.dial = func(ctx context.Context, _ *DialOptions) (*Conn, error) {
			if at = append(at, time.Since(start)); len(at) == 2 {
				cancel()
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if err := r.Run(ctx); !errors.Is(err, context.Canceled) || !slices.Equal(at, seconds(0, 35)) {
			t.Errorf("attempts at %v, %v", at, err)
		}
	})
}

func TestRetryable(t *testing.T) {
	remote := func(code codec.CloseCode) error { return &codec.CloseError{Code: code, Remote: true} }
	local := func(code codec.CloseCode) error { return &codec.CloseError{Code: code} }
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"network", &net.OpError{Op: "dial", Err: errUnreachable}, true},
		{"time", context.DeadlineExceeded, true},
		{"slow server", errHandshakeSlow, true},
		{"client closed", ErrClientClosed, false},
		{"answer breaks the rules", refused(0, ""), false},
		{"200", refused(200, ""), false},
		{"redirect", refused(302, ""), false},
		{"400", refused(400, ""), false},
		{"401", refused(401, ""), false},
		{"403", refused(403, ""), false},
		{"404", refused(404, ""), false},
		{"407", refused(407, ""), false},
		{"408", refused(408, ""), true},
		{"425", refused(425, ""), true},
		{"426", refused(426, ""), false},
		{"429", refused(429, ""), true},
		{"500", refused(500, ""), true},
		{"501", refused(501, ""), false},
		{"502", refused(502, ""), true},
		{"503", refused(503, ""), true},
		{"505", refused(505, ""), false},
		{"1000", remote(codec.CloseNormal), false},
		{"1001", remote(codec.CloseGoingAway), true},
		{"1002", remote(codec.CloseProtocolError), false},
		{"1003", remote(codec.CloseUnsupportedData), false},
		{"1005", remote(codec.CloseNoStatus), true},
		{"1006", lost, true},
		{"1006 before the handshake was done", errors.Join(errors.New("during the opening handshake"), lost), true},
		{"1007", remote(codec.CloseInvalidPayload), false},
		{"1008", remote(codec.ClosePolicyViolation), true},
		{"1009", remote(codec.CloseMessageTooBig), false},
		{"1010", remote(codec.CloseMandatoryExtension), false},
		{"1011", remote(codec.CloseInternalError), true},
		{"1012", remote(codec.CloseServiceRestart), true},
		{"1013", remote(codec.CloseTryAgainLater), true},
		{"1014", remote(codec.CloseBadGateway), true},
		{"3000", remote(codec.CloseUnauthorized), false},
		{"3003", remote(codec.CloseForbidden), false},
		{"3008", remote(codec.CloseTimeout), true},
		{"application", remote(4001), true},
		{"Close by the application", local(codec.CloseNormal), false},
		{"Close with 1012 by the application", local(codec.CloseServiceRestart), false},
		{"CloseNow by the application", &codec.CloseError{Code: codec.CloseAbnormal, Cause: net.ErrClosed}, false},
		{"violation by the server", codec.ErrMasked, false},
		{"silent server", ErrIdle, true},
		{"server reads too slowly", errTooSlow, true},
		{"panic", errInternal, true},
	} {
		if got := Retryable(row.err); got != row.want {
			t.Errorf("%s: %t, want %t", row.name, got, row.want)
		}
	}
}

// stages is a handler of a client that writes down its calls in order.
type stages struct {
	NopHandler
	mu     sync.Mutex
	calls  []string
	opened chan *Conn
	close  func() // is called in OnClose
}

func newStages() *stages { return &stages{opened: make(chan *Conn, 16)} }

func (h *stages) add(call string) {
	h.mu.Lock()
	h.calls = append(h.calls, call)
	h.mu.Unlock()
}

func (h *stages) OnOpen(c *Conn) {
	h.add("open")
	h.opened <- c
}

func (h *stages) OnClose(_ *Conn, err error) {
	if h.close != nil {
		h.close()
	}
	var ce *codec.CloseError
	if errors.As(err, &ce) {
		h.add("closed " + strconv.Itoa(int(ce.Code)))
	}
}

func (h *stages) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.calls, want) {
		t.Errorf("the handler got %q, want %q", h.calls, want)
	}
}

// redialTo is a Redial to a server whose connections the test can close.
func redialTo(t *testing.T, srv *Server, h Handler) (r *Redial, server *probe) {
	t.Helper()
	server = newProbe()
	srv.Handler = server
	cl, url := dialTest(t, srv)
	cl.Logger = quiet
	return &Redial{URL: url, Handler: h, Client: cl, MinBackoff: time.Millisecond}, server
}

// run runs r until the test ends it.
func (r *Redial) start(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return ended
}

// A connection that is closed or cut is opened again, until the server says that it is over.
func TestRedial(t *testing.T) {
	h := newStages()
	r, server := redialTo(t, &Server{}, h)
	ended := r.start(t.Context())
	for _, end := range []func(*Conn){
		func(c *Conn) { _ = c.Close(codec.CloseServiceRestart, "") },
		func(c *Conn) { _ = c.CloseNow() },
		func(c *Conn) { _ = c.Close(codec.CloseNormal, "") },
	} {
		c := within(t, server.opened)
		if mine := within(t, h.opened); mine.LocalAddr().String() != c.RemoteAddr().String() {
			t.Errorf("from %v to %v", mine.LocalAddr(), c.RemoteAddr())
		}
		end(c)
	}
	if err := within(t, ended); err != nil {
		t.Errorf("Run returned %v", err)
	}
	h.want(t, "open", "closed 1012", "open", "closed 1006", "open", "closed 1000")
	if c := r.Conn(); c != nil {
		t.Errorf("there still is a connection: %v", c)
	}
}

func TestRedialGivesUp(t *testing.T) {
	t.Run("a refusal", func(t *testing.T) {
		r, _ := redialTo(t, &Server{Upgrade: func(*Conn, *Upgrade) error { return Refuse(401, "who are you?") }}, NopHandler{})
		var he *codec.HandshakeError
		if err := within(t, r.start(t.Context())); !errors.As(err, &he) || he.Status != 401 {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Run("a close code", func(t *testing.T) {
		r, server := redialTo(t, &Server{}, NopHandler{})
		ended := r.start(t.Context())
		_ = within(t, server.opened).Close(codec.CloseForbidden, "")
		var ce *codec.CloseError
		if err := within(t, ended); !errors.As(err, &ce) || ce.Code != codec.CloseForbidden {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Run("the application's Close", func(t *testing.T) {
		r, _ := redialTo(t, &Server{}, NopHandler{})
		ended := r.start(t.Context())
		eventually(t, "it is connected", func() bool { return r.Conn() != nil })
		_ = r.Conn().Close(codec.CloseNormal, "")
		if err := within(t, ended); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Run("Client.Close", func(t *testing.T) {
		r, server := redialTo(t, &Server{}, NopHandler{})
		r.Retry = func(err error) bool { return !errors.Is(err, ErrClientClosed) }
		ended := r.start(t.Context())
		within(t, server.opened)
		_ = r.Client.Close()
		if err := within(t, ended); !errors.Is(err, ErrClientClosed) {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Run("Retry", func(t *testing.T) {
		r, server := redialTo(t, &Server{}, NopHandler{})
		r.Retry = func(error) bool { return false }
		ended := r.start(t.Context())
		_ = within(t, server.opened).Close(codec.CloseServiceRestart, "")
		if err := within(t, ended); err == nil || !strings.Contains(err.Error(), "1012") {
			t.Errorf("Run returned %v", err)
		}
	})
	for name, r := range map[string]*Redial{
		"no handler": {URL: "ws://weir.test"},
		"a bad URL":  {URL: "http://weir.test", Handler: NopHandler{}},
	} {
		if err := r.Run(t.Context()); err == nil {
			t.Errorf("%s: Run returned nil", name)
		}
	}
}

// The context ends a connection, with 1001 and OnClose, and a wait.
func TestRedialContext(t *testing.T) {
	h := newStages()
	r, server := redialTo(t, &Server{}, h)
	ctx, cancel := context.WithCancel(t.Context())
	ended := r.start(ctx)
	within(t, server.opened)
	within(t, h.opened)
	eventually(t, "Dial returns", func() bool { return r.conn.Load() != nil }) // until then the context would end it at once
	cancel()
	if err := within(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	h.want(t, "open", "closed 1001")
	server.wantClosed(t, codec.CloseGoingAway, true)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // nobody listens there
	ctx, cancel = context.WithCancel(t.Context())
	r = &Redial{URL: "ws://" + ln.Addr().String(), Handler: h, Client: r.Client, MinBackoff: time.Hour, MaxBackoff: time.Hour, random: longest}
	r.OnWait = func(error, time.Duration) { cancel() }
	if err := within(t, r.start(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

// The server's Retry-After reaches Redial.
func TestRedialRetryAfter(t *testing.T) {
	r, _ := redialTo(t, &Server{Upgrade: func(*Conn, *Upgrade) error {
		return &codec.HandshakeError{Status: http.StatusTooManyRequests, Text: "slowly", Fields: []codec.Field{{Name: "X-Why", Value: "99"}, {Name: "Retry-After", Value: "77"}}}
	}}, NopHandler{})
	ctx, cancel := context.WithCancel(t.Context())
	var waited time.Duration
	r.OnWait = func(_ error, d time.Duration) {
		waited = d
		cancel()
	}
	within(t, r.start(ctx))
	if waited < 77*time.Second || waited > 78*time.Second {
		t.Errorf("it would have waited for %v", waited)
	}
}

// Each attempt has the options, and does not change them.
func TestRedialOptions(t *testing.T) {
	h := newStages()
	r, server := redialTo(t, &Server{Subprotocols: []string{"chat"}}, h)
	r.Options = &DialOptions{Subprotocols: []string{"talk", "chat"}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := r.start(ctx)
	for range 2 {
		if got := within(t, h.opened).Subprotocol(); got != "chat" {
			t.Errorf("the subprotocol is %q", got)
		}
		_ = within(t, server.opened).CloseNow()
	}
	cancel()
	within(t, ended)
	if r.Options.ended != nil {
		t.Error("the options have been changed")
	}
}

// With Workers too OnClose has returned before the next connection.
func TestRedialWorkers(t *testing.T) {
	h := newStages()
	gate := make(chan struct{})
	h.close = func() { <-gate }
	r, server := redialTo(t, &Server{}, &Workers{Handler: h})
	waits := make(chan error, 1)
	r.OnWait = func(err error, _ time.Duration) { waits <- err }
	ctx, cancel := context.WithCancel(t.Context())
	ended := r.start(ctx)
	c := within(t, server.opened)
	within(t, h.opened)
	_ = c.Close(codec.CloseServiceRestart, "")
	eventually(t, "the connection is gone", c.isClosed)
	if len(waits) > 0 {
		t.Error("it waits for the next attempt before OnClose has returned")
	}
	gate <- struct{}{}
	within(t, waits)
	within(t, h.opened)
	h.want(t, "open", "closed 1012", "open")
	close(gate)
	cancel()
	within(t, ended)
}
