package reactor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/weir/codec"
)

func TestHistogram(t *testing.T) {
	for _, tt := range []struct {
		d time.Duration
		i int
	}{
		{0, 0},
		{1023, 0},
		{1024, 1},
		{2047, 1},
		{2048, 2},
		{time.Millisecond, 10},
		{time.Second, 20},
		{time.Hour, histogramSize - 1},
	} {
		var h histogram
		h.observe(tt.d)
		got := read(&h)
		if got.Counts[tt.i] != 1 || got.Sum != tt.d {
			t.Errorf("%v: %v", tt.d, got)
		}
		if tt.i < histogramSize-1 && tt.d >= HistogramBound(tt.i) || tt.i > 0 && tt.d < HistogramBound(tt.i-1) {
			t.Errorf("%v is not within the bounds of %d", tt.d, tt.i)
		}
	}
}

// TestStats counts what a few connections do.
func TestStats(t *testing.T) {
	srv := &Server{MaxMessage: 1000, IdleTimeout: -1, Handler: HandlerFunc(func(c *Conn, m codec.Message) {
		if string(m.Payload) == "panic" {
			panic("as it was told")
		}
		_ = c.WriteMessage(m.Opcode, m.Payload)
	})}
	addr := serve(t, srv)

	refused := dialRaw(t, addr)
	refused.send(request("Origin: http://elsewhere.example"))
	_ = readAll(t, refused)

	r := open(t, addr)
	sent := []string{text("abc"), frame(codec.Binary, "de"), frame(codec.Ping, "f")}
	r.send(sent...)
	r.want(codec.Text, "abc")
	r.want(codec.Binary, "de")
	r.want(codec.Pong, "f")
	r.send(closeFrame(codec.CloseNormal, ""))
	r.wantClose(codec.CloseNormal)

	large := open(t, addr)
	large.send(frame(codec.Binary, strings.Repeat("x", 1001)))
	large.wantClose(codec.CloseMessageTooBig)

	bad := open(t, addr)
	bad.send(text("panic"))
	bad.wantClose(codec.CloseInternalError)

	for _, r := range []*rawClient{refused, r, large, bad} {
		_ = r.Close()
	}
	eventually(t, "the connections are gone", func() bool { return srv.Conns() == 0 })
	st := srv.Stats()
	want := map[CloseKind]uint64{
		{codec.CloseNormal, true}: 1, {codec.CloseMessageTooBig, false}: 1, {codec.CloseInternalError, false}: 1,
	}
	for k, n := range want {
		if st.Closed[k] != n {
			t.Errorf("%v: %d, want %d", k, st.Closed[k], n)
		}
	}
	if len(st.Closed) != len(want) || st.Accepted != 4 || st.Opened != 3 || st.Refused[Refusal{403, RefusedOrigin}] != 1 || len(st.Refused) != 1 || st.Panics != 1 {
		t.Errorf("%+v", st)
	}
	if in := st.Received; in.Text != 2 || in.Binary != 1 || in.Control != 2 {
		t.Errorf("received %+v", in)
	}
	if out := st.Sent; out.Text != 1 || out.Binary != 1 || out.Control != 4 {
		t.Errorf("sent %+v", out)
	}
	if in := st.Received; in.TextBytes != 3+5 || in.BinaryBytes != 2 || in.ControlBytes != 1+2 {
		t.Errorf("payloads received %+v", in)
	}
	if out := st.Sent; out.TextBytes != 3 || out.BinaryBytes != 2 || out.ControlBytes <= 1+3*2 { // the last two close frames have reasons
		t.Errorf("payloads sent %+v", out)
	}
	if st.Received.Bytes < 4*100 || st.Sent.Bytes < 3*100 {
		t.Errorf("bytes: %d received, %d sent", st.Received.Bytes, st.Sent.Bytes)
	}
	var conns int
	for _, l := range st.Loops {
		conns += l.Conns
		if l.Lag < 0 {
			t.Errorf("lag %v", l.Lag)
		}
	}
	if conns > 4 {
		t.Errorf("%d connections on the loops", conns)
	}
}

// TestStatsBytes compares the bytes with those on the wire.
func TestStatsBytes(t *testing.T) {
	s := newOpenStand(t, &Server{MaxMessage: 1 << 20, Loops: 1})
	before := s.l.counts.sent.bytes.Load()
	if before != uint64(len(mustUpgrade(t))) {
		t.Errorf("%d bytes for the handshake, want %d", before, len(mustUpgrade(t)))
	}
	s.arrive(text("abc"))
	s.wantOut(unmasked(codec.Text, "abc"))
	if n := s.l.counts.sent.bytes.Load() - before; n != 5 {
		t.Errorf("%d bytes, want 5", n)
	}
	large := newStandOn(t, &Server{}, unix.SOCK_STREAM)
	large.arrive(request())
	large.out()
	before = large.l.counts.sent.bytes.Load()
	large.arrive(frame(codec.Binary, strings.Repeat("x", 100<<10)))
	want := len(unmasked(codec.Binary, strings.Repeat("x", 100<<10)))
	if got := len(large.drain()); got != want {
		t.Fatalf("%d bytes came, want %d", got, want)
	}
	if n := large.l.counts.sent.bytes.Load() - before; n != uint64(want) {
		t.Errorf("%d bytes are counted, want %d", n, want)
	}
}

// TestHandlerTime checks that one message in 64 is timed.
func TestHandlerTime(t *testing.T) {
	s := newOpenStand(t, &Server{Handler: HandlerFunc(func(*Conn, codec.Message) {})})
	for range 10 * timeEvery {
		s.arrive(text("x"))
	}
	if n := observed(read(&s.l.counts.handler)); n != 10 {
		t.Errorf("%d were timed, want 10", n)
	}
}

// TestLag checks that a loop that a handler holds up is seen to lag, while it does.
func TestLag(t *testing.T) {
	const much = 300 * time.Millisecond
	held, release := make(chan struct{}), make(chan struct{})
	srv := &Server{Loops: 1, Handler: HandlerFunc(func(*Conn, codec.Message) {
		close(held)
		<-release
	})}
	addr := serve(t, srv)
	r := open(t, addr)
	eventually(t, "the loop has ticked", func() bool { st := srv.Stats(); return len(st.Loops) == 1 && st.Loops[0].Conns == 1 })
	r.send(text("x"))
	<-held
	eventually(t, "the lag is right", func() bool { return srv.Stats().Loops[0].Lag > much })
	close(release)
	eventually(t, "the lag is right", func() bool { return srv.Stats().Loops[0].Lag < much })
}

// TestStatsAfterShutdown holds that a loop that has ended has no connections, and that it is not late for ever.
func TestStatsAfterShutdown(t *testing.T) {
	srv := &Server{Loops: 1}
	_ = open(t, serve(t, srv))
	eventually(t, "the loop has ticked", func() bool { st := srv.Stats(); return len(st.Loops) == 1 && st.Loops[0].Conns == 1 })
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if st := srv.Stats(); st.Conns != 0 || !slices.Equal(st.Loops, []LoopStats{{}}) {
		t.Errorf("%d connections, of the loops %+v", st.Conns, st.Loops)
	}
	s := newStand(t, &Server{})
	s.l.tick()
	s.l.stop()
	if st := s.l.stats(); st.Lag != 0 {
		t.Errorf("a loop that ended before its tick lags by %v", st.Lag)
	}
}

// TestStatsCompression compares what is counted of compression with what is on the wire.
func TestStatsCompression(t *testing.T) {
	s := newStandOn(t, &Server{Deflate: &codec.Deflate{}}, unix.SOCK_STREAM)
	s.arrive(request("Sec-WebSocket-Extensions: permessage-deflate"))
	s.out()
	if st := s.e.srv.Stats(); st.Deflated != (Compression{}) || st.Inflated != (Compression{}) {
		t.Errorf("before there is a message: %+v", st)
	}
	p := prose(4000, 1)
	d := (&codec.Deflate{}).NewDeflater(codec.DeflateParams{ClientNoContextTakeover: true}, codec.Client)
	in := string(d.AppendMaskedFrame(nil, codec.Text, []byte(p), 77))
	s.arrive(in)
	out := len(s.drain())
	if err := s.c.WritePrepared(codec.Prepare(codec.Text, []byte(p))); err != nil {
		t.Fatal(err)
	}
	s.settle()
	out += len(s.drain())
	st := s.e.srv.Stats()
	if want := (Compression{4000, uint64(len(in))}); st.Inflated != want {
		t.Errorf("inflated %+v, want %+v", st.Inflated, want)
	}
	if want := (Compression{8000, uint64(out)}); st.Deflated != want || out > 4000 {
		t.Errorf("deflated %+v, want %+v", st.Deflated, want)
	}
	w, err := s.c.NewWriter(codec.Text)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(p))
	_ = w.Close()
	s.settle()
	out += len(s.drain())
	if want := (Compression{12000, uint64(out)}); s.e.srv.Stats().Deflated != want {
		t.Errorf("deflated %+v, want %+v", s.e.srv.Stats().Deflated, want)
	}
}

// TestFanoutTime checks that each message is timed once on each loop that delivers it.
func TestFanoutTime(t *testing.T) {
	s := newOpenStand(t, &Server{})
	for _, pattern := range []string{"a", "*", ">"} {
		if err := s.c.Subscribe(pattern); err != nil {
			t.Fatal(err)
		}
	}
	s.publish("a1", "a2", "b1")
	for range 3 { // which make a burst
		if err := s.e.srv.Publish("a", codec.Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	s.settle()
	if err := s.e.srv.Publish("a.b", codec.Text, []byte("x")); err != nil { // only > matches it
		t.Fatal(err)
	}
	s.settle()
	st := s.e.srv.Stats()
	if n := observed(st.FanoutTime); n != 7 || st.FanoutTime.Sum <= 0 {
		t.Errorf("%d were timed, %v in all, want 7", n, st.FanoutTime.Sum)
	}
}

// TestStatsRejected counts the messages that overflow policies keep from the client.
func TestStatsRejected(t *testing.T) {
	for policy, want := range map[OverflowPolicy][2]uint64{
		OverflowReport: {0, 2},
		OverflowDrop:   {2, 0},
		OverflowClose:  {0, 2},
	} {
		s := newStandOn(t, &Server{MaxOutbound: 10_000, Overflow: policy}, unix.SOCK_STREAM)
		s.arrive(request())
		s.out()
		for range 3 { // the first of which is let in, since nothing waits
			_ = s.c.WriteMessage(codec.Binary, make([]byte, 8<<20))
		}
		if st := s.e.srv.Stats(); st.Dropped != want[0] || st.Rejected != want[1] {
			t.Errorf("policy %d: %d dropped, %d rejected, want %d", policy, st.Dropped, st.Rejected, want)
		}
	}
}

// TestStatsJSON holds that Stats can be given to expvar.
func TestStatsJSON(t *testing.T) {
	b, err := json.Marshal(Stats{
		Refused: map[Refusal]uint64{{403, RefusedOrigin}: 2},
		Closed:  map[CloseKind]uint64{{codec.CloseNormal, true}: 3, {codec.CloseAbnormal, false}: 4},
	})
	for _, want := range []string{`"Refused":{"403 origin":2}`, `"Closed":{"1000 remote":3,"1006 local":4}`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s, %v: want %s", b, err, want)
		}
	}
}
