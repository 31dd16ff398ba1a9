package natsbus

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// BenchmarkInterest counts what a pattern takes, in bytes of memory: in a Bus, in the NATS server that it
// is connected to, and in each other server of the cluster, which has to know of it too.
func BenchmarkInterest(b *testing.B) {
	const n = 100_000
	topic := func(i int) string { return fmt.Sprintf("user.%08d", i) }
	for _, row := range []struct {
		name  string
		nodes int
		begin func(b *testing.B, s *server.Server)
	}{
		{"one NATS server", 1, func(b *testing.B, s *server.Server) { rawSubscribe(b, s, n, topic) }},
		{"two NATS servers", 2, func(b *testing.B, s *server.Server) { rawSubscribe(b, s, n, topic) }},
		{"one NATS server and a Bus", 1, func(b *testing.B, s *server.Server) {
			bus := newPeer(b, Options{Servers: []string{s.ClientURL()}})
			for i := range n {
				bus.subscribe(b, topic(i))
			}
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				nodes := natsCluster(b, row.nodes)
				before := heap()
				row.begin(b, nodes[0])
				for _, node := range nodes {
					await(b, "the interest", func() bool { return node.NumSubscriptions() >= n })
				}
				b.ReportMetric(float64(heap()-before)/n, "B/pattern")
				for _, node := range nodes {
					stopNATS(node)
				}
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// rawSubscribe subscribes over a connection that remembers nothing.
func rawSubscribe(b *testing.B, s *server.Server, n int, topic func(int) string) {
	b.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.ClientURL(), "nats://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	w := bufio.NewWriter(c)
	fmt.Fprint(w, "CONNECT {\"verbose\":false}\r\n")
	for i := range n {
		fmt.Fprintf(w, "SUB weir.%s %d\r\n", topic(i), i+1)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}
