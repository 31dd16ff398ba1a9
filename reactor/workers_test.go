package reactor

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
)

// slow is a handler for Workers that writes down its calls, and waits in OnMessage where it is told to.
type slow struct {
	calls chan string
	gate  chan struct{} // a message "wait" is handled once something comes from here
}

func newSleepy() *slow { return &slow{calls: make(chan string, 1000), gate: make(chan struct{})} }

func (h *slow) OnOpen(*Conn) { h.calls <- "open" }

func (h *slow) OnMessage(c *Conn, m codec.Message) {
	h.calls <- string(m.Payload)
	switch string(m.Payload) {
	case "wait":
		<-h.gate
	case "panic":
		panic("as the message says")
	case "close":
		_ = c.Close(3333, "")
	}
	_ = c.WriteMessage(m.Opcode, m.Payload)
}

func (h *slow) OnClose(_ *Conn, err error) {
	var ce *codec.CloseError
	if !errors.As(err, &ce) {
		ce = new(codec.CloseError)
	}
	h.calls <- "closed " + strconv.Itoa(int(ce.Code))
}

// want checks the next calls.
func (h *slow) want(t *testing.T, calls ...string) {
	t.Helper()
	for _, want := range calls {
		if got := within(t, h.calls); got != want {
			t.Fatalf("the handler got %q, want %q", got, want)
		}
	}
}

// atRest waits until w has nothing left: no goroutine and no byte.
func atRest(t *testing.T, w *Workers) {
	t.Helper()
	eventually(t, "the workers are at rest", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.running == 0 && len(w.boxes) == 0 && w.queued == 0
	})
}

// ordered is a handler that checks what Workers promise of the calls for a connection.
type ordered struct {
	t       *testing.T
	running atomic.Int32
	most    atomic.Int32
}

type orderedConn struct {
	inside atomic.Bool
	next   int // not synchronised: the race detector would tell if calls overlapped
	closed bool
}

func (h *ordered) enter(c *Conn) *orderedConn {
	o := c.Data.(*orderedConn)
	if o.inside.Swap(true) || o.closed {
		h.t.Error("a call overlaps another, or comes after OnClose")
	}
	n := h.running.Add(1)
	for {
		if most := h.most.Load(); n <= most || h.most.CompareAndSwap(most, n) {
			return o
		}
	}
}

func (h *ordered) leave(o *orderedConn) {
	h.running.Add(-1)
	o.inside.Store(false)
}

func (h *ordered) OnOpen(c *Conn) { h.leave(h.enter(c)) }

func (h *ordered) OnMessage(c *Conn, m codec.Message) {
	o := h.enter(c)
	defer h.leave(o)
	if got := string(m.Payload); got != strconv.Itoa(o.next) {
		h.t.Errorf("message %q comes instead of %d", got, o.next)
	}
	o.next++
	_ = c.WriteMessage(m.Opcode, m.Payload)
}

func (h *ordered) OnClose(c *Conn, _ error) {
	o := h.enter(c)
	defer h.leave(o)
	o.closed = true
}

// Thousands of messages on several connections at a time, each in order, and never more calls than Count.
func TestWorkersOrder(t *testing.T) {
	const conns, messages, count = 8, 3000, 3
	h := &ordered{t: t}
	w := &Workers{Handler: h, Count: count, MaxQueue: -1}
	srv := &Server{Handler: w, Upgrade: func(c *Conn, _ *Upgrade) error {
		c.Data = new(orderedConn)
		return nil
	}}
	addr := serve(t, srv)
	var wg sync.WaitGroup
	for range conns {
		r := open(t, addr)
		wg.Go(func() {
			var b strings.Builder
			for i := range messages {
				b.WriteString(text(strconv.Itoa(i)))
			}
			if _, err := r.Write([]byte(b.String())); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for i := range messages {
				if op, p, err := r.next(); err != nil || op != codec.Text || p != strconv.Itoa(i) {
					t.Errorf("got %v %q, %v instead of %d", op, p, err, i)
					return
				}
			}
			_ = r.Close()
		})
	}
	wg.Wait()
	eventually(t, "all connections are gone", func() bool { return srv.Conns() == 0 })
	atRest(t, w)
	if most := h.most.Load(); most > count {
		t.Errorf("%d calls ran at a time, want %d at most", most, count)
	}
}

// A call that blocks keeps nobody else waiting, and its payload stays what it was.
func TestWorkersBlocked(t *testing.T) {
	h := newSleepy()
	kept := make(chan string, 1)
	w := &Workers{Count: 2, Handler: HandlerFunc(func(c *Conn, m codec.Message) {
		if len(m.Payload) == 4000 {
			<-h.gate
			kept <- string(m.Payload)
		}
		_ = c.WriteMessage(m.Opcode, m.Payload)
	})}
	addr := serve(t, &Server{Handler: w, Loops: 1})
	blocked, other := open(t, addr), open(t, addr)
	long := strings.Repeat("b", 4000)
	blocked.send(text(long), text("after it"))
	for i := range 1000 {
		s := strings.Repeat("o", i)
		other.send(text(s))
		other.want(codec.Text, s)
	}
	close(h.gate)
	blocked.want(codec.Text, long)
	blocked.want(codec.Text, "after it")
	if got := within(t, kept); got != long {
		t.Errorf("the payload has become %.20q…", got)
	}
	atRest(t, w)
}

// One goroutine is shared out in turn: a connection with many messages waits behind one with few.
func TestWorkersTakeTurns(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h, Count: 1}
	addr := serve(t, &Server{Handler: w, Loops: 1})
	many, few := open(t, addr), open(t, addr)
	h.want(t, "open", "open")
	many.send(text("wait"), strings.Repeat(text("many"), 100))
	h.want(t, "wait")
	few.send(text("few"))
	eventually(t, "all messages wait", func() bool { return w.Queued() == 102*jobCost+4+400+3 })
	h.gate <- struct{}{}
	h.want(t, "few")
	atRest(t, w)
}

func TestWorkersQueueFull(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h, MaxQueue: 3 * (jobCost + 4)}
	addr := serve(t, &Server{Handler: w})
	r := open(t, addr)
	r.send(text("wait"), text("this"), text("fits"))
	h.want(t, "open", "wait")
	eventually(t, "they wait", func() bool { return w.Queued() == 3*(jobCost+4) })
	r.send(text(""))
	if reason := r.wantClose(codec.CloseTryAgainLater); reason != errTooFast.Reason {
		t.Errorf("the reason is %q", reason)
	}
	_ = r.Close()
	h.gate <- struct{}{}
	h.want(t, "closed 1013") // what waited is dropped
	atRest(t, w)
	if w.Dropped() != 0 {
		t.Errorf("%d messages are counted as dropped", w.Dropped())
	}
}

func TestWorkersDrop(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h, MaxQueue: 2 * (jobCost + 4), Drop: true}
	addr := serve(t, &Server{Handler: w})
	r := open(t, addr)
	h.want(t, "open")
	r.send(text("wait"), text("this"), text("x"), text("y"), frame(codec.Ping, ""))
	r.want(codec.Pong, "") // all have come
	h.gate <- struct{}{}
	h.want(t, "wait", "this")
	r.want(codec.Text, "wait")
	r.want(codec.Text, "this")
	atRest(t, w)
	r.send(text("there is room again"))
	h.want(t, "there is room again")
	if w.Dropped() != 2 {
		t.Errorf("%d messages are counted as dropped, want 2", w.Dropped())
	}
}

// All connections together have a limit too, which binds even one in which nothing waits.
func TestWorkersQueueAll(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h, MaxQueueAll: 2*jobCost + 8}
	addr := serve(t, &Server{Handler: w})
	first, second := open(t, addr), open(t, addr)
	h.want(t, "open", "open")
	first.send(text("wait"), text("more"))
	h.want(t, "wait")
	eventually(t, "both count", func() bool { return w.Queued() == 2*jobCost+8 })
	second.send(text(""))
	second.wantClose(codec.CloseTryAgainLater)
	_ = second.Close()
	h.want(t, "closed 1013")
	h.gate <- struct{}{}
	h.want(t, "more")
	first.want(codec.Text, "wait")
	atRest(t, w)
}

// One message is accepted while none waits, whatever its size.
func TestWorkersLargeMessage(t *testing.T) {
	w := &Workers{Handler: echo, MaxQueue: 1, MaxQueueAll: 1}
	r := open(t, serve(t, &Server{Handler: w}))
	long := strings.Repeat("x", 100_000)
	for range 3 {
		r.send(text(long))
		r.want(codec.Text, long)
		atRest(t, w)
	}
}

func TestWorkersPanic(t *testing.T) {
	var log logBuffer
	h := newSleepy()
	w := &Workers{Handler: h}
	addr := serve(t, &Server{Handler: w, Logger: log.logger(), CloseTimeout: time.Minute})
	r := open(t, addr)
	r.send(text("wait"), text("panic"), text("never"))
	h.want(t, "open", "wait")
	eventually(t, "they wait", func() bool { return w.Queued() == 3*jobCost+14 })
	h.gate <- struct{}{}
	r.want(codec.Text, "wait")
	r.wantClose(codec.CloseInternalError)
	_ = r.Close()
	h.want(t, "panic", "closed 1011")
	atRest(t, w)
	if s := log.String(); !strings.Contains(s, "as the message says") || !strings.Contains(s, "workers_test.go") {
		t.Errorf("the log has no stack: %s", s)
	}
}

// What arrived before the client's close frame, or before the connection was lost, is handed over.
func TestWorkersClientGone(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(*rawClient)
		want string
	}{
		"close frame": {func(r *rawClient) { r.send(closeFrame(3001, "")) }, "closed 3001"},
		"FIN":         {func(r *rawClient) { _ = r.CloseWrite() }, "closed 1006"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSleepy()
			w := &Workers{Handler: h}
			srv := &Server{Handler: w}
			r := open(t, serve(t, srv))
			r.send(text("wait"), text("1"), text("2"))
			h.want(t, "open", "wait")
			end.do(r)
			r.end()
			_ = r.Close()
			h.gate <- struct{}{}
			h.want(t, "1", "2", end.want)
			eventually(t, "it no longer counts", func() bool { return srv.Conns() == 0 })
			atRest(t, w)
		})
	}
}

// After Close nothing is handed over (Conn.Close).
func TestWorkersClose(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h}
	r := open(t, serve(t, &Server{Handler: w}))
	r.send(text("wait"), text("close"), text("never"))
	h.want(t, "open", "wait")
	eventually(t, "they wait", func() bool { return w.Queued() == 3*jobCost+14 })
	h.gate <- struct{}{}
	r.want(codec.Text, "wait")
	r.want(codec.Close, "\x0d\x05")
	r.send(closeFrame(3333, ""))
	r.wantEOF()
	_ = r.Close()
	h.want(t, "close", "closed 3333")
	atRest(t, w)
}

// Shutdown comes behind what waits, and waits for OnClose.
func TestWorkersShutdown(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h}
	srv := &Server{Handler: w}
	r := open(t, serve(t, srv))
	r.send(text("wait"), text("1"))
	h.want(t, "open", "wait")
	eventually(t, "they wait", func() bool { return w.Queued() == 2*jobCost+5 })
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(context.Background()) }()
	eventually(t, "the server drains", srv.core.draining.Load)
	h.gate <- struct{}{}
	r.want(codec.Text, "wait")
	r.want(codec.Text, "1")
	r.want(codec.Close, "\x03\xe9server is shutting down")
	r.send(closeFrame(codec.CloseGoingAway, ""))
	r.wantEOF()
	_ = r.Close()
	if err := within(t, done); err != nil {
		t.Error(err)
	}
	if len(h.calls) != 2 { // the message and the end, before Shutdown has returned
		t.Errorf("%d calls instead of 2", len(h.calls))
	}
	h.want(t, "1", "closed 1001")
	atRest(t, w)
}

// A handler that never returns does not hold Shutdown up for longer than its context lasts.
func TestWorkersShutdownCut(t *testing.T) {
	h := newSleepy()
	w := &Workers{Handler: h}
	srv := &Server{Handler: w}
	r := open(t, serve(t, srv))
	r.send(text("wait"), text("never"))
	h.want(t, "open", "wait")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	h.gate <- struct{}{}
	h.want(t, "closed 1006")
	atRest(t, w)
	if n := srv.Conns(); n != 0 {
		t.Errorf("%d connections still count", n)
	}
}

// A client's handler may block just as well.
func TestWorkersClient(t *testing.T) {
	cl, url := dialTest(t, &Server{})
	h := newSleepy()
	w := &Workers{Handler: h}
	c, err := cl.Dial(t.Context(), url, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.want(t, "open")
	_ = c.WriteText("wait")
	h.want(t, "wait")
	if err := cl.Close(); err != nil {
		t.Fatal(err)
	}
	h.gate <- struct{}{}
	h.want(t, "closed 1006")
	atRest(t, w)
}

// In the steady state a message costs no allocation, the goroutine for it included.
func TestWorkersAlloc(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted")
	}
	done := make(chan struct{}, 1)
	w := &Workers{Handler: HandlerFunc(func(*Conn, codec.Message) { done <- struct{}{} })}
	s := newOpenStand(t, &Server{Handler: w})
	atRest(t, w)
	sent := text("hello")
	s.in = make([]byte, len(sent))
	if n := testing.AllocsPerRun(5000, func() {
		copy(s.in, sent)
		s.e.OnTraffic(s.c.socket)
		<-done
	}); n != 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

// A mailbox is a queue.
func TestMailbox(t *testing.T) {
	b := new(mailbox)
	var model []int
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		if long := i%5000 < 2500; len(model) > 0 && (rnd.IntN(5) < 2 || !long && rnd.IntN(2) == 0) {
			if got := b.take().cost; got != model[0] {
				t.Fatalf("took %d, want %d", got, model[0])
			}
			model = model[1:]
		} else {
			b.put(job{cost: i})
			model = append(model, i)
		}
		if b.empty() != (len(model) == 0) {
			t.Fatalf("empty is %t with %d jobs", b.empty(), len(model))
		}
	}
	if cap(b.jobs) > 4*len(model)+keepJobs {
		t.Errorf("room for %d jobs, with %d", cap(b.jobs), len(model))
	}
}
