package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.org/weir/codec"
)

// Client opens WebSocket connections and runs them on event loops of its own: the same Conn and
// Handler as a server's, in the client's role. Its zero value is ready; the event loops start with
// the first Dial. The fields mean what those of the same name of Server mean, and must not be
// changed after it. A Client is safe for use from any goroutine.
type Client struct {
	MaxMessage       int
	MaxFragments     int
	StreamFrom       int
	MaxStream        int
	MaxOutbound      int
	Overflow         OverflowPolicy
	OverflowTimeout  time.Duration
	MaxBuffered      int64
	HandshakeTimeout time.Duration // from the TCP connection to the end of the response
	IdleTimeout      time.Duration
	CloseTimeout     time.Duration
	Head             codec.HeadLimits // of the response
	OnPong           func(c *Conn, p []byte)
	OnDrain          func(c *Conn)
	Loops            int
	ReadBuffer       int
	IO               IOMode
	Deflate          *codec.Deflate // is offered
	// TLS is for wss URLs. Default nil: the server is verified by the system's roots. Renegotiation
	// is not supported. With ClientSessionCache, connections to a server that was spoken with before
	// begin with less work (session tickets).
	TLS *tls.Config
	// Proxy returns the HTTP proxy through which to reach a ws or wss URL, nil for none. Default nil: what
	// the environment says, HTTP_PROXY for ws, HTTPS_PROXY for wss and NO_PROXY, which is read once and
	// never applies to localhost (see net/http.ProxyFromEnvironment). The proxy is asked for a tunnel
	// (CONNECT) over plain TCP, with the user name and password of its URL. It is not asked about
	// connections over DialOptions.Socket. Conn.RemoteAddr is the proxy's.
	Proxy  func(u *url.URL) (*url.URL, error)
	Logger *slog.Logger

	core  core
	loops enroller

	mu      sync.Mutex
	started bool
	closed  bool
}

// DialOptions say how a connection is opened. The zero value, and nil, ask for nothing special.
type DialOptions struct {
	// Subprotocols are offered, in order of preference (RFC 6455 4.1).
	Subprotocols []string
	// Origin is sent as the Origin field; "" sends none.
	Origin string
	// Fields are sent with the request, for instance Authorization or Cookie.
	Fields []codec.Field
	// LocalAddr is the address to connect from. With port 0 the kernel chooses a port when it
	// connects, so that each local address has as many as there are (IP_BIND_ADDRESS_NO_PORT).
	LocalAddr *net.TCPAddr
	// Socket is the path of a Unix socket to connect to instead of the URL's host.
	Socket string
	// Data is the connection's Data from the beginning.
	Data any

	ended chan<- error // gets the error that OnClose was given, when that has returned; has room for one
}

// DefaultClient is the Client of [Dial]. It has one event loop per CPU.
var DefaultClient = &Client{}

// ErrClientClosed is returned by Dial after Close.
var ErrClientClosed = errors.New("reactor: client closed")

var errNoHandler = errors.New("reactor: Dial without a Handler")

// Dial opens a connection with [DefaultClient]. See [Client.Dial].
func Dial(ctx context.Context, rawURL string, h Handler, opt *DialOptions) (*Conn, error) {
	return DefaultClient.Dial(ctx, rawURL, h, opt)
}

// Dial opens a connection to a ws or wss URL (RFC 6455 3) and returns it once the opening handshake is done
// and h.OnOpen has been called, on the connection's event loop. Redirects are not followed (4.1
// leaves that to the client). ctx ends the attempt, not the connection: from the moment when OnOpen is called
// it has no effect.
//
// An answer that is not 101 is a *codec.HandshakeError with the status, and with the Location of a
// redirect; one that breaks the rules is a *codec.HandshakeError with status 0. A proxy that refuses
// is a *codec.HandshakeError too, behind the name of the proxy.
func (cl *Client) Dial(ctx context.Context, rawURL string, h Handler, opt *DialOptions) (*Conn, error) {
	if h == nil {
		return nil, errNoHandler
	}
	if opt == nil {
		opt = new(DialOptions)
	}
	to, up, err := parseURL(rawURL, opt)
	if err != nil {
		return nil, err
	}
	if cl.Deflate != nil {
		up.Extensions = cl.Deflate.Offer()
	}
	if err := cl.start(); err != nil {
		return nil, err
	}
	socket, err := cl.connect(ctx, opt, &to)
	if err != nil {
		return nil, fmt.Errorf("reactor: %w", err)
	}
	d := &dialing{upgrade: up, done: make(chan error, 1)}
	r := &rare{dialing: d, handler: h, ended: opt.ended}
	if to.secure {
		if r.tls, err = cl.secure(ctx, socket, clientTLS(cl.TLS, to.host)); err != nil {
			return nil, fmt.Errorf("reactor: %w", err)
		}
	}
	c := &Conn{Data: opt.Data, fd: -1, rare: r}
	switch err = cl.loops.enroll(socket, c); {
	case err == errEnrollClosed:
		return nil, ErrClientClosed
	case err != nil:
		return nil, err
	}
	select {
	case err = <-d.done:
	case <-ctx.Done():
		if err = ctx.Err(); !c.giveUpDialing() {
			err = <-d.done // just in time
		}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Conns returns the number of connections, those in their handshake or closing included.
func (cl *Client) Conns() int { return int(cl.core.conns.Load()) }

// Shutdown closes all connections with 1001 and ends the event loops, as Server.Shutdown does.
func (cl *Client) Shutdown(ctx context.Context) error {
	cl.mu.Lock()
	cl.closed = true
	started := cl.started
	cl.mu.Unlock()
	if !started {
		return nil
	}
	return cl.core.drain(ctx, 0, func() {
		cl.loops.stop()
		close(cl.core.done)
	})
}

// Close cuts all connections and ends the event loops.
func (cl *Client) Close() error {
	_ = cl.Shutdown(ended) // the context's error, which is no news
	return nil
}

// start starts the event loops, once.
func (cl *Client) start() (err error) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch {
	case cl.closed:
		return ErrClientClosed
	case cl.started:
		return nil
	}
	set := cl.settings()
	cfg := set.config(codec.Client, nil)
	cfg.mayTLS = true // where the URL says so
	if err = cl.core.init(cfg); err != nil {
		return fmt.Errorf("reactor: %w", err)
	}
	cl.loops.engine, cl.loops.options = newEngine(&cl.core), set.gnetOptions(cl.core.cfg.log)
	cl.core.engines = []*engine{cl.loops.engine}
	if err = cl.loops.start(); err != nil {
		cl.core.writable.stop()
		return err
	}
	cl.started = true
	go cl.core.tick()
	return nil
}

// settings are the fields that a Server has too.
func (cl *Client) settings() *settings {
	return &settings{
		maxMessage:   cl.MaxMessage,
		maxFragments: cl.MaxFragments,
		streamFrom:   cl.StreamFrom,
		maxStream:    cl.MaxStream,
		maxOutbound:  cl.MaxOutbound,
		policy:       cl.Overflow,
		overflow:     cl.OverflowTimeout,
		maxBuffered:  cl.MaxBuffered,
		handshake:    cl.HandshakeTimeout,
		idle:         cl.IdleTimeout,
		close:        cl.CloseTimeout,
		head:         cl.Head,
		onPong:       cl.OnPong,
		onDrain:      cl.OnDrain,
		loops:        cl.Loops,
		readBuffer:   cl.ReadBuffer,
		io:           cl.IO,
		deflate:      cl.Deflate,
		log:          cl.Logger,
	}
}

// secure does the TLS handshake, for which there is as much time as for the opening handshake.
func (cl *Client) secure(ctx context.Context, socket net.Conn, cfg *tls.Config) (*secure, error) {
	ctx, cancel := cl.inTime(ctx)
	defer cancel()
	return secureDial(ctx, socket, cfg)
}

// inTime bounds what comes before the opening handshake by the time for that.
func (cl *Client) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := timeout(cl.HandshakeTimeout, defaultHandshakeTimeout); d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return ctx, func() {}
}

// destination is where a URL leads.
type destination struct {
	url            *url.URL
	host, hostport string
	secure         bool // by TLS
}

// parseURL reads a ws or wss URL: where to connect, and what to ask for.
func parseURL(rawURL string, opt *DialOptions) (to destination, up codec.ClientUpgrade, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return to, up, fmt.Errorf("reactor: %w", err)
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return to, up, fmt.Errorf("reactor: the URL %q begins neither with ws:// nor with wss://", rawURL)
	case u.Hostname() == "":
		return to, up, fmt.Errorf("reactor: the URL %q has no host", rawURL)
	case u.Fragment != "" || u.User != nil: // RFC 6455 3
		return to, up, fmt.Errorf("reactor: the URL %q has a fragment or a user, which a ws URL cannot", rawURL)
	}
	to = destination{url: u, host: u.Hostname(), secure: u.Scheme == "wss"}
	port := u.Port()
	switch {
	case port == "" && to.secure:
		port = "443"
	case port == "":
		port = "80"
	}
	to.hostport = net.JoinHostPort(to.host, port)
	up = codec.ClientUpgrade{
		Host:      withoutZone(u.Host),
		Target:    u.RequestURI(),
		Key:       codec.NewKey(),
		Origin:    opt.Origin,
		Protocols: opt.Subprotocols,
		Fields:    opt.Fields,
	}
	return to, up, nil
}

// withoutZone leaves out the zone of an IPv6 address, which means something on this machine only (RFC 6874 4).
func withoutZone(host string) string {
	zone, end := strings.IndexByte(host, '%'), strings.LastIndexByte(host, ']')
	if !strings.HasPrefix(host, "[") || zone < 0 || end < zone {
		return host
	}
	return host[:zone] + host[end:]
}

// connect opens the TCP or Unix connection, or a tunnel.
func (cl *Client) connect(ctx context.Context, opt *DialOptions, to *destination) (net.Conn, error) {
	if opt.Socket != "" {
		var d net.Dialer
		return d.DialContext(ctx, "unix", opt.Socket)
	}
	proxy, err := cl.proxyFor(to.url)
	switch {
	case err != nil:
		return nil, err
	case proxy != nil:
		return cl.tunnel(ctx, opt, proxy, to.hostport)
	}
	return opt.dial(ctx, to.hostport)
}

// dial opens a TCP connection.
func (opt *DialOptions) dial(ctx context.Context, hostport string) (net.Conn, error) {
	var d net.Dialer
	if opt.LocalAddr != nil {
		d.LocalAddr = opt.LocalAddr
		d.Control = func(_, _ string, rc syscall.RawConn) error { return rc.Control(bindWithoutPort) }
	}
	return d.DialContext(ctx, "tcp", hostport)
}
