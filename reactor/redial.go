package reactor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
)

// Redial keeps a client connected: it dials, and dials again when the connection has ended. Its fields must
// not be changed once it runs.
//
//	go (&reactor.Redial{URL: "wss://example.org/feed", Handler: h}).Run(ctx)
//
// Handler is called for each connection anew, OnOpen and OnClose included; OnClose has returned before the
// next attempt. What could not be sent on one connection is not sent on the next: OnOpen is the place to
// subscribe again and to ask for what was missed.
type Redial struct {
	// URL and Handler are what Dial is given. They are required.
	URL     string
	Handler Handler
	// Options are what Dial is given. They may be nil.
	Options *DialOptions
	// Client dials. Default DefaultClient.
	Client *Client

	// MinBackoff bounds the wait before the first attempt after a connection has ended; the bound doubles
	// with each attempt up to MaxBackoff, and the wait is a random time below it. It starts anew after
	// a connection that lived for as long as the bound had become. Defaults 5 s, which RFC 6455 7.2.3
	// finds reasonable, and 1 minute. A Retry-After of the server, of one hour at most, comes on top.
	MinBackoff, MaxBackoff time.Duration
	// DialTimeout is the time for one attempt, name resolution and TCP included. Default 30 s; negative:
	// what the system and Client.HandshakeTimeout make of it.
	DialTimeout time.Duration
	// Retry, if set, is asked instead of Retryable whether to go on after an error of Dial or OnClose.
	Retry func(err error) bool
	// OnWait, if set, is called before each wait, with what has ended the connection or the attempt. It
	// is called on the goroutine of Run.
	OnWait func(err error, wait time.Duration)

	conn atomic.Pointer[Conn]

	// Tests have their own.
	dial   func(ctx context.Context, opt *DialOptions) (*Conn, error)
	random func(n int64) int64
}

const (
	defaultMinBackoff  = 5 * time.Second
	defaultMaxBackoff  = time.Minute
	defaultDialTimeout = 30 * time.Second
)

// Conn returns the connection that is open, or was until a moment ago; nil while there is none.
func (r *Redial) Conn() *Conn { return r.conn.Load() }

// Run connects, and keeps connected until it makes no sense any more. It returns nil when either side has
// closed the connection with 1000; ctx.Err() when ctx is done, after a connection that was open has been
// closed with 1001 and OnClose has returned; and otherwise what Retryable, or Retry, has found to be the
// end: a *codec.CloseError, or an error of Dial. It waits between attempts on the goroutine that calls it,
// and may be called again after it has returned. A wait is logged, with the host and not the whole URL.
func (r *Redial) Run(ctx context.Context) error {
	if r.Handler == nil {
		return errNoHandler
	}
	to, _, err := parseURL(r.URL, new(DialOptions))
	if err != nil {
		return err
	}
	wait := newBackoff(r.MinBackoff, r.MaxBackoff)
	if r.random != nil {
		wait.random = r.random
	}
	for {
		lived, err := r.connection(ctx)
		wait.lived(lived)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !r.retryable(err):
			return withoutNormal(err)
		}
		if err := r.wait(ctx, to.hostport, err, wait.next(err)); err != nil {
			return err
		}
	}
}

// connection dials, and waits for the connection to end. It returns how long that lived, and why it ended.
func (r *Redial) connection(ctx context.Context) (lived time.Duration, err error) {
	var opt DialOptions
	if r.Options != nil {
		opt = *r.Options
	}
	ended := make(chan error, 1)
	opt.ended = ended
	c, err := r.attempt(ctx, &opt)
	if err != nil {
		return 0, err
	}
	r.conn.Store(c)
	defer r.conn.Store(nil)
	start := time.Now()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = c.Close(codec.CloseGoingAway, "client is shutting down")
		err = <-ended
	}
	return time.Since(start), err
}

// attempt dials once.
func (r *Redial) attempt(ctx context.Context, opt *DialOptions) (*Conn, error) {
	if d := timeout(r.DialTimeout, defaultDialTimeout); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if r.dial != nil {
		return r.dial(ctx, opt)
	}
	return r.client().Dial(ctx, r.URL, r.Handler, opt)
}

func (r *Redial) client() *Client {
	if r.Client != nil {
		return r.Client
	}
	return DefaultClient
}

func (r *Redial) retryable(err error) bool {
	if r.Retry != nil {
		return r.Retry(err)
	}
	return Retryable(err)
}

// wait waits for d, or for ctx.
func (r *Redial) wait(ctx context.Context, host string, err error, d time.Duration) error {
	log := r.client().Logger
	if log == nil {
		log = slog.Default()
	}
	log.Info("not connected; connecting again", "host", host, "wait", d, "err", err)
	if r.OnWait != nil {
		r.OnWait(err, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withoutNormal returns nil for what is no error: 1000.
func withoutNormal(err error) error {
	var closed *codec.CloseError
	if errors.As(err, &closed) && closed.Code == codec.CloseNormal {
		return nil
	}
	return err
}

// takeEnded returns where the end of c is told, once; nil when nobody waits for it.
func (c *Conn) takeEnded() (ended chan<- error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended, c.rare.ended = c.rare.ended, nil
	return ended
}

// tellEnded tells that c has ended and its handler has returned.
func tellEnded(ended chan<- error, err error) {
	if ended != nil {
		ended <- err // it has room
	}
}
