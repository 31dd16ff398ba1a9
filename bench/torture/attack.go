package torture

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"sync"

	"example.org/weir/bench/rawpeer"
)

// abuse is one way to treat a server badly.
type abuse struct {
	name, summary string
	run           func(*attack)
}

// attack is an abuse that is going on. Its methods are safe for use from any goroutine.
type attack struct {
	ctx     context.Context // ends the connections with the abuse
	opt     *Options
	dialer  *dialer
	sampler *sampler // nil when the process is not known
	name    string

	mu      sync.Mutex
	endings map[string]int
	faults  map[string]int
	notes   []string
	skipped string
}

// n scales a count.
func (a *attack) n(count int) int { return max(1, int(float64(count)*a.opt.Scale)) }

// each calls f for each of n clients, at most parallel at a time, until the abuse is interrupted.
func (a *attack) each(n, parallel int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, parallel) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if a.ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

// Clients at a time.
const (
	together = 1 << 20 // all of them
	inTurn   = 64      // as many as keep the server busy
)

// rand returns random numbers for a client, the same in each run with the same seed.
func (a *attack) rand(client int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(a.name))
	return rand.New(rand.NewPCG(a.opt.Seed, h.Sum64()+uint64(client)))
}

// fill fills p with random bytes.
func fill(p []byte, r *rand.Rand) []byte {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// dial opens a connection without a handshake; nil if that fails, which is counted.
func (a *attack) dial() *rawpeer.Conn {
	c, err := a.dialer.dial(a.ctx, 0)
	if err != nil {
		a.notOpened(nil, err)
		return nil
	}
	return c
}

// open opens a connection and upgrades it; nil if that fails, which is counted.
func (a *attack) open() *rawpeer.Conn { return a.openWith(0) }

// openWith is open with a bound on what the kernel keeps for a client that does not read.
func (a *attack) openWith(receive int) *rawpeer.Conn {
	c, resp, err := a.dialer.open(a.ctx, receive, rawpeer.Options{})
	if err != nil {
		a.notOpened(resp, err)
		return nil
	}
	return c
}

// notOpened counts a client that did not get so far as to be abusive.
func (a *attack) notOpened(resp *rawpeer.Response, err error) {
	if resp != nil && resp.Status != 0 {
		a.ended("not opened: " + answered(resp.Status))
		return
	}
	a.ended("not opened")
	a.fault("a client could not connect: %s", brief(err))
}

// brief says what went wrong without the addresses, which differ from client to client.
func brief(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// ended counts how a client's connection ended.
func (a *attack) ended(e ending) {
	if a.ctx.Err() != nil {
		return // we have ended it
	}
	a.mu.Lock()
	a.endings[string(e)]++
	a.mu.Unlock()
}

// fault notes what the server has done wrong.
func (a *attack) fault(format string, args ...any) {
	if a.ctx.Err() != nil {
		return // what comes after an interruption is no news
	}
	a.mu.Lock()
	a.faults[fmt.Sprintf(format, args...)]++
	a.mu.Unlock()
}

// note adds to what happened.
func (a *attack) note(format string, args ...any) {
	a.mu.Lock()
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
	a.mu.Unlock()
}

// skip says that the abuse does not apply.
func (a *attack) skip(reason string) {
	a.mu.Lock()
	a.skipped = reason
	a.mu.Unlock()
}
