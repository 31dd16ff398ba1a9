package reactor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/weir/codec"
)

// TestConnInfo compares what is known of a connection with what its client has done.
func TestConnInfo(t *testing.T) {
	s := newStand(t, &Server{TrackConns: true, IdleTimeout: 10 * time.Second})
	before := time.Now()
	long := "/rooms/" + strings.Repeat("x", maxTrackedPath)
	head := strings.Replace(request(), "GET / ", "GET "+long+"?token=secret ", 1)
	s.arrive(head)
	s.out()
	in := []string{text("abc"), frame(codec.Binary, "de"), frame(codec.Ping, "f")}
	s.arrive(strings.Join(in, ""))
	out := strings.Join(s.out(), "")
	s.pass(51)
	ping := s.wantPing()
	pong := frame(codec.Pong, ping)
	s.arrive(pong)

	got := s.c.Info()
	want := ConnInfo{
		Remote:   got.Remote,
		ID:       1,
		Path:     long[:maxTrackedPath],
		Since:    got.Since,
		Received: ConnTraffic{2, uint64(len(head) + len(strings.Join(in, "")) + len(pong))},
		Sent:     ConnTraffic{2, uint64(len(mustUpgrade(t)) + len(out) + 2 + len(ping))},
		Ping:     got.Ping,
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Since.Before(before) || got.Ping <= 0 {
		t.Errorf("since %v, ping %v", got.Since, got.Ping)
	}
}

// TestConnInfoOff holds that nothing is kept unless it is asked for.
func TestConnInfoOff(t *testing.T) {
	s := newOpenStand(t, &Server{})
	s.arrive(text("abc"))
	if s.c.rare != nil {
		t.Error("a connection without anything rare has it")
	}
	if got := s.c.Info(); got != (ConnInfo{Remote: got.Remote}) {
		t.Errorf("%+v", got)
	}
}

// TestConnInfoOnClose holds that a connection that has closed can still be told of.
func TestConnInfoOnClose(t *testing.T) {
	closed := make(chan ConnInfo, 1)
	srv := &Server{TrackConns: true, Handler: closer(func(c *Conn) { closed <- c.Info() })}
	addr := serve(t, srv)
	r := open(t, addr)
	r.send(text("abc"), closeFrame(codec.CloseNormal, ""))
	r.wantClose(codec.CloseNormal)
	_ = r.Close()
	i := within(t, closed)
	if i.Received.Messages != 1 || i.Sent.Messages != 0 || i.Path != "/" || i.Remote.String() != r.LocalAddr().String() {
		t.Errorf("%+v", i)
	}
	if want := uint64(len(request()) + len(text("abc")) + len(closeFrame(codec.CloseNormal, ""))); i.Received.Bytes != want {
		t.Errorf("%d bytes were received, want %d", i.Received.Bytes, want)
	}
}

// closer is a handler of nothing but OnClose.
type closer func(*Conn)

func (closer) OnOpen(*Conn)                   {}
func (closer) OnMessage(*Conn, codec.Message) {}
func (f closer) OnClose(c *Conn, _ error)     { f(c) }

// TestServerEachConn holds that all connections are told of, once.
func TestServerEachConn(t *testing.T) {
	h := newProbe()
	srv := &Server{Handler: h, Loops: 3, TrackConns: true}
	none := func(*Conn, ConnInfo) bool { t.Error("there is a connection"); return false }
	if err := srv.EachConn(t.Context(), none); err != nil {
		t.Errorf("before Start: %v", err)
	}
	addr := serve(t, srv)
	const n = 50
	var want []string
	for range n {
		want = append(want, open(t, addr).LocalAddr().String())
		within(t, h.opened)
	}
	dialRaw(t, addr) // has not asked for anything yet
	eventually(t, "it has been accepted", func() bool { return srv.Conns() == n+1 })
	var got []string
	var ids []uint64
	err := srv.EachConn(t.Context(), func(c *Conn, i ConnInfo) bool {
		if c.RemoteAddr().String() != i.Remote.String() {
			t.Errorf("the connection from %v is said to be from %v", c.RemoteAddr(), i.Remote)
		}
		got = append(got, i.Remote.String())
		ids = append(ids, i.ID)
		return true
	})
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d of %d connections, %v", len(got), n, err)
	}
	slices.Sort(ids)
	if ids[0] != 1 || ids[n-1] != n {
		t.Errorf("the numbers are %d", ids)
	}
	calls := 0
	if err := srv.EachConn(t.Context(), func(*Conn, ConnInfo) bool { calls++; return calls < 5 }); err != nil || calls != 5 {
		t.Errorf("%d calls of 5, %v", calls, err)
	}
	_ = srv.Close()
	if err := srv.EachConn(t.Context(), none); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestServerEachConnBounded holds that a loop that is held up is not waited for longer than is wanted.
func TestServerEachConnBounded(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	srv := &Server{Loops: 1, Handler: HandlerFunc(func(*Conn, codec.Message) {
		close(held)
		<-release
	})}
	r := open(t, serve(t, srv))
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	r.send(text("x"))
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := srv.EachConn(ctx, func(*Conn, ConnInfo) bool { t.Error("it answers"); return true }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	free()
	n := 0
	if err := srv.EachConn(t.Context(), func(*Conn, ConnInfo) bool { n++; return true }); err != nil || n != 1 {
		t.Errorf("%d connections, %v", n, err)
	}
}
