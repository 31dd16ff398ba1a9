package conform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"sync"
	"time"

	"example.org/weir/bench/rawpeer"
)

// Options say what is tried, and how. Only Target is required.
type Options struct {
	// Target is ws://host:port/path, wss://host:port/path or unix:///path of a socket.
	Target string
	// Trust is how a wss server is verified.
	Trust rawpeer.Trust
	// Run chooses the rules whose "ID name" it matches; nil is all.
	Run *regexp.Regexp
	// Parallel is how many rules are tried at once. Default 4.
	Parallel int
	// Patience is how long the server may take for each step of a closing handshake, for failing a
	// connection, and for a reply to a request. Echoes have the time that Autobahn gives them, and no
	// less than this. Default 1 s.
	Patience time.Duration
	// Timeout bounds a rule as a whole. Default 2 min.
	Timeout time.Duration
	// Progress is told of each outcome, never twice at once. It may be nil.
	Progress func(o Outcome, done, total int)

	target rawpeer.Target // what Target and Trust say
}

// Normalize checks the options and fills in the defaults.
func (o *Options) Normalize() (err error) {
	if o.target, err = rawpeer.ParseTarget(o.Target, o.Trust); err != nil {
		return err
	}
	if o.Parallel < 0 || o.Timeout < 0 || o.Patience < 0 {
		return errors.New("a number is negative")
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	return nil
}

// Run tries the rules on a server. When ctx is done the rules that were not finished are reported as
// SKIPPED. An error says that nothing was tried: bad options, no rule chosen, or no server.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.Normalize(); err != nil {
		return nil, err
	}
	rules := slices.DeleteFunc(Rules(), func(r Rule) bool { return o.Run != nil && !o.Run.MatchString(r.String()) })
	if len(rules) == 0 {
		return nil, fmt.Errorf("no rule matches %q", o.Run)
	}
	r := &Result{Target: o.Target, Started: time.Now(), Outcomes: make([]Outcome, len(rules))}
	s := &suite{opts: &o}
	if err := s.preflight(ctx); err != nil {
		return nil, err
	}
	s.all(ctx, rules, r.Outcomes)
	r.Elapsed = time.Since(r.Started)
	r.Interrupted = ctx.Err() != nil
	r.measure()
	return r, nil
}

// suite is a run under way.
type suite struct {
	opts   *Options
	closed error // why no WebSocket can be opened; nil if one can
}

// preflight opens one WebSocket. Without that there is no use in trying rules about frames.
func (s *suite) preflight(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.opts.Patience, openTime))
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, s.closed = conn.Handshake(rawpeer.Options{}); s.closed == nil {
		conn.Within(s.opts.Patience)
		conn.WriteFrame(rawpeer.CloseFrame(1000, ""))
		conn.AwaitEnd(1 << 16)
	}
	return nil
}

func (s *suite) dial(ctx context.Context) (*rawpeer.Conn, error) {
	return s.opts.target.Dial(ctx, &net.Dialer{})
}

// all tries rules, some at a time, and puts what comes of them in outcomes.
func (s *suite) all(ctx context.Context, rules []Rule, outcomes []Outcome) {
	var (
		mu   sync.Mutex
		next int
		done int
		wg   sync.WaitGroup
	)
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	for range min(s.opts.Parallel, len(rules)) {
		wg.Go(func() {
			for i := take(); i < len(rules); i = take() {
				outcomes[i] = s.one(ctx, &rules[i])
				mu.Lock()
				done++
				if s.opts.Progress != nil {
					s.opts.Progress(outcomes[i], done, len(rules))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// one tries a rule.
func (s *suite) one(ctx context.Context, r *Rule) Outcome {
	a := &attempt{suite: s, out: Outcome{ID: r.ID, Section: r.Section, Name: r.Name, Source: r.Source}}
	begun := time.Now()
	if ctx.Err() == nil {
		var cancel context.CancelFunc
		a.ctx, cancel = context.WithTimeout(ctx, s.opts.Timeout)
		r.try(a)
		cancel()
	}
	a.out.Duration = time.Since(begun)
	if ctx.Err() != nil {
		a.out.Verdict, a.out.Got = Skipped, "interrupted"
	}
	return a.out
}

// attempt is a rule being tried.
type attempt struct {
	*suite
	ctx context.Context
	out Outcome
}

// say gives the verdict.
func (a *attempt) say(v Verdict, expected, got string) {
	a.out.Verdict, a.out.Expected, a.out.Got = v, expected, got
}
