package natsbus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

var _ reactor.Bus = (*Bus)(nil)

// Options configure a Bus. The zero value of each field means its default.
type Options struct {
	// Servers are URLs of NATS servers, of which one is enough: they tell about the others of their
	// cluster. Default nats://127.0.0.1:4222.
	Servers []string
	// Prefix stands before each topic in its NATS subject; a dot is put between. It may have several
	// tokens, and keeps what belongs to other applications, and to NATS itself, from being subscribed
	// to. Servers hear of each other if they have the same. Default "weir".
	Prefix string
	// Required makes Start fail when none of Servers answers. Default false: Start succeeds, and the
	// Bus goes on trying.
	Required bool
	// Buffer is how many bytes may wait for NATS, 64 added for each message: once because it is slow, and
	// once more while there is no connection. What is published beyond is lost for other servers.
	// Default 8 MiB; negative: nothing waits for a connection that is away.
	Buffer int
	// Backlog is how many received messages may wait to be delivered; more are dropped. Default
	// 65,536.
	Backlog int
	// Logger is told when NATS goes away and comes back, and about errors; nothing per message.
	// Default slog.Default().
	Logger *slog.Logger
	// NATS are further options of the connection, for instance credentials or TLS. They cannot undo
	// what a Bus relies on: reconnecting for ever, no echo, and the callbacks, which are its own.
	NATS []nats.Option
}

// Defaults of Options, and bounds of what Close waits for.
const (
	defaultPrefix  = "weir"
	defaultBuffer  = 8 << 20
	defaultBacklog = 64 << 10
	patience       = 5 * time.Second
)

// maxSubject is how long a subject may be, in bytes: a NATS server cuts a client off that sends it a line
// of more than 4,096 (its max_control_line).
const maxSubject = 2048

// ErrFull is returned by Publish when Options.Buffer is used up. The message is lost for other servers.
var ErrFull = errors.New("natsbus: more is waiting for NATS than Options.Buffer")

// ErrTooLarge is returned by Publish for a message larger than what the NATS server accepts
// (its max_payload, 1 MiB by default).
var ErrTooLarge = errors.New("natsbus: message is larger than the max_payload of the NATS server")

// ErrTopicTooLong is returned for a topic or pattern that makes a NATS subject of more than 2,048 bytes.
var ErrTopicTooLong = errors.New("natsbus: the NATS subject has more than 2048 bytes")

// Bus carries messages between servers. It serves one server, once. All methods are safe from any
// goroutine, and none but Start and Close waits for the network.
type Bus struct {
	opt    Options
	prefix string // with its dot
	from   string // the reply subject of what this Bus publishes
	log    *slog.Logger

	nc      *nats.Conn    // for the sender; nil once it is of no more use
	given   chan struct{} // of capacity 1: the NATS client has closed nc
	deliver func(pattern, topic string, op codec.Opcode, p []byte)
	inbox   chan *nats.Msg // of all subscriptions, so that the order of arrival is kept
	ended   sync.WaitGroup // the goroutines of Start

	out   outbox
	subs  subscriptions
	state state

	life   sync.Mutex // of Start and Close
	quit   chan struct{}
	closed atomic.Bool
}

// New returns a Bus that Server.Start will start.
func New(opt Options) *Bus {
	b := &Bus{
		opt:    opt,
		prefix: strings.TrimSuffix(opt.Prefix, ".") + ".",
		from:   "weir-" + rand.Text()[:12],
		log:    opt.Logger,
		given:  make(chan struct{}, 1),
		quit:   make(chan struct{}),
	}
	if opt.Prefix == "" {
		b.prefix = defaultPrefix + "."
	}
	if len(opt.Servers) == 0 {
		b.opt.Servers = []string{nats.DefaultURL}
	}
	if opt.Buffer == 0 {
		b.opt.Buffer = defaultBuffer
	}
	if opt.Backlog <= 0 {
		b.opt.Backlog = defaultBacklog
	}
	if opt.Logger == nil {
		b.log = slog.Default()
	}
	b.inbox = make(chan *nats.Msg, b.opt.Backlog)
	b.out.init(b.opt.Buffer)
	b.subs.init()
	return b
}

// Start connects to NATS; see Options.Required for what happens if it cannot. From then on deliver is
// called with the messages of other servers and NATS clients, by one goroutine. It fails for options
// that make no sense, and when the Bus has been started or closed before.
func (b *Bus) Start(deliver func(pattern, topic string, op codec.Opcode, p []byte)) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.nc != nil || b.closed.Load() {
		return errors.New("natsbus: a Bus can be started only once")
	}
	if err := checkPrefix(b.prefix); err != nil {
		return err
	}
	if err := b.connect(!b.opt.Required); err != nil {
		return fmt.Errorf("natsbus: cannot connect to NATS: %w", err)
	}
	b.deliver = deliver
	if b.nc.IsConnected() {
		b.connected(b.nc)
	} else {
		b.log.Warn("NATS cannot be reached; serving without it, and trying on")
	}
	b.ended.Go(b.send)
	b.ended.Go(b.receive)
	return nil
}

// Close sends what waits, as far as NATS takes it within some seconds, and ends the connection. deliver
// is not called any more once it has returned.
func (b *Bus) Close() error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.closed.Swap(true) {
		return nil
	}
	b.out.close()
	close(b.quit)
	b.ended.Wait()
	if b.nc == nil {
		return nil
	}
	var err error
	if b.nc.IsConnected() {
		err = b.nc.FlushTimeout(patience)
	}
	b.nc.Close()
	<-b.given
	if err != nil {
		return fmt.Errorf("natsbus: messages may be lost: %w", err)
	}
	return nil
}

// Publish leaves a message to be sent to the other servers. It copies p. It fails with ErrFull,
// ErrTooLarge or ErrTopicTooLong, and once the Bus is closed with an error for which errors.Is(err,
// net.ErrClosed) holds.
func (b *Bus) Publish(topic string, op codec.Opcode, p []byte) error {
	err := b.check(topic, op, p)
	if err == nil {
		err = b.out.add(topic, op, p)
	}
	if err != nil {
		b.state.lost.Add(1)
	}
	return err
}

// check finds messages that NATS does not take.
func (b *Bus) check(topic string, op codec.Opcode, p []byte) error {
	if len(b.prefix)+len(topic) > maxSubject {
		return ErrTopicTooLong
	}
	if limit := b.state.maxPayload.Load(); limit > 0 && int64(len(p))+headerSize(op) > limit {
		return ErrTooLarge
	}
	return nil
}

// Subscribe asks for the messages that match pattern. It fails with ErrTopicTooLong, or as Publish does
// once the Bus is closed.
func (b *Bus) Subscribe(pattern string) error { return b.change(pattern, true) }

// Unsubscribe ends what Subscribe has begun.
func (b *Bus) Unsubscribe(pattern string) error { return b.change(pattern, false) }

// change leaves a change to be told to NATS.
func (b *Bus) change(pattern string, wanted bool) error {
	switch {
	case b.closed.Load():
		return errClosed
	case len(b.prefix)+len(pattern) > maxSubject:
		return ErrTopicTooLong
	}
	b.subs.change(pattern, wanted)
	b.out.kick()
	return nil
}

// errClosed is what methods return after Close.
var errClosed = fmt.Errorf("natsbus: %w", net.ErrClosed)

// checkPrefix finds a prefix that is no NATS subject to stand before others. prefix ends with a dot.
func checkPrefix(prefix string) error {
	if !reactor.ValidTopic(strings.TrimSuffix(prefix, ".")) {
		return fmt.Errorf("natsbus: bad prefix %q: want tokens between dots, without spaces and wildcards", prefix)
	}
	return nil
}
