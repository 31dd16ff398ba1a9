package conform

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"example.org/weir/bench/rawpeer"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// Section 9 makes its messages when a rule is tried: all together they are large.

func section9() []Rule {
	g := group{section: "9 Limits and performance", source: autobahn}
	for i, k := range kinds {
		for j, n := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			limit := 100 * time.Second
			if j < 2 || i == 1 && j < 4 {
				limit = 10 * time.Second
			}
			g.add(fmt.Sprintf("9.%d", 1+i), fmt.Sprintf("%s message of %s: echo within %v", k.name, size(n), limit), "", func(a *attempt) {
				f, want := frame(k.opcode, bytes.Repeat([]byte{k.fill}, n))
				a.exchange(echo(whole(f), want, limit))
			})
		}
	}
	for i, k := range kinds {
		for n := 64; n <= 4*mib; n *= 4 {
			g.add(fmt.Sprintf("9.%d", 3+i), fmt.Sprintf("%s message of 4 MiB in fragments of %s: echo within 100s", k.name, size(n)), "", func(a *attempt) {
				_, want := frame(k.opcode, bytes.Repeat([]byte{k.fill}, 4*mib))
				a.exchange(echo(whole(rawpeer.Fragments(k.opcode, want.payload, n)...), want, 100*time.Second))
			})
		}
	}
	for i, k := range kinds {
		for n := 64; n <= 2048; n *= 2 {
			g.add(fmt.Sprintf("9.%d", 5+i), fmt.Sprintf("%s message of 1 MiB in writes of %s: echo within 1000s", k.name, size(n)), "", func(a *attempt) {
				f, want := frame(k.opcode, bytes.Repeat([]byte{k.fill}, mib))
				a.exchange(echo(chopped(n, f), want, 1000*time.Second))
			})
		}
	}
	for i, k := range kinds {
		for j, n := range []int{0, 16, 64, 256, 1024, 4096} {
			limit := 60 * time.Second << max(j-2, 0)
			g.add(fmt.Sprintf("9.%d", 7+i), fmt.Sprintf("1000 %s messages of %s, each after the echo of the last: 1000 echoes within %v", k.name, size(n), limit), "", func(a *attempt) {
				a.exchange(pingPong(1000, k.opcode, bytes.Repeat([]byte{k.fill}, n), limit))
			})
		}
	}
	return g.rules
}

// pingPong is a message that is sent n times, each time when its echo has come back.
func pingPong(n int, opcode byte, payload []byte, limit time.Duration) exchange {
	f, want := frame(opcode, payload)
	x := exchange{ending: clean(), limit: limit, want: slices.Repeat([]event{want}, n)}
	data := rawpeer.Bytes(f)
	for i := range n {
		x.writes = append(x.writes, write{data: data, await: i + 1})
	}
	return x
}

func section10() []Rule {
	g := group{section: "10 Miscellaneous", source: autobahn}
	p := bytes.Repeat([]byte{'*'}, 65536)
	g.exchange("10.1", "text message of 65536 bytes in fragments of 1300: echo", echo(
		whole(rawpeer.Fragments(rawpeer.OpText, p, 1300)...), event{rawpeer.OpText, p}, 10*time.Second))
	return g.rules
}

// size writes n bytes for people.
func size(n int) string {
	switch {
	case n >= mib && n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	case n >= kib && n%kib == 0:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d bytes", n)
}
