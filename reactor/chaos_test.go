package reactor

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
)

// chaosVariable says how long TestChaos runs, for instance 60s; otherwise it is short.
const chaosVariable = "WEIR_CHAOS"

// chaos is the handler of TestChaos: it knows the connections and counts the calls for each.
type chaos struct {
	t      *testing.T
	mu     sync.Mutex
	conns  []*Conn
	ends   atomic.Int64
	inside sync.Map // *Conn of the calls that are under way
}

func (h *chaos) enter(c *Conn) (leave func()) {
	if _, overlaps := h.inside.LoadOrStore(c, true); overlaps {
		h.t.Error("calls for one connection overlap")
	}
	return func() { h.inside.Delete(c) }
}

func (h *chaos) OnOpen(c *Conn) {
	defer h.enter(c)()
	h.mu.Lock()
	h.conns = append(h.conns, c)
	h.mu.Unlock()
	c.Data = new(atomic.Int64)
	_ = c.Subscribe("all")
}

func (h *chaos) OnMessage(c *Conn, m codec.Message) {
	defer h.enter(c)()
	meddle(c)
	_ = c.WriteMessage(m.Opcode, m.Payload)
}

func (h *chaos) OnClose(c *Conn, err error) {
	defer h.enter(c)()
	if c.Data.(*atomic.Int64).Add(1) > 1 || err == nil {
		h.t.Errorf("OnClose again, or without a reason: %v", err)
	}
	h.ends.Add(1)
	_ = c.WriteText("too late")
	_ = c.Unsubscribe("all")
}

// any returns one of the connections that came last, which may have gone, or nil.
func (h *chaos) any() *Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.conns) == 0 {
		return nil
	}
	return h.conns[len(h.conns)-1-rand.IntN(min(12, len(h.conns)))]
}

// meddle does one thing with a connection. Errors are of the kinds that are documented.
func meddle(c *Conn) (err error) {
	switch rand.IntN(24) {
	case 0:
		err = c.Close(codec.CloseNormal, "chaos")
	case 1:
		err = c.CloseNow()
	case 2:
		err = c.Unsubscribe("all")
	case 3:
		err = c.Subscribe("some.>")
	case 4:
		err = c.Ping([]byte("chaos"))
	case 5:
		err = c.Do(func(c *Conn) { _ = c.WriteText("within"); _ = c.Close(codec.CloseNormal, "") })
	case 6:
		err = c.WriteMessage(codec.Binary, make([]byte, rand.IntN(200_000)))
	case 7, 8, 9:
		err = c.Publish("some.topic", codec.Text, []byte("published"))
	default:
		err = c.WriteText("hello")
	}
	return err
}

// TestChaos writes, closes, cuts, subscribes, publishes and shuts down from many goroutines at once, server after server.
// Each connection that was opened ends once, calls for it never overlap, what clients get is WebSocket to its
// last byte, and nothing is left.
func TestChaos(t *testing.T) {
	length := 2 * time.Second
	if v := os.Getenv(chaosVariable); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	rounds, opened := 0, uint64(0)
	for end := time.Now().Add(length); time.Now().Before(end); rounds++ {
		opened += chaosRound(t)
	}
	if opened == 0 {
		t.Error("no connection was opened")
	}
	t.Logf("%d servers, %d connections", rounds, opened)
}

func chaosRound(t *testing.T) (opened uint64) {
	h := &chaos{t: t}
	srv := &Server{
		Handler: h, Loops: 2, Overflow: OverflowPolicy(rand.IntN(3)), SlowSubscriber: SlowPolicy(rand.IntN(3)),
		MaxOutbound: 1 << (10 + rand.IntN(10)), CloseTimeout: 200 * time.Millisecond, Logger: quiet,
		SharePort: rand.IntN(2) == 0, DrainWindow: time.Duration(rand.IntN(50)) * time.Millisecond,
	}
	if rand.IntN(2) == 0 {
		srv.Deflate = &codec.Deflate{}
	}
	addr := serve(t, srv)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for !isClosed(stop) {
				chaosClient(t, addr, stop)
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for !isClosed(stop) {
				if c := h.any(); c != nil {
					if err := meddle(c); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, ErrBufferFull) && !errors.Is(err, ErrBacklog) {
						t.Errorf("an error that is not documented: %v", err)
					}
				}
				if rand.IntN(10) == 0 {
					_ = srv.Publish("all", codec.Text, []byte("to all"))
				}
			}
		})
	}
	time.Sleep(time.Duration(20+rand.IntN(200)) * time.Millisecond) // any moment is as good
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(400))*time.Millisecond)
	defer cancel()
	for range 2 {
		wg.Go(func() { _ = srv.Shutdown(ctx) })
	}
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	st := srv.Stats()
	if n := srv.Conns(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if uint64(h.ends.Load()) != st.Opened {
		t.Errorf("%d connections were opened, %d have ended", st.Opened, h.ends.Load())
	}
	if st.Panics > 0 {
		t.Errorf("%d panics", st.Panics)
	}
	close(stop)
	wg.Wait()
	return st.Opened
}

func isClosed(ch chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// chaosClient is one connection. It reads frames, and leaves in one of many ways.
func chaosClient(t *testing.T, addr string, stop chan struct{}) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := newRawClient(t, conn.(*net.TCPConn))
	if rand.IntN(20) == 0 {
		_, _ = conn.Write([]byte(request()[:rand.IntN(len(request()))]))
		return
	}
	if _, err := conn.Write([]byte(request())); err != nil {
		return
	}
	for line := ""; line != "\r\n"; {
		if line, err = r.in.ReadString('\n'); err != nil {
			return
		}
	}
	for n := 1 + rand.IntN(50); n > 0 && !isClosed(stop); n-- {
		if _, err := conn.Write([]byte(text("from a client"))); err != nil {
			return
		}
		op, _, err := r.next()
		var ne net.Error
		switch {
		case err != nil && err.Error() == "not a whole frame of a server", err != nil && err.Error() == "not a frame of a server":
			t.Error(err)
			return
		case errors.As(err, &ne) && ne.Timeout():
			t.Error("the server has forgotten a client")
			return
		case err != nil || op == codec.Close:
			return
		}
	}
	if rand.IntN(2) == 0 {
		r.reset()
	}
}
