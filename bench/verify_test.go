package bench

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.org/weir/codec"
	"example.org/weir/reactor"
)

// every10th makes a server that treats every tenth message with fault, and echoes the others. It
// counts the faults.
func every10th(t *testing.T, fault func(c *reactor.Conn, m codec.Message)) (srv *testServer, faults *atomic.Int64) {
	t.Helper()
	faults = new(atomic.Int64)
	srv = &testServer{}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if srv.messages.Load()%10 == 0 {
			faults.Add(1)
			fault(c, m)
			return
		}
		echo(c, m)
	}
	return srv, faults
}

// TestVerify puts the load on servers that do each kind of wrong.
func TestVerify(t *testing.T) {
	t.Parallel()
	changed := func(change func(m codec.Message) codec.Message) func(*reactor.Conn, codec.Message) {
		return func(c *reactor.Conn, m codec.Message) { echo(c, change(m)) }
	}
	corrupted := func(n uint64) Verify { return Verify{Corrupted: n} }
	for _, tc := range []struct {
		name   string
		fault  func(c *reactor.Conn, m codec.Message)
		want   func(n uint64) Verify
		checks string
	}{
		{"lost", func(*reactor.Conn, codec.Message) {}, func(n uint64) Verify { return Verify{Lost: n} }, "answers verify"},
		{"duplicated", func(c *reactor.Conn, m codec.Message) { echo(c, m); echo(c, m) }, func(n uint64) Verify { return Verify{Duplicated: n} }, "verify"},
		{"last byte", changed(func(m codec.Message) codec.Message { m.Payload[len(m.Payload)-1] ^= 1; return m }), corrupted, "verify"},
		{"number", changed(func(m codec.Message) codec.Message { m.Payload[15] ^= 1; return m }), corrupted, "verify"},
		{"checksum", changed(func(m codec.Message) codec.Message { m.Payload[20] = 'x'; return m }), corrupted, "verify"},
		{"cut", changed(func(m codec.Message) codec.Message { m.Payload = m.Payload[:100]; return m }), corrupted, "verify"},
		{"empty", changed(func(m codec.Message) codec.Message { m.Payload = nil; return m }), corrupted, "verify"},
		{"grown", changed(func(m codec.Message) codec.Message {
			m.Payload = append(append([]byte(nil), m.Payload...), '!')
			return m
		}), corrupted, "verify"},
		{"opcode", changed(func(m codec.Message) codec.Message { m.Opcode = codec.Binary; return m }), corrupted, "verify"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv, faults := every10th(t, tc.fault)
			srv.start(t)
			o := short(srv.url)
			o.Conns, o.Depth, o.Verify = 3, 20, true
			o.patience.answers = time.Second
			res := must(t, RunEcho, o)
			wantChecks(t, res, tc.checks)
			if n := uint64(faults.Load()); n == 0 || *res.Verify != tc.want(n) {
				t.Errorf("%d faults were found to be %+v", n, *res.Verify)
			}
			if tc.name != "duplicated" {
				wantWhole(t, res)
			}
		})
	}
}

// TestVerifyReordered has messages swapped with the one behind them.
func TestVerifyReordered(t *testing.T) {
	t.Parallel()
	var held []byte
	var holder *reactor.Conn
	swapped := 0
	srv := &testServer{}
	srv.onMessage = func(c *reactor.Conn, m codec.Message) {
		if held == nil && srv.messages.Load()%10 == 0 {
			held, holder = append([]byte(nil), m.Payload...), c
			_ = c.Do(func(c *reactor.Conn) { // if no other comes in this turn
				if held != nil && holder == c {
					_ = c.WriteMessage(codec.Text, held)
					held = nil
				}
			})
			return
		}
		echo(c, m)
		if held != nil && holder == c {
			swapped++
			_ = c.WriteMessage(codec.Text, held)
			held = nil
		}
	}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Depth, o.Verify = 2, 16, true
	res := must(t, RunEcho, o)
	_ = srv.Close()
	wantChecks(t, res, "verify")
	if want := (Verify{Reordered: uint64(swapped)}); swapped == 0 || *res.Verify != want {
		t.Errorf("%d messages were swapped, found: %+v", swapped, *res.Verify)
	}
	wantWhole(t, res)
}

// TestVerifyMisdelivered has messages answered on another connection than they came on.
func TestVerifyMisdelivered(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all []*reactor.Conn
	srv, faults := every10th(t, func(c *reactor.Conn, m codec.Message) {
		mu.Lock()
		defer mu.Unlock()
		for _, other := range all {
			if other != c {
				echo(other, m)
				return
			}
		}
	})
	srv.onOpen = func(c *reactor.Conn) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
	}
	srv.start(t)
	o := short(srv.url)
	o.Conns, o.Depth, o.Verify = 2, 20, true
	o.patience.answers = time.Second
	res := must(t, RunEcho, o)
	if n := uint64(faults.Load()); n == 0 || res.Verify.Corrupted == 0 || res.Verify.Corrupted > n || failedChecks(res) == "" {
		t.Errorf("%d messages went to the other connection: %+v", n, res.Verify)
	}
}

// TestUnasked has a server send what nobody asked for.
func TestUnasked(t *testing.T) {
	t.Parallel()
	srv := &testServer{onOpen: func(c *reactor.Conn) { _ = c.WriteText("welcome") }}
	srv.start(t)
	o := short(srv.url)
	o.Rate = 1 // so that nothing is in flight when the welcomes come
	res := must(t, RunRate, o)
	if n := res.Errors["a message that was not asked for"]; n != 4 {
		t.Errorf("4 messages were not asked for: %v", res.Errors)
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	for _, n := range []int{VerifyLen, VerifyLen + 1, 1000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = '.'
		}
		seal(b, 7, 1<<40+3)
		if seq, ok := unseal(b, 7); !ok || seq != 1<<40+3 {
			t.Errorf("%d bytes: %d, %v", n, seq, ok)
		}
		if _, ok := unseal(b, 8); ok {
			t.Error("intact on another connection")
		}
		for i := range b {
			b[i] ^= 4
			if _, ok := unseal(b, 7); ok {
				t.Errorf("byte %d of %d was changed unnoticed", i, n)
			}
			b[i] ^= 4
		}
		if _, ok := unseal(b[:VerifyLen-1], 7); ok {
			t.Error("a message that is too short is intact")
		}
	}
}

func TestFlights(t *testing.T) {
	t.Parallel()
	var f flights
	underway := map[uint64]int64{}
	check := func() {
		t.Helper()
		if f.count != len(underway) {
			t.Fatalf("%d under way, want %d", f.count, len(underway))
		}
		sum := int64(0)
		f.all(func(x flight) { sum += x.sent })
		for n, sent := range underway {
			if !f.underway(n) {
				t.Fatalf("%d is not under way", n)
			}
			sum -= sent
		}
		if sum != 0 {
			t.Fatal("all calls for others")
		}
	}
	for n := range uint64(1000) {
		f.push(flight{sent: int64(n)})
		underway[n] = int64(n)
		for _, back := range []uint64{n - n%7, n / 2, n} { // out of order, late, and again
			if n%5 == 0 {
				continue
			}
			x, ok := f.take(back)
			if want, is := underway[back]; ok != is || (ok && x.sent != want) {
				t.Fatalf("take(%d) after %d: %v, %v", back, n, x, ok)
			}
			delete(underway, back)
		}
		check()
	}
	if _, ok := f.take(1000); ok {
		t.Error("a message that was not sent has come back")
	}
}
