package torture

import (
	"bytes"
	"time"

	"example.org/weir/bench/rawpeer"
)

func garbageAfter(a *attack) {
	a.each(a.n(100), inTurn, func(i int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		r := a.rand(i)
		p := fill(make([]byte, 2+r.IntN(4<<10)), r)
		p[0] |= 0x70 // reserved bits, so that no byte after it matters
		go stream(c, p)
		a.mustClose(a.watch(c, a.opt.Settle, nil))
	})
}

// mustClose counts an ending, and is not content when there was none.
func (a *attack) mustClose(e ending) {
	a.ended(e)
	if e == stillOpen {
		a.fault("a client that broke the rules was not closed within %v", a.opt.Settle)
	}
}

// promised are the lengths that half frames declare: one that most servers take, and some that few
// do.
var promised = []uint64{1<<20 - 1, 1<<20 - 1, 64 << 20, 1 << 62}

// Memory that may be mapped for clients that promise much: what runtimes map in advance, and some for
// each client.
const (
	mappedAnyway    = 96 << 20
	mappedPerClient = 64 << 10
)

func halfFrames(a *attack) {
	conns := make([]*rawpeer.Conn, a.n(400))
	a.each(len(conns), inTurn, func(i int) { conns[i] = a.open() })
	var before Usage
	if a.sampler != nil {
		before = a.sampler.look()
	}
	a.each(len(conns), inTurn, func(i int) {
		c := conns[i]
		if c == nil {
			return
		}
		half := rawpeer.Binary([]byte("x")).WithDeclared(promised[i%len(promised)])
		_ = c.WriteFrame(rawpeer.Ping(nil), half) // fails if the server has left, which is seen below
		e := a.watch(c, patience, func(f *rawpeer.Frame) bool {
			return f.Opcode == rawpeer.OpPong && promised[i%len(promised)] == promised[0]
		})
		if e == "" { // the pong: the server has come as far as the header
			e = stillOpen
		}
		a.ended(e)
	})
	if a.sampler == nil {
		return
	}
	now := a.sampler.look()
	grown := max(now.Data-before.Data, now.RSS-before.RSS)
	a.note("%s mapped for %s promised", mebibytes(grown), mebibytes(int64(len(conns)/2)<<20))
	if grown > mappedAnyway+int64(len(conns))*mappedPerClient {
		a.fault("%s of memory were mapped for clients that had only promised to send", mebibytes(grown))
	}
}

func dribble(a *attack) {
	a.each(a.n(20), together, func(i int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		f := rawpeer.Binary(fill(make([]byte, 200), a.rand(i)))
		go func() {
			for _, b := range rawpeer.Bytes(f) {
				if _, err := c.Write([]byte{b}); err != nil {
					return // seen below
				}
				time.Sleep(time.Millisecond)
			}
		}()
		a.mustEcho(c, f.Payload, nil)
	})
}

// mustEcho waits for a message to come back, and is content without it only if the client was closed
// with one of these codes.
func (a *attack) mustEcho(c *rawpeer.Conn, want []byte, or []int) {
	e := a.watch(c, 3*patience, func(f *rawpeer.Frame) bool {
		if f.Opcode > rawpeer.OpBinary {
			return false
		}
		if !bytes.Equal(f.Payload, want) {
			a.fault("a message came back wrong")
		}
		return true
	})
	if e == "" {
		a.ended("echoed")
		return
	}
	a.ended(e)
	for _, code := range or {
		if e == closedWith(code) {
			return
		}
	}
	a.fault("a message was not echoed: %s", e)
}

// tooMany are the codes that a server may close with when a message has too many fragments for it
// (RFC 6455 7.4.1).
var tooMany = []int{1008, 1009}

func tinyFragments(a *attack) {
	a.each(a.n(10), together, func(i int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		p := fill(make([]byte, 50_000), a.rand(i))
		go stream(c, rawpeer.Bytes(rawpeer.Fragments(rawpeer.OpBinary, p, 1)...))
		a.mustEcho(c, p, tooMany)
	})
}

func fragmentFlood(a *attack) {
	c := a.open()
	if c == nil {
		return
	}
	defer c.Close()
	n := a.n(2_000_000)
	last := []byte("at last")
	flood := rawpeer.Bytes(rawpeer.NewFrame(rawpeer.OpText, nil).More())
	flood = append(flood, bytes.Repeat(rawpeer.Bytes(rawpeer.Continuation(nil).More()), n)...)
	flood = append(flood, rawpeer.Bytes(rawpeer.Continuation(last))...)
	go func() { _, _ = c.Write(flood) }() // one burst; an error is seen below
	a.note("%d fragments", n)
	a.mustEcho(c, last, tooMany)
}

func tinyFrames(a *attack) {
	n := a.n(100_000)
	messages := bytes.Repeat(rawpeer.Bytes(rawpeer.Text("x")), n)
	a.each(4, together, func(int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		go stream(c, messages)
		echoed := 0
		e := a.watch(c, 3*patience, func(f *rawpeer.Frame) bool {
			if f.Opcode == rawpeer.OpText {
				echoed++
			}
			return echoed == n
		})
		if e == "" {
			a.ended("echoed")
			return
		}
		a.ended(e)
		a.fault("of %d messages %d were echoed: %s", n, echoed, e)
	})
}

func closeStorm(a *attack) {
	storm := bytes.Repeat(rawpeer.Bytes(rawpeer.CloseFrame(1000, "enough")), a.n(1000))
	storm = append(storm, rawpeer.Bytes(rawpeer.Text("too late"))...)
	a.each(a.n(50), together, func(int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		go stream(c, storm)
		closes := 0
		var first ending
		e := a.watchOn(c, a.opt.Settle, func(f *rawpeer.Frame) bool {
			if f.Opcode == rawpeer.OpClose {
				if closes++; closes == 1 {
					first = closedWith(f.CloseCode())
				}
			} else if closes > 0 {
				a.fault("the server sent a frame after its close frame")
			}
			return false
		})
		switch {
		case closes > 1:
			a.fault("the server sent %d close frames", closes)
		case e == stillOpen:
			a.fault("a connection that was closed in order was still open after %v", a.opt.Settle)
		}
		if closes > 0 && e != stillOpen {
			e = first
		}
		a.ended(e)
	})
}

// badClose are payloads that a close frame may not have (RFC 6455 5.5.1, 7.4).
func badClose() (payloads [][]byte) {
	payloads = append(payloads, []byte{3}, []byte("\x03\xe8\xff\xfe not UTF-8"))
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		payloads = append(payloads, rawpeer.CloseFrame(code, "").Payload, rawpeer.CloseFrame(code, "because").Payload)
	}
	return payloads
}

func badCloses(a *attack) {
	payloads := badClose()
	a.each(len(payloads)*a.n(1), inTurn, func(i int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		if err := c.WriteFrame(rawpeer.NewFrame(rawpeer.OpClose, payloads[i%len(payloads)])); err != nil {
			a.ended(endingOf(err))
			return
		}
		// That the code is not echoed is among the things that watch holds each frame to.
		a.mustClose(a.watch(c, a.opt.Settle, nil))
	})
}
