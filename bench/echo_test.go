package bench

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Conns, o.Depth, o.Verify, o.Warmup = 5, 3, true, 20*time.Millisecond
	res := must(t, RunEcho, o)
	wantChecks(t, res, "")
	wantWhole(t, res)
	c := res.Connections
	if c.Wanted != 5 || c.Opened != 5 || c.Failed != 0 || c.Lost != 0 || c.Rate <= 0 || srv.opened.Load() != 5 {
		t.Errorf("connections: %+v, server: %d", c, srv.opened.Load())
	}
	m := res.Messages
	if diff := int64(m.Sent) - int64(m.Received); diff < -15 || diff > 15 {
		t.Errorf("sent %d, received %d: they may differ by what is in flight, 15", m.Sent, m.Received)
	}
	if m.BytesOut != 128*m.Sent || m.BytesIn != 128*m.Received {
		t.Errorf("bytes: %+v", m)
	}
	if total := uint64(srv.messages.Load()); m.Sent >= total {
		t.Errorf("%d messages were sent in the measured time, and %d in all: the warm-up counts", m.Sent, total)
	}
	if *res.Verify != (Verify{}) || res.Ended != "complete" || res.Connect.Count != 5 || res.RawLatency != nil {
		t.Errorf("verify %+v, ended %q, connect %+v, raw %+v", res.Verify, res.Ended, res.Connect, res.RawLatency)
	}
	if len(res.Series) == 0 || res.Series[len(res.Series)-1].Connections != 5 {
		t.Errorf("series: %+v", res.Series)
	}
}

// TestDepth holds that a connection keeps exactly Depth messages in flight.
func TestDepth(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	held := map[*reactor.Conn]int{}
	srv := &testServer{onMessage: func(c *reactor.Conn, _ codec.Message) {
		mu.Lock()
		defer mu.Unlock()
		held[c]++
	}}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Depth = 3, 7
	o.patience.answers = 50 * time.Millisecond
	res := must(t, RunEcho, o)
	wantChecks(t, res, "answers")
	if len(held) != 3 {
		t.Errorf("%d connections have sent messages", len(held))
	}
	for _, n := range held {
		if n != 7 {
			t.Errorf("a connection has %d messages in flight, want 7", n)
		}
	}
}

// TestBatching holds that what a turn brings is answered with one write: a server that answers 16
// messages at once gets the next 16 at once.
func TestBatching(t *testing.T) {
	t.Parallel()
	const depth = 16
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	reads, messages := 0, 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 1<<20)
		n, _ := c.Read(buf)
		_, key, _ := strings.Cut(string(buf[:n]), "Sec-WebSocket-Key: ")
		key, _, _ = strings.Cut(key, "\r\n")
		_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			string(codec.AcceptKey([]byte(key))) + "\r\n\r\n"))
		const frame = 2 + 4 + 100
		var answer []byte
		for range depth {
			answer = codec.AppendFrame(answer, codec.Text, make([]byte, 100))
		}
		for pending := 0; ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			reads++
			for pending += n; pending >= depth*frame; pending -= depth * frame {
				messages += depth
				_, _ = c.Write(answer)
			}
		}
	}()
	o := short("ws://" + ln.Addr().String() + "/")
	o.Conns, o.Depth, o.Size = 1, depth, FixedSize(100)
	o.patience.answers = 50 * time.Millisecond // at the end there may be fewer than the server waits for
	must(t, RunEcho, o)
	<-done
	if messages < 2*depth || reads > messages/depth+messages/depth/10+1 {
		t.Errorf("%d messages came in %d reads, want %d to a read", messages, reads, depth)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	socket := "unix://" + filepath.Join(t.TempDir(), "s")
	a, b, c := new(testServer).start(t), new(testServer).start(t), new(testServer).start(t, socket)
	o := short(a.url, b.url, socket)
	o.Conns = 9
	wantChecks(t, must(t, RunEcho, o), "")
	for _, s := range []*testServer{a, b, c} {
		if s.opened.Load() != 3 || s.messages.Load() == 0 {
			t.Errorf("%v got %d connections and %d messages", s.Addrs(), s.opened.Load(), s.messages.Load())
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sources := map[string]bool{}
	srv := &testServer{Server: reactor.Server{
		Subprotocols: []string{"v2"},
		Origins:      []string{"https://here.example"},
		Upgrade: func(c *reactor.Conn, u *reactor.Upgrade) error {
			mu.Lock()
			defer mu.Unlock()
			sources[c.RemoteAddr().(*net.TCPAddr).IP.String()] = true
			if string(u.Request.Field("X-Test")) != "yes" || u.Subprotocol != "v2" {
				return reactor.Refuse(400, "wrong")
			}
			return nil
		},
	}}
	srv.start(t)
	o := short(srv.url)
	o.Fields = []codec.Field{{Name: "X-Test", Value: "yes"}}
	o.Subprotocols = []string{"v1", "v2"}
	o.Origin = "https://here.example"
	o.Source = prefix("127.0.0.0/8")
	for _, scenario := range []func(context.Context, Options) (*Result, error){RunEcho, RunSlow} {
		o.Slow, o.Stuck = 1, 1
		wantChecks(t, must(t, scenario, o), "")
	}
	if len(sources) != 6 {
		t.Errorf("the connections came from %v, want 4 addresses and 2 of slow clients", sources)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	srv := &testServer{onMessage: func(c *reactor.Conn, m codec.Message) {
		mu.Lock()
		got = append(got, string(m.Payload))
		mu.Unlock()
		echo(c, m)
	}}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Lines = 1, []string{"one", "", "zwölf"}
	enough := func() bool { return srv.messages.Load() > 6 }
	wantChecks(t, mustUntil(t, RunEcho, o, enough), "")
	mu.Lock() // the server may not have heard yet that this has ended
	defer mu.Unlock()
	if len(got) < 6 || !slices.Equal(got[:6], []string{"one", "", "zwölf", "one", "", "zwölf"}) {
		t.Errorf("the server got %q…", got[:min(len(got), 6)])
	}
}

// TestLostConnections holds that each is counted once, and that the others go on.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	srv := &testServer{}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		switch n := srv.messages.Load(); {
		case n == 100 || n == 200:
			_ = c.CloseNow()
		case n == 300:
			_ = c.Close(codec.CloseTryAgainLater, "")
		}
		echo(c, m)
	}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Depth, o.Verify = 5, 4, true
	res := mustUntil(t, RunEcho, o, func() bool { return srv.messages.Load() > 500 })
	wantChecks(t, res, "connections errors answers verify")
	wantWhole(t, res)
	lost := 0
	for what, n := range res.Errors {
		if strings.HasPrefix(what, "connection lost") {
			lost += n
		}
	}
	if res.Connections.Lost != 3 || lost != 3 || res.Errors["connection lost: closed by the server with try again later"] > 1 {
		t.Errorf("3 connections were lost: %+v, %v", res.Connections, res.Errors)
	}
	if res.Ended != "interrupted" || res.Messages.Sent == 0 { // not of 500: some may come before all have connected
		t.Errorf("ended %q after %d messages", res.Ended, res.Messages.Sent)
	}
}

// TestFailedConnections holds that attempts that fail are counted, by their reasons, and hold
// nothing up.
func TestFailedConnections(t *testing.T) {
	t.Parallel()
	good := new(testServer).start(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer refusing.Close()
	o := short(good.url, blackHole(t), strings.Replace(refusing.URL, "http", "ws", 1), "ws://127.0.0.1:1/")
	o.Conns = 8
	o.patience.connect = 2 * time.Second
	res := must(t, RunEcho, o)
	wantChecks(t, res, "connections errors")
	if c := res.Connections; c.Opened != 2 || c.Failed != 6 || c.Lost != 0 {
		t.Errorf("connections: %+v", c)
	}
	var reasons []string
	for what, n := range res.Errors {
		if n != 2 {
			t.Errorf("%s: %d, want 2", what, n)
		}
		reasons = append(reasons, what)
	}
	slices.Sort(reasons)
	if all := strings.Join(reasons, "; "); len(reasons) != 3 || !strings.Contains(all, "503") || !strings.Contains(all, "refused") {
		t.Errorf("reasons: %s", all)
	}
}

func TestNoConnectionAtAll(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios {
		if s.Name == "churn" {
			continue // which waits for the server to come
		}
		o := short("ws://127.0.0.1:1/")
		o.Rate = 100
		if _, err := s.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no connection could be opened: connect: ") {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestLoops(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Loops, o.Conns, o.Verify = 3, 7, true
	res := must(t, RunEcho, o)
	wantChecks(t, res, "")
	wantWhole(t, res)
	if res.Generator.Loops != 3 || srv.opened.Load() != 7 {
		t.Errorf("%+v, %d connections", res.Generator, srv.opened.Load())
	}
}

// TestProgress holds that each phase is told, in order, and that only what is measured is not
// warm-up.
func TestProgress(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	o := short(srv.url)
	o.Warmup, o.Duration = 200*time.Millisecond, 1300*time.Millisecond
	var phases []string
	o.Progress = func(s Sample, phase string) {
		phases = append(phases, phase)
		if s.Warmup == (phase == phaseMeasuring) || (phase == phaseMeasuring && (s.Rate <= 0 || s.P50 <= 0 || s.Max < s.P99)) {
			t.Errorf("in %s: %+v", phase, s)
		}
	}
	res := must(t, RunEcho, o)
	i := slices.Index(phases, phaseWarmup)
	j := slices.Index(phases, phaseMeasuring)
	if i < 0 || j < i || slices.Contains(phases[j:], phaseWarmup) || len(phases) < j+2 || len(res.Series) != len(phases) {
		t.Errorf("phases: %q, %d samples", phases, len(res.Series))
	}
	received := 0.0
	last := 0.0
	for _, s := range res.Series {
		if !s.Warmup {
			received += s.Rate * (s.T - last)
		}
		last = s.T
	}
	if got := float64(res.Messages.Received); received < got/2 || received > 2*got {
		t.Errorf("the series has %.0f messages, the result %.0f", received, got)
	}
}

// TestResultRoundTrip holds that a result can be read back.
func TestResultRoundTrip(t *testing.T) {
	t.Parallel()
	srv := new(testServer).start(t)
	res := must(t, RunEcho, short(srv.url))
	b, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	h, err := back.Latency.Histogram()
	if err != nil || h.TotalCount() != res.Latency.Count || h.Max() != res.Latency.Max {
		t.Errorf("histogram: %v, %+v", err, h)
	}
}

// TestDeflate holds that messages are compressed where the server agrees, come back whole, and that it
// is said where it does not.
func TestDeflate(t *testing.T) {
	t.Parallel()
	for _, agrees := range []bool{true, false} {
		srv := &testServer{onMessage: func(c *reactor.Conn, m codec.Message) {
			if _, ok := c.Deflate(); ok != agrees {
				t.Errorf("the server compresses: %t, want %t", ok, agrees)
			}
			_ = c.WriteMessage(m.Opcode, m.Payload)
		}}
		if agrees {
			srv.Deflate = &codec.Deflate{ServerContextTakeover: true}
		}
		srv.start(t)
		o := short(srv.url)
		o.Deflate, o.Verify, o.Conns, o.Size = true, true, 3, FixedSize(2000)
		res := must(t, RunEcho, o)
		wantChecks(t, res, "")
		declined := strings.Contains(strings.Join(res.Warnings, "\n"), "declined permessage-deflate on 3 of 3")
		if declined == agrees || res.Settings["deflate"] != "true" {
			t.Errorf("warnings %q, settings %v", res.Warnings, res.Settings)
		}
	}
}
