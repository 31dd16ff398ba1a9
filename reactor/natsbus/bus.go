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
	// Buffer is how many bytes are kept while there is no connection, to be sent when it is back; what
	// is published beyond is lost for other servers. Default 8 MiB; negative: nothing is kept.
	Buffer int
	// Backlog is how many received messages may wait to be delivered; more are dropped. Default
	// 65,536.
	Backlog int
	// BacklogBytes is how many bytes of them, subjects and headers included, may wait; one message always
	// may. More are dropped. Default 64 MiB.
	BacklogBytes int
	// Logger is told when NATS goes away and comes back, and about errors; nothing per message.
	// Default slog.Default().
	Logger *slog.Logger
	// NATS are further options of the connection, for instance credentials or TLS. They cannot undo
	// what a Bus relies on: reconnecting for ever, no echo, and the callbacks, which are its own.
	NATS []nats.Option
}

// Defaults of Options, and bounds of what methods wait for.
const (
	defaultPrefix       = "weir"
	defaultBuffer       = 8 << 20
	defaultBacklog      = 64 << 10
	defaultBacklogBytes = 64 << 20
	patience            = 5 * time.Second

	// arrivingAtOnce is how many messages the NATS client can hand out while collect gets no CPU; it drops
	// more. It reads 32 KiB at a time, and on a busy machine several times before others have a turn.
	arrivingAtOnce = 16 << 10 // 128 KiB of pointers
)

// maxSubject is how long a subject may be, in bytes: a NATS server cuts a client off that sends it a line
// of more than 4,096 (its max_control_line).
const maxSubject = 2048

// Why Publish and Subscribe fail.
var (
	// ErrAway means that there is no connection, and that Options.Buffer is used up.
	ErrAway = errors.New("natsbus: NATS is away")
	// ErrTooLarge means that the message is larger than what the NATS server accepts (its max_payload,
	// 1 MiB by default).
	ErrTooLarge = errors.New("natsbus: message is larger than the max_payload of the NATS server")
	// ErrTopicTooLong means that the NATS subject of the topic or pattern has more than 2,048 bytes.
	ErrTopicTooLong = errors.New("natsbus: the NATS subject has more than 2048 bytes")
)

// errClosed is what methods return after Close.
var errClosed = fmt.Errorf("natsbus: %w", net.ErrClosed)

// Bus carries messages between servers. It serves one server, once. All methods are safe from any
// goroutine. Publish, Subscribe and Unsubscribe wait for a socket that takes no more, for some seconds at
// most, but never for an answer.
type Bus struct {
	opt    Options
	prefix string // with its dot
	from   string // the reply subject of what this Bus publishes
	log    *slog.Logger

	nc       atomic.Pointer[nats.Conn]
	deliver  func(pattern, topic string, op codec.Opcode, p []byte)
	arriving chan *nats.Msg // of all subscriptions, so that the order of arrival is kept
	inbox    inbox
	subs     subscriptions
	state    state

	life   sync.Mutex // of Start and Close
	closed atomic.Bool
	quit   chan struct{}
	ended  sync.WaitGroup // the goroutines of Start
	given  chan struct{}  // of capacity 1: the NATS client has closed nc
}

// New returns a Bus that Server.Start will start.
func New(opt Options) *Bus {
	b := &Bus{
		opt:    opt,
		prefix: strings.TrimSuffix(opt.Prefix, ".") + ".",
		from:   "weir-" + rand.Text()[:12],
		log:    opt.Logger,
		subs:   subscriptions{known: make(map[string]*nats.Subscription)},
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
	if opt.BacklogBytes <= 0 {
		b.opt.BacklogBytes = defaultBacklogBytes
	}
	if opt.Logger == nil {
		b.log = slog.Default()
	}
	b.arriving = make(chan *nats.Msg, arrivingAtOnce)
	b.inbox = inbox{messages: b.opt.Backlog, bytes: b.opt.BacklogBytes, arrived: make(chan struct{}, 1), overflowing: make(chan *nats.Subscription, 1)}
	return b
}

// Start connects to NATS; see Options.Required for what happens if it cannot. From then on deliver is
// called with the messages of other servers and NATS clients, by one goroutine. It fails for options
// that make no sense, and when the Bus has been started or closed before.
func (b *Bus) Start(deliver func(pattern, topic string, op codec.Opcode, p []byte)) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.nc.Load() != nil || b.closed.Load() {
		return errors.New("natsbus: a Bus can be started only once")
	}
	if err := checkPrefix(b.prefix); err != nil {
		return err
	}
	nc, err := b.connect(!b.opt.Required)
	if err != nil {
		return fmt.Errorf("natsbus: cannot connect to NATS: %w", err)
	}
	if nc.IsConnected() {
		b.connected(nc)
	} else {
		b.log.Warn("NATS cannot be reached; serving without it, and trying on")
	}
	b.deliver = deliver
	b.ended.Go(b.collect)
	b.ended.Go(b.receive)
	b.ended.Go(b.keep)
	return nil
}

// Close waits until NATS has got what was published, some seconds at most, and ends the connection.
// deliver is not called any more once it has returned.
func (b *Bus) Close() error {
	b.life.Lock()
	defer b.life.Unlock()
	nc := b.nc.Load()
	if b.closed.Swap(true) || nc == nil {
		return nil
	}
	close(b.quit)
	b.ended.Wait()
	var err error
	if nc = b.nc.Load(); nc.IsConnected() {
		err = nc.FlushTimeout(patience)
	}
	if !nc.IsClosed() {
		nc.Close()
		<-b.given
	}
	if err != nil {
		return fmt.Errorf("natsbus: messages may be lost: %w", err)
	}
	return nil
}

// Publish sends a message to the other servers. It copies p. It fails with ErrAway, ErrTooLarge or
// ErrTopicTooLong, with the error of a socket that breaks, and once the Bus is closed with one for which
// errors.Is(err, net.ErrClosed) holds. Without an error the message can be lost too, see the package's
// description.
func (b *Bus) Publish(topic string, op codec.Opcode, p []byte) error {
	err := b.publish(b.prefix+topic, op, p)
	if err != nil {
		b.state.lost.Add(1)
		return err
	}
	b.state.out.Add(1)
	b.state.outBytes.Add(uint64(len(p)))
	return nil
}

func (b *Bus) publish(subject string, op codec.Opcode, p []byte) error {
	nc := b.nc.Load()
	if nc == nil || b.closed.Load() {
		return errClosed
	}
	if len(subject) > maxSubject {
		return ErrTopicTooLong
	}
	m := nats.Msg{Subject: subject, Reply: b.from, Data: p}
	if needsHeader(op, p) {
		m.Header = binaryHeader
	}
	err := nc.PublishMsg(&m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return ErrTooLarge
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
		return ErrAway
	}
	return fmt.Errorf("natsbus: %w", err)
}

// checkPrefix finds a prefix that is no NATS subject to stand before others. prefix ends with a dot.
func checkPrefix(prefix string) error {
	if !reactor.ValidTopic(strings.TrimSuffix(prefix, ".")) {
		return fmt.Errorf("natsbus: bad prefix %q: want tokens between dots, without spaces and wildcards", prefix)
	}
	return nil
}
