package torture

import (
	"math/rand/v2"
	"time"

	"example.org/weir/bench/rawpeer"
)

// fuzzPause is how long a fuzzing client waits for what the server makes of it.
const fuzzPause = 50 * time.Millisecond

func fuzz(a *attack) {
	a.each(a.n(300), inTurn, func(i int) {
		c := a.open()
		if c == nil {
			return
		}
		defer c.Close()
		r := a.rand(i)
		var p []byte
		for range 1 + r.IntN(40) {
			f := randomFrame(r)
			p = f.Append(p)
		}
		chop, then := 1+r.IntN(3000), i%3
		pause := fuzzPause
		if then == endsOwnSide {
			pause = a.opt.Settle
		}
		go func() {
			_ = c.WriteChops(p, chop) // an error shows below
			if then == endsOwnSide {
				_ = c.CloseWrite()
			}
		}()
		e := a.watch(c, pause, nil)
		switch {
		case then == endsOwnSide:
			a.mustLeave(e)
		case then == resetsIt && e == stillOpen:
			_ = c.Reset()
			e = byUs
		}
		a.ended(e)
	})
}

// What a fuzzing client does when it has sent its frames, if it is not closed. The others leave.
const (
	resetsIt    = 0
	endsOwnSide = 1
)

// randomFrame returns a frame that is legal more often than not.
func randomFrame(r *rand.Rand) rawpeer.Frame {
	f := rawpeer.NewFrame([]byte{0, 1, 2, 2, 8, 9, 10, 1}[r.IntN(8)], fill(make([]byte, r.IntN(200)), r))
	seldom := func() bool { return r.IntN(12) == 0 }
	if f.IsControl() {
		f.Payload = f.Payload[:min(len(f.Payload), 125)]
	}
	if f.Opcode == rawpeer.OpText {
		for i := range f.Payload {
			f.Payload[i] &= 0x7f // UTF-8
		}
	}
	f.FIN = r.IntN(4) > 0 || f.IsControl()
	if seldom() {
		f.Opcode = byte(r.IntN(16))
	}
	if seldom() {
		f.FIN = !f.FIN
	}
	if seldom() {
		f.RSV = byte(r.IntN(8))
	}
	if seldom() {
		f = f.Unmasked()
	}
	if seldom() {
		f.Form = []rawpeer.LengthForm{rawpeer.Length7, rawpeer.Length16, rawpeer.Length64}[r.IntN(3)]
	}
	if seldom() {
		f = f.WithDeclared(r.Uint64() >> r.IntN(64))
	}
	if seldom() {
		f.Payload = fill(make([]byte, r.IntN(70_000)), r)
	}
	return f
}
