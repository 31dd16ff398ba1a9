package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// RunSlow is RunEcho beside clients that ask for echoes and read them slowly (Slow of them) or never
// (Stuck). What it measures is how the others fare.
func RunSlow(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(ctx, "slow", &o, func(*genLoop) reactor.Handler { return echoing{} })
	if err != nil {
		return nil, err
	}
	defer r.close()
	slow, stuck := max(o.Slow, 0), max(o.Stuck, 0)
	if err := enoughFiles(o.Conns + slow + stuck); err != nil {
		return nil, err
	}
	if err := r.begin(o.Conns); err != nil {
		return nil, err
	}
	bad, cancel := context.WithCancel(ctx)
	defer cancel()
	clients := make([]*badClient, 0, slow+stuck)
	for i := range slow + stuck {
		c := &badClient{run: r, number: o.Conns + i, reads: i < slow, done: make(chan struct{})}
		clients = append(clients, c)
		go c.live(bad)
	}
	r.measure(r.startEchoes, func() { cancel(); r.quiesce() })
	cancel()
	dropped := 0
	for _, c := range clients {
		<-c.done
		if c.dropped.Load() {
			dropped++
		}
	}
	res := r.finish()
	r.warn("of %d slow and %d stuck clients the server dropped %d", slow, stuck, dropped)
	return res, nil
}

// badClient asks for echoes and reads a little now and then, or nothing.
type badClient struct {
	run     *run
	number  int // of its connection
	reads   bool
	done    chan struct{}
	dropped atomic.Bool // the server has ended the connection
}

// What a bad client does in each of its beats: it asks for the echo of up to askBytes, if the server
// takes them, and reads readBytes if it reads at all. What its kernel takes off the server is bounded
// by receiveBuffer, so that the server notices soon.
const (
	beat          = 100 * time.Millisecond
	askMessage    = 4 << 10
	askMessages   = 32
	readBytes     = 1 << 10
	receiveBuffer = 4 << 10
)

// live is the client's life, until the context ends.
func (c *badClient) live(ctx context.Context) {
	defer close(c.done)
	conn, err := c.run.dialBlocking(ctx, c.number)
	if err != nil {
		if ctx.Err() == nil {
			c.run.failed.Add(1)
			c.run.loops[0].failed("connect: " + reason(err))
		}
		return
	}
	defer conn.Close()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		c.every(ctx, func() error { return c.ask(conn) })
	}()
	buf := make([]byte, readBytes)
	if c.reads {
		c.every(ctx, func() error { _, err := conn.Read(buf); return err })
	}
	<-asked
}

// every calls f once in a beat, until the context ends or f fails, which tells that the server has
// ended the connection.
func (c *badClient) every(ctx context.Context, f func() error) {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		if err := f(); err != nil {
			if ctx.Err() == nil {
				c.dropped.Store(true)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// ask sends messages. It blocks while the server does not take them.
func (c *badClient) ask(conn interface{ Write([]byte) (int, error) }) error {
	p := make([]byte, askMessage)
	for i := range p {
		p[i] = '.'
	}
	var frames []byte
	for range askMessages {
		frames = codec.AppendMaskedFrame(frames, codec.Text, p, codec.NewMaskKey())
	}
	_, err := conn.Write(frames)
	return err
}

var errNotUpgraded = errors.New("the server did not upgrade the connection")

// upgrade does the opening handshake on a connection that no event loop reads. It reads byte by byte,
// so that nothing that follows is lost.
func upgrade(conn interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}, up *codec.ClientUpgrade,
) error {
	request, err := codec.AppendRequest(nil, up)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var parser codec.ResponseParser
	parser.Reset(codec.HeadLimits{})
	var head []byte
	for b := make([]byte, 1); ; {
		if _, err := conn.Read(b); err != nil {
			return err
		}
		head = append(head, b[0])
		n, err := parser.Parse(head)
		if err != nil {
			return err
		}
		if n > 0 {
			if _, _, err := parser.Response(head[:n]).CheckUpgrade(up); err != nil {
				return fmt.Errorf("%w: %w", errNotUpgraded, err)
			}
			return nil
		}
	}
}
