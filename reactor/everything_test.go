package reactor

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestEverythingAtOnce uses all of a server at the same time, with and without TLS and compression, from the loops
// and from goroutines, while connections end in every way, and then shuts it down. It is for the race detector, and
// holds that the calls for a connection keep their order and do not overlap, that what is counted is balanced in
// the end, and that no client gets what breaks a rule.
func TestEverythingAtOnce(t *testing.T) {
	for _, secure := range []bool{false, true} {
		upheaval(t, secure)
	}
}

// witness is a handler that checks law 1.
type witness struct {
	mu    sync.Mutex
	state map[*Conn]int // 1: open, 2: in a call, 3: closed
	t     *testing.T
	do    func(c *Conn, n int)
}

func (w *witness) step(c *Conn, from, to int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state[c] != from {
		w.t.Errorf("a connection in state %d, want %d", w.state[c], from)
	}
	w.state[c] = to
}

func (w *witness) OnOpen(c *Conn) {
	w.step(c, 0, 1)
	_ = c.Subscribe("news.>")
}

func (w *witness) OnMessage(c *Conn, m codec.Message) {
	w.step(c, 1, 2)
	w.do(c, len(m.Payload))
	w.step(c, 2, 1)
}

func (w *witness) OnChunk(c *Conn, ch codec.Chunk) {
	w.step(c, 1, 2)
	if ch.Final {
		w.do(c, len(ch.Payload))
	}
	w.step(c, 2, 1)
}

func (w *witness) OnClose(c *Conn, _ error) { w.step(c, 1, 3) }

func upheaval(t *testing.T, secure bool) {
	var helpers sync.WaitGroup
	var srv *Server
	prepared := codec.Prepare(codec.Text, []byte(strings.Repeat("prepared ", 40)))
	w := &witness{t: t, state: make(map[*Conn]int)}
	w.do = func(c *Conn, n int) {
		actions := []func(){
			func() { _ = c.WriteMessage(codec.Binary, make([]byte, n)) },
			func() { _ = c.WritePrepared(prepared) },
			func() { _ = c.Publish("news.today", codec.Text, []byte(strings.Repeat("news ", n%500))) },
			func() { _, _ = c.WriteFrom(codec.Text, strings.NewReader(strings.Repeat("a file ", 10_000))) },
			func() { _, _, _ = c.BufferedAmount(), c.Info(), c.RemoteAddr() },
			func() { _ = c.Unsubscribe("news.>"); _ = c.Subscribe("news.*") },
			func() { _ = c.Ping([]byte("are you there")) },
			func() { _ = c.Do(func(c *Conn) { _ = c.WriteText("done") }) },
			func() { _, _ = c.TLS(); _, _ = c.Deflate() },
		}
		if n%50 == 0 {
			actions = append(actions, func() { _ = c.Close(codec.CloseNormal, "enough") }, func() { _ = c.CloseNow() })
		}
		a := actions[rand.IntN(len(actions))]
		helpers.Go(a)
		if i := rand.IntN(len(actions)); i != 3 { // which blocks
			actions[i]()
		}
	}
	srv = &Server{
		Handler: w, Deflate: &codec.Deflate{ServerContextTakeover: true, ClientContextTakeover: true, Threshold: 32},
		MessageRate: 2000, ByteRate: 64 << 20, TrackConns: true, MaxConnsPerIP: 1000, MaxOutbound: 64 << 10,
		MaxBuffered: 1 << 20, StreamFrom: 2000, IdleTimeout: 300 * time.Millisecond, CloseTimeout: 300 * time.Millisecond,
		SlowSubscriber: SlowDropOldest, Overflow: OverflowClose, OverflowTimeout: 300 * time.Millisecond,
		OnDrain: func(c *Conn) { _ = c.WriteText("drained") }, OnPong: func(c *Conn, _ []byte) { _ = c.BufferedAmount() },
	}
	addr, scheme := "", "ws://"
	cl := &Client{Deflate: srv.Deflate, Logger: quiet}
	if secure {
		addr, scheme = serveTLS(t, srv), "wss://"
		cl.TLS = clientConfig(tls.VersionTLS13)
	} else {
		addr = serve(t, srv)
	}
	defer cl.Close()
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i := range 8 {
		clients.Go(func() {
			for turn := 0; ; turn++ {
				select {
				case <-stop:
					return
				default:
				}
				if i%4 == 3 { // never reads, and goes
					r, err := net.Dial("tcp", addr)
					if err != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					var out io.Writer = r
					if secure {
						out = tls.Client(r, clientConfig(tls.VersionTLS13))
					}
					_ = r.SetDeadline(time.Now().Add(time.Second))
					_, _ = io.WriteString(out, request()+strings.Repeat(frame(codec.Binary, strings.Repeat("x", 1001)), 200))
					time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
					_ = r.(*net.TCPConn).SetLinger(0)
					_ = r.Close()
					continue
				}
				closed := make(judge, 1)
				c, err := cl.Dial(t.Context(), scheme+addr, closed, nil)
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				for range 40 {
					if c.WriteMessage(codec.Binary, make([]byte, rand.IntN(5000))) != nil {
						break
					}
				}
				if turn%2 == 0 {
					_ = c.Close(codec.CloseNormal, "")
				} else {
					_ = c.CloseNow()
				}
				if why := within(t, closed); !why.Remote && (why.Code == codec.CloseProtocolError || why.Code == codec.CloseInvalidPayload) {
					t.Errorf("the server broke a rule: %v", why)
				}
			}
		})
	}
	for range 15 {
		time.Sleep(50 * time.Millisecond)
		_ = srv.Publish("news.late", codec.Binary, make([]byte, 3000))
		_, _ = srv.Stats(), srv.TopicStats()
		_ = srv.EachConn(t.Context(), func(*Conn, ConnInfo) bool { return true })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	close(stop)
	clients.Wait()
	helpers.Wait()
	st := srv.Stats()
	if st.Conns != 0 || st.Congested != 0 || st.Buffered != 0 || srv.core.leased.Load() != 0 || len(srv.admission.conns) != 0 || st.Panics != 0 {
		t.Errorf("%+v, %d bytes leased, %d addresses", st, srv.core.leased.Load(), len(srv.admission.conns))
	}
	var ended uint64
	for k, n := range st.Closed {
		if ended += n; k.Code == codec.CloseProtocolError {
			t.Errorf("%d connections have broken the protocol", n)
		}
	}
	for _, state := range w.state {
		if state != 3 {
			t.Errorf("a connection is left in state %d", state)
		}
	}
	if ended != st.Opened || int(ended) != len(w.state) || ended == 0 {
		t.Errorf("%d connections have ended, %d were opened, %d were seen", ended, st.Opened, len(w.state))
	}
}

// judge is a client's handler that tells why its connection has ended.
type judge chan *codec.CloseError

func (judge) OnOpen(*Conn)                   {}
func (judge) OnMessage(*Conn, codec.Message) {}
func (j judge) OnClose(_ *Conn, err error)   { j <- err.(*codec.CloseError) }
