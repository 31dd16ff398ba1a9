package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// TestMain fails when goroutines of this package are left over.
func TestMain(m *testing.M) {
	if os.Getenv("WEIRBENCH_TEST_WORKER") != "" {
		if err := ServeOrders(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // the tests wait more than they work
	code := m.Run()
	if code == 0 {
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			left := leftOver()
			if left == "" {
				break
			}
			if time.Now().After(end) {
				fmt.Fprintf(os.Stderr, "goroutines are left over:\n%s\n", left)
				code = 1
				break
			}
		}
	}
	os.Exit(code)
}

func leftOver() string {
	buf := make([]byte, 1<<20)
	var left []string
	for g := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if s := string(g); strings.Contains(s, "weir/bench.") && !strings.Contains(s, "bench.TestMain") {
			left = append(left, s)
		}
	}
	return strings.Join(left, "\n\n")
}

// testServer is a server to put load on. It echoes unless onMessage does something else.
type testServer struct {
	reactor.Server
	url       string
	onOpen    func(c *reactor.Conn)
	onMessage func(c *reactor.Conn, m codec.Message)
	opened    atomic.Int64
	closed    atomic.Int64
	messages  atomic.Int64
}

func (s *testServer) OnOpen(c *reactor.Conn) {
	s.opened.Add(1)
	if s.onOpen != nil {
		s.onOpen(c)
	}
}

func (s *testServer) OnMessage(c *reactor.Conn, m codec.Message) {
	s.messages.Add(1)
	if s.onMessage != nil {
		s.onMessage(c, m)
		return
	}
	echo(c, m)
}

func (s *testServer) OnClose(*reactor.Conn, error) { s.closed.Add(1) }

func echo(c *reactor.Conn, m codec.Message) { _ = c.WriteMessage(m.Opcode, m.Payload) }

// start starts s, on loopback unless addrs say otherwise, until the end of the test.
func (s *testServer) start(t *testing.T, addrs ...string) *testServer {
	t.Helper()
	if len(addrs) == 0 {
		addrs = []string{"127.0.0.1:0"}
	}
	s.Handler = s
	s.Loops = 1
	s.Logger = quiet
	if err := s.Start(addrs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.url = "ws://" + s.Addrs()[0].String() + "/"
	return s
}

// short are options for a short run against url.
func short(url ...string) Options {
	return Options{
		Targets:  url,
		Conns:    4,
		Duration: time.Second,
		Warmup:   -1,
		patience: patience{
			connect: 5 * time.Second,
			answers: 10 * time.Second,
			publish: 3 * time.Second,
			cycle:   5 * time.Second,
			recover: 3 * time.Second,
		},
	}
}

// must runs a scenario that has to give a result, which has to be fit for JSON, in good time.
func must(t *testing.T, scenario func(context.Context, Options) (*Result, error), o Options) *Result {
	t.Helper()
	return mustIn(t, t.Context(), scenario, o)
}

func mustIn(t *testing.T, ctx context.Context, scenario func(context.Context, Options) (*Result, error), o Options) *Result {
	t.Helper()
	began := time.Now()
	res, err := scenario(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(res); err != nil {
		t.Errorf("the result is not fit for JSON: %v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("the run took %v", d)
	}
	return res
}

// mustUntil runs a scenario until ok holds, which ends it as Ctrl-C does.
func mustUntil(t *testing.T, scenario func(context.Context, Options) (*Result, error), o Options, ok func() bool) *Result {
	t.Helper()
	o.Duration = 20 * time.Second
	ctx, cancel := contextUntil(t, ok)
	defer cancel()
	return mustIn(t, ctx, scenario, o)
}

// failedChecks are the names of the checks that were not met.
func failedChecks(res *Result) string {
	var names []string
	for _, c := range res.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

// wantChecks fails the test unless exactly these checks were not met.
func wantChecks(t *testing.T, res *Result, failed string) {
	t.Helper()
	if got := failedChecks(res); got != failed {
		t.Errorf("the checks that failed are %q, want %q; all: %v, errors: %v", got, failed, res.Checks, res.Errors)
	}
}

// wantWhole fails the test unless the result has a latency for every message that was sent.
func wantWhole(t *testing.T, res *Result) {
	t.Helper()
	if res.Messages.Sent == 0 || res.Latency == nil || uint64(res.Latency.Count) != res.Messages.Sent {
		t.Fatalf("%d messages were sent, latencies: %+v", res.Messages.Sent, res.Latency)
	}
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// blackHole is a listener that accepts and never answers.
func blackHole(t *testing.T) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return "ws://" + ln.Addr().String() + "/"
}

// quiet discards what the servers of tests log.
var quiet = slog.New(slog.DiscardHandler)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
