package natsbus

import (
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// natsOptions are the options of the connection: defaults, those of the user, and what a Bus relies on.
func (b *Bus) natsOptions() []nats.Option {
	options := []nats.Option{
		nats.Name("weir " + b.from),
		nats.ReconnectWait(time.Second),
		nats.ReconnectJitter(time.Second, time.Second), // many servers lose the same NATS node at once
		nats.PingInterval(20 * time.Second),
		nats.FlusherTimeout(patience), // no write is stuck for longer
	}
	options = append(options, b.opt.NATS...)
	return append(options,
		nats.NoEcho(),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(b.opt.Buffer),
		nats.ConnectHandler(b.connected),
		nats.DisconnectErrHandler(b.disconnected),
		nats.ReconnectHandler(b.reconnected),
		nats.ReconnectErrHandler(b.stillAway),
		nats.ErrorHandler(b.failed),
		nats.ClosedHandler(func(*nats.Conn) { b.given <- struct{}{} }),
	)
}

// connect makes the NATS client, which connects by itself again and again. Unless retry it fails when
// no server answers the first time.
func (b *Bus) connect(retry bool) (*nats.Conn, error) {
	nc, err := nats.Connect(strings.Join(b.opt.Servers, ","), append(b.natsOptions(), nats.RetryOnFailedConnect(retry))...)
	if err == nil {
		b.nc.Store(nc)
	}
	return nc, err
}

// keep replaces a NATS client that has given up, until quit: there are errors after which it closes for
// good, for instance when the NATS server permits shorter lines than we send. It also reports what collect
// has to drop, since a log can block.
func (b *Bus) keep() {
	for {
		select {
		case <-b.given:
			b.state.leave()
			b.log.Error("the NATS client has given up; beginning again", "err", b.nc.Load().LastError())
			b.connectAgain()
		case sub := <-b.inbox.overflowing:
			b.failed(nil, sub, nats.ErrSlowConsumer)
		case <-b.quit:
			return
		}
	}
}

// connectAgain makes another client and subscribes as the one before was.
func (b *Bus) connectAgain() {
	for {
		select {
		case <-time.After(time.Second):
		case <-b.quit:
			return
		}
		_, err := b.connect(true)
		if err == nil {
			break
		}
		b.log.Error("cannot connect to NATS", "err", err)
	}
	b.subs.telling.Lock()
	defer b.subs.telling.Unlock()
	for _, pattern := range b.subs.reset() {
		if err := b.subscribe(b.nc.Load(), pattern); err != nil {
			b.log.Error("cannot subscribe to what other servers publish", "pattern", pattern, "err", err)
		}
	}
}

// connected is called when the first connection is there, and by Start so as not to wait for that.
func (b *Bus) connected(nc *nats.Conn) {
	if b.state.arrive(nc) {
		b.log.Info("connected to NATS", "server", nc.ConnectedUrlRedacted())
	}
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	if b.closed.Load() {
		return
	}
	b.state.leave()
	b.log.Warn("NATS is away; only connections of this server hear what it publishes", "err", err)
}

func (b *Bus) reconnected(nc *nats.Conn) {
	b.state.reconnects.Add(1)
	if b.state.arrive(nc) {
		patterns, _ := b.subs.count()
		b.log.Info("connected to NATS again", "server", nc.ConnectedUrlRedacted(), "subscriptions", patterns, "lost", b.state.lost.Load())
	}
}

func (b *Bus) stillAway(_ *nats.Conn, err error) {
	b.log.Debug("NATS cannot be reached", "err", err)
}

// failed is called with what nobody waits for: a permission that is missing, or the first of several
// messages that had to be dropped.
func (b *Bus) failed(_ *nats.Conn, sub *nats.Subscription, err error) {
	b.state.errors.Add(1)
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		b.log.Warn("messages from NATS are dropped: they come faster than they can be delivered", "subject", subject)
		return
	}
	b.log.Warn("NATS reports an error", "subject", subject, "err", err)
}
