package natsbus

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"example.org/weir/codec"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// gnet's pool of workers is there from its import on.
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"),
	)
}

// natsServer starts a NATS server; change may be nil.
func natsServer(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	opt := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	if change != nil {
		change(opt)
	}
	s, err := server.NewServer(opt)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stopNATS(s) })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

func stopNATS(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// natsCluster starts NATS servers that know each other.
func natsCluster(t testing.TB, n int) []*server.Server {
	t.Helper()
	var nodes []*server.Server
	for i := range n {
		nodes = append(nodes, natsServer(t, func(o *server.Options) {
			o.ServerName = fmt.Sprint("node-", i)
			o.Cluster = server.ClusterOpts{Name: "weir", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			if i > 0 {
				o.Routes = []*url.URL{{Scheme: "nats", Host: nodes[0].ClusterAddr().String()}}
			}
		}))
	}
	for _, node := range nodes {
		await(t, "the cluster", func() bool { return node.NumRemotes() == n-1 })
	}
	return nodes
}

// heard is what a Bus has delivered.
type heard struct {
	pattern, topic string
	op             codec.Opcode
	payload        string
}

// peer is a Bus with what it has delivered and logged.
type peer struct {
	*Bus
	mu    sync.Mutex
	heard []heard
	log   bytes.Buffer
}

// newPeer starts a Bus; opt needs no Logger.
func newPeer(t testing.TB, opt Options, patterns ...string) *peer {
	t.Helper()
	p := &peer{}
	opt.Logger = slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p.Bus = New(opt)
	if err := p.Start(p.deliver); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	for _, pattern := range patterns {
		p.subscribe(t, pattern)
	}
	return p
}

func (p *peer) deliver(pattern, topic string, op codec.Opcode, payload []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, heard{pattern, topic, op, string(payload)})
}

// Write takes a line of the log.
func (p *peer) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(line)
}

func (p *peer) awaitLog(t testing.TB, line string) {
	t.Helper()
	await(t, "a line in the log: "+line, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return strings.Contains(p.log.String(), line)
	})
}

// subscribe subscribes.
func (p *peer) subscribe(t testing.TB, pattern string) {
	t.Helper()
	if err := p.Subscribe(pattern); err != nil {
		t.Fatal(err)
	}
}

func (p *peer) publish(t testing.TB, topic, text string) {
	t.Helper()
	if err := p.Publish(topic, codec.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// all returns what has been delivered except probes.
func (p *peer) all() []heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.heard), func(h heard) bool { return h.topic == probe })
}

func (p *peer) awaitHeard(t testing.TB, n int) []heard {
	t.Helper()
	await(t, fmt.Sprint(n, " messages"), func() bool { return len(p.all()) >= n })
	return p.all()
}

const probe = "probe"

// meet returns once the messages of from arrive at each of peers, so that all their earlier
// subscriptions are known where from is. None of its own is under way then.
func meet(t testing.TB, from *peer, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		p.subscribe(t, probe)
	}
	for _, p := range peers {
		n, sent := 0, time.Time{}
		await(t, "a probe", func() bool {
			word := func() string { return fmt.Sprintf("%p %d", p, n) }
			if p.heardProbe(word()) { // and so all before it have come, or never will
				return true
			}
			if time.Since(sent) > 50*time.Millisecond {
				n, sent = n+1, time.Now()
				_ = from.Publish(probe, codec.Text, []byte(word()))
			}
			return false
		})
		if err := p.Unsubscribe(probe); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.heard = slices.DeleteFunc(p.heard, func(h heard) bool { return h.topic == probe })
		p.mu.Unlock()
	}
}

func (p *peer) heardProbe(payload string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.heard, func(h heard) bool { return h.topic == probe && h.payload == payload })
}

// await waits for a condition.
func await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// client is a NATS client of others.
func client(t testing.TB, s *server.Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
