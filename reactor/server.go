package reactor

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
)

// ErrServerClosed is returned by [Server.ListenAndServe] and [Server.Wait] after [Server.Shutdown]
// or [Server.Close].
var ErrServerClosed = errors.New("reactor: server closed")

// Server serves WebSocket connections. Its exported fields are its configuration: the zero value of
// each means the default, and they must not be changed once the server has been started. A Server
// serves once; after Shutdown it cannot be started again.
type Server struct {
	// Handler gets the messages. It is required.
	Handler Handler

	// MaxMessage is the largest message accepted, in bytes, all its fragments together. A larger
	// one closes the connection with 1009 as soon as a header shows it. Default 1 MiB; negative:
	// no limit.
	MaxMessage int
	// MaxFragments is the largest number of frames that one message may have; more close the
	// connection with 1008. Default 65536; negative: no limit.
	MaxFragments int
	// StreamFrom is the length in bytes, after decompression, of which longer messages are given to OnChunk
	// in chunks, as they arrive, if Handler is a ChunkHandler. Default 64 KiB; negative: all but empty ones are.
	// It has no effect above MaxMessage, which takes its place then.
	StreamFrom int
	// MaxStream is the largest message accepted if Handler is a ChunkHandler, in bytes, all its fragments
	// together, and after decompression. A larger one closes the connection with 1009. MaxFragments does not
	// hold for messages longer than StreamFrom. Default 1 GiB; negative: no limit.
	MaxStream int
	// MaxOutbound is how many bytes may wait for a client that reads too slowly. Beyond it a write
	// is subject to Overflow. One message is always accepted while nothing waits, whatever its
	// size. Default 1 MiB; negative: no limit.
	MaxOutbound int
	// Overflow says what happens to a write beyond MaxOutbound. Default OverflowReport.
	Overflow OverflowPolicy
	// OverflowTimeout is how long a connection may stay full under OverflowClose before it is closed
	// with 1013. Default 10 s; negative: it is closed at once.
	OverflowTimeout time.Duration
	// MaxBuffered is how many bytes may wait for slow clients in all; a published message counts once. Beyond it those for whom the most is
	// waiting are cut (1013, which only OnClose sees), until it is three quarters. Default 256 MiB;
	// negative: no limit.
	MaxBuffered int64
	// MaxConns is the largest number of WebSocket connections; more are refused with 503. Those that
	// HTTP serves have a bound of their own, HTTPConns, so that a full server still answers who asks for its health. Default: as many as descriptors permit,
	// less an eighth, 64 and two per CPU at most. It should leave room for what the application opens: where that
	// takes all descriptors, the server accepts nobody, and may lose its connections: see the README, Limits.
	MaxConns int
	// MaxConnsPerIP is the largest number of connections from one address, of IPv6 one network of 64 bits;
	// more are refused with 429. The address is the client's where TrustedProxies tell it. Unix sockets
	// have no limit. Default 0: no limit.
	MaxConnsPerIP int
	// HandshakeRate is how many connections the server takes per second, with a burst of as many; more are
	// refused with 503, or simply closed where TLS comes first. Default 0: no limit.
	HandshakeRate int
	// MessageRate is how many messages, control frames included, a client may send per second, and ByteRate
	// how many bytes, each with a burst of as many; one message of MaxMessage always passes, if that is a limit. More closes
	// the connection with 1008. Default 0: no limit.
	MessageRate, ByteRate int
	// Head limits the head of the opening request. Defaults: 16 KiB in all, 8 KiB a line, 100 fields.
	Head codec.HeadLimits

	// HandshakeTimeout is the time a client has from connecting to the end of its request. Default
	// 5 s; negative: no limit.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a client may be silent. After half of it a ping is sent; one that
	// does not answer is cut after the whole, with ErrIdle. Default 60 s; negative: no limit and no ping.
	IdleTimeout time.Duration
	// CloseTimeout is how long the closing handshake may take, and then the end of the TCP
	// connection, before it is cut. Default 5 s; negative values are taken for the default.
	CloseTimeout time.Duration

	// DrainWindow is the time over which Shutdown spreads its close frames, evenly and in random order, so
	// that the clients do not all come back, to this server's successor or its peers, in the same moment. It
	// should be clearly shorter than the time that Shutdown's context has. Default 0: all go at once.
	DrainWindow time.Duration

	// Origins are the origins, as browsers send them ("https://example.org"), from which a page may
	// connect besides the server's own; "null" admits pages opened from files, "*" all. A request
	// without Origin, which no browser sends, always passes (RFC 6455 10.2).
	Origins []string
	// CheckOrigin, if set, decides instead of Origins. It is not asked about requests without
	// Origin. The request is valid until it returns.
	CheckOrigin func(r *codec.Request) bool
	// Subprotocols are those the server speaks, in order of preference. The first that the client
	// offers is chosen; none if they have none in common (RFC 6455 4.2.2).
	Subprotocols []string
	// Authorize, if set, is asked about each request for WebSocket that everything else accepts, Origins and the
	// limits included, before Upgrade. It may block, for a database or another service: it has a goroutine of
	// its own and its connection waits, for HandshakeTimeout in all, after which the client gets 503. ctx ends
	// then, when the client leaves, and when the server shuts down, which waits for the hook. Like Upgrade
	// it may refuse the request by returning an error, best one that [Refuse] or [Unauthorized] made (any other
	// is a 500), add fields to the response, choose another subprotocol and set c.Data, which is how the
	// handler learns who the client is. c is not open yet: the hook may ask it for addresses and TLS. u and its request are copies, valid until the hook returns.
	// [TokenSource] finds the client's token.
	Authorize func(ctx context.Context, c *Conn, u *Upgrade) error
	// MaxAuthorizing is how many calls of Authorize run at a time, each on a goroutine; others wait for their
	// turn. Default 256; negative: no limit.
	MaxAuthorizing int
	// Upgrade, if set, is asked before a request is accepted. It may refuse it by returning an
	// error, best one that [Refuse] made (any other is a 500), add fields to the response, choose
	// another subprotocol and set c.Data. It must not block: see Authorize. c is not open yet: its
	// methods that send and subscribe fail, and so do Publish and Do with UpgradeHTTP, where c belongs to no event
	// loop yet. OnOpen is where to hand c on.
	Upgrade func(c *Conn, u *Upgrade) error
	// Page, if set, answers GET and HEAD requests that do not ask for WebSocket, those in HTTP/1.0 too,
	// where the host may be empty. Without it, and
	// where it returns nil, they get 426 and 404. It must not block.
	Page func(r *codec.Request) *Page

	// HTTP, if set, gets every request that does not ask for WebSocket and that Page, if set, returns nil
	// for: a ServeMux, a file server, metrics, any middleware. Such a connection leaves the event loops
	// and is net/http's from then on, HTTP/1.1 or 1.0 with keep-alive and all, with a goroutine of its own. A
	// later request for WebSocket brings it back. HandshakeTimeout, IdleTimeout and Head hold there too,
	// as do TLS, TrustedProxies and MaxConnsPerIP.
	HTTP http.Handler
	// HTTPConns is how many connections HTTP may have at a time, and so the bound of its goroutines;
	// more are refused with 503. Default 1024; negative: no limit.
	HTTPConns int
	// HTTPMaxBody is the largest request body, in bytes. One that is announced to be larger gets 413;
	// reading beyond it is an *http.MaxBytesError. Default 1 MiB; negative: no limit.
	HTTPMaxBody int
	// HTTPTimeout is the time for a request to arrive, body included, and then again for the response. A
	// handler that needs longer says so with http.ResponseController. Default 60 s; negative: no limit.
	HTTPTimeout time.Duration
	// TrustedProxies are the networks whose word counts for who the client is: what they say of it, in a
	// PROXY header or a request, becomes Conn.RemoteAddr. Everybody else's word is not listened to.
	// List only proxies that set, or append to, what ProxyProtocol and Forwarded ask for, and that nobody
	// else can speak from. Default none.
	TrustedProxies []netip.Prefix
	// TrustUnix trusts those who connect over the server's Unix sockets as TrustedProxies are trusted. The
	// permissions of the socket then say who may be a proxy. Default false.
	TrustUnix bool
	// ProxyProtocol requires of the trusted proxies that each of their connections begins with a header
	// of the PROXY protocol, version 1 or 2, before TLS and HTTP; one that does not is closed. Others
	// are served as they come, without a header, and one that they send is no good request. Default
	// false.
	ProxyProtocol bool
	// Forwarded is the field in which trusted proxies tell the client's address. It is read from its
	// end: the first address that is not itself trusted is the client's. A Forwarded field that is
	// malformed gets 400. Default ForwardedX.
	Forwarded ForwardedField

	// OnPong, if set, is called with each pong. p is valid until it returns.
	OnPong func(c *Conn, p []byte)
	// OnDrain, if set, is called when everything that waited for a slow client has been sent.
	OnDrain func(c *Conn)

	// MaxSubscriptions is how many subscriptions a connection may have; more are refused with
	// ErrTooManySubscriptions. To subscribe takes longer the more there are. Default 1024; negative: no
	// limit.
	MaxSubscriptions int
	// SlowSubscriber says what happens to published messages for a client that reads too slowly. Default
	// SlowDropNewest. Overflow has no part in it.
	SlowSubscriber SlowPolicy
	// MaxPublishQueue is how many published messages may wait for a client that reads too slowly; all
	// together they may also have MaxOutbound bytes. They are kept by reference, one copy for all clients.
	// One always may wait. Default 256; negative: no limit but that of the bytes.
	MaxPublishQueue int
	// MaxBacklog is how many bytes of published messages, and 192 for each besides, may wait for an event
	// loop to deliver them; Publish returns ErrBacklog beyond it. Default 64 MiB; negative: no limit.
	MaxBacklog int
	// OnTopic, if set, is called when a pattern has got its first subscriber, with active true, and when it
	// has lost its last. For each pattern the two alternate, beginning with true, and each true has got its
	// false when Shutdown returns. It is called on a goroutine that the server has for it, never two at
	// once, so it may block; a pattern that is left and taken again, or the other way round, before its
	// turn has come is not reported.
	OnTopic func(pattern string, active bool)
	// Bus, if set, carries published messages between servers.
	Bus Bus
	// MaxBusQueue is how many bytes of published messages, and 192 for each besides, may wait for Bus; more are dropped, and counted.
	// Default 16 MiB; negative: no limit.
	MaxBusQueue int
	// TLS, if set, is for the addresses tls://host:port and those without a network: see Start. It
	// needs a certificate: Certificates, or GetCertificate, which may give another one from one moment to
	// the next. Its callbacks run on a goroutine of the handshake, with which they end; their
	// ClientHelloInfo.Conn serves only to ask for addresses. It is cloned: http/1.1 is what is agreed
	// on by ALPN, never h2. Default nil: no TLS.
	TLS *tls.Config

	// Loops is the number of event loops, of which there are 256 at most. Default: GOMAXPROCS.
	Loops int
	// ReadBuffer is the size of the buffer that each loop reads into, in bytes; it bounds the work
	// that one connection can cause in one turn of its loop. Rounded up to a power of two. Default
	// 256 KiB.
	ReadBuffer int
	// Deflate, if set, compresses messages with clients that offer permessage-deflate (RFC 7692). Its
	// zero value keeps nothing per connection between messages. Default nil: messages are not
	// compressed.
	Deflate *codec.Deflate
	// DeflateMemory is how much the connections with context takeover may keep between messages, all
	// together, in bytes; those that come when it is used up compress each message by itself. Default
	// 64 MiB, negative no limit.
	DeflateMemory int
	// IO says how the loops write. Default IOAuto.
	IO IOMode
	// TrackConns keeps for each connection what Conn.Info and EachConn tell of it: its path, since when, the
	// messages and bytes each way, and the last ping. It takes some 320 bytes for each. Default false: nothing is kept, and
	// nothing is counted for each connection.
	TrackConns bool
	// SharePort permits other processes of the same user to listen on the same TCP port
	// (SO_REUSEPORT). Without it a port that is taken is an error. It has no effect where the
	// system has no SO_REUSEPORT with balancing. On Linux, Shutdown then leaves new connections to those
	// processes, without refusing one, and so a new process can take the place of an old one.
	SharePort bool

	// Logger gets what a person should know; nothing per message. Default slog.Default().
	Logger *slog.Logger

	admission  admission
	authorizer authorizer // not made without Authorize
	core       core
	topics     topics
	life       lifecycle
	web        *web     // nil without HTTP
	takeovers  enroller // loops for the connections that UpgradeHTTP takes over
	limbo      *loop    // of those connections as long as no loop has them
}

// lifecycle is what Start, Wait and Shutdown agree on.
type lifecycle struct {
	mu       sync.Mutex
	started  bool
	closed   bool // Shutdown has been called
	addrs    []net.Addr
	stopping atomic.Bool   // the engines are being stopped
	stop     chan struct{} // closed then
	err      error         // of the engines, once core.done is closed
}

// OverflowPolicy says what happens to a write for which a connection has no room left.
type OverflowPolicy uint8

// The overflow policies.
const (
	// OverflowReport returns ErrBufferFull from the write and changes nothing.
	OverflowReport OverflowPolicy = iota
	// OverflowDrop drops the message, counts it, and returns nil.
	OverflowDrop
	// OverflowClose returns ErrBufferFull, and closes the connection with 1013 when it has stayed
	// full for OverflowTimeout.
	OverflowClose
)

// IOMode says how event loops write.
type IOMode uint8

// The ways to write.
const (
	// IOAuto writes for many connections with one system call (io_uring) where the kernel permits it
	// and as long as several connections are ready at a time.
	IOAuto IOMode = iota
	// IOUring always writes so. Start and Dial fail where the kernel does not permit it.
	IOUring
	// IODirect makes a system call for each connection.
	IODirect
)

// Conns returns the number of connections: those in their handshake or closing are included, and those
// that HTTP serves.
func (s *Server) Conns() int { return int(s.core.conns.Load()) }

// Dropped returns the number of messages that OverflowDrop has dropped.
func (s *Server) Dropped() int64 { return s.core.dropped.Load() }

// TLSFailures returns the number of TLS handshakes that have failed. Each is logged at the debug level.
func (s *Server) TLSFailures() int64 { return s.core.tlsFailed.Load() }

// Addrs returns the addresses that the server listens on, in the order they were given, with the
// port that a port of 0 became. It is empty before Start.
func (s *Server) Addrs() []net.Addr {
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	return append([]net.Addr(nil), s.life.addrs...)
}
