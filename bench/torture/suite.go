package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"example.org/weir/bench/rawpeer"
)

// suite is a run.
type suite struct {
	opt       Options
	dialer    *dialer
	bystander *bystander // nil when there is none at the moment
	report    Report
}

// Run abuses a server. An error means that nothing could be found out; what the server does wrong is
// in the report. When ctx ends, so does the run, and the report says what was done until then.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.normalize(); err != nil {
		return nil, err
	}
	var chosen []abuse
	for _, a := range abuses {
		if o.Run.MatchString(a.name) {
			chosen = append(chosen, a)
		}
	}
	if len(chosen) == 0 {
		return nil, badOption("no abuse matches -run %q", o.Run)
	}
	s := &suite{opt: o}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if s.bystander != nil {
			s.bystander.close()
		}
	}()
	s.report = Report{Target: o.Target, PID: s.opt.PID, Scale: o.Scale, Seed: o.Seed, Started: time.Now(), Ended: "complete"}
	s.runAll(ctx, chosen)
	s.report.Seconds = time.Since(s.report.Started).Seconds()
	return &s.report, nil
}

// prepare finds the server, its process, and whether it echoes at all.
func (s *suite) prepare(ctx context.Context) error {
	d, c, err := newDialer(ctx, s.opt.Target, s.opt.Trust)
	if err != nil {
		return err
	}
	s.dialer = d
	if s.opt.FindPID {
		s.opt.PID, err = peerPID(c.Conn)
	}
	c.Close()
	if err != nil {
		return err
	}
	if s.opt.PID != 0 {
		if _, err := readProcess(s.opt.PID); err != nil {
			return fmt.Errorf("cannot read what the server's process holds: %w", err)
		}
	}
	s.bystander, err = newBystander(ctx, d)
	return err
}

// runAll runs one abuse after the other.
func (s *suite) runAll(ctx context.Context, chosen []abuse) {
	r := &s.report
	before, first := s.usage()
	for i, a := range chosen {
		switch {
		case ctx.Err() != nil:
			r.Ended = "interrupted"
		case s.bystander == nil:
			if err := s.reconnect(ctx); err != nil {
				r.Ended = "the server is gone: " + brief(err)
			}
		}
		if r.Ended != "complete" {
			r.Abuses = append(r.Abuses, Result{Name: a.name, Verdict: NotRun, Reason: r.Ended})
			continue
		}
		s.opt.Progress(fmt.Sprintf("%2d/%d %s: %s", i+1, len(chosen), a.name, a.summary))
		res := s.one(ctx, a)
		r.Abuses = append(r.Abuses, res)
		s.opt.Progress(fmt.Sprintf("%2d/%d %s: %s in %.1f s", i+1, len(chosen), a.name, res.Verdict, res.Seconds))
	}
	if ctx.Err() != nil {
		r.Ended = "interrupted"
	}
	if after, last := s.usage(); first == nil && last == nil && s.opt.PID != 0 {
		r.Before, r.After = &before, &after
		// What each abuse leaves may be little enough, and all of it too much.
		if !after.back(before, s.opt.Slack) {
			r.Faults = append(r.Faults, notBack("after the whole run", before, after))
		}
	}
}

// reconnect gives the next abuse a bystander after one that was lost.
func (s *suite) reconnect(ctx context.Context) (err error) {
	s.bystander, err = newBystander(ctx, s.dialer)
	return err
}

// usage is what the server's process holds, if that is known.
func (s *suite) usage() (Usage, error) {
	if s.opt.PID == 0 {
		return Usage{}, nil
	}
	return readProcess(s.opt.PID)
}

// one carries out an abuse and judges it.
func (s *suite) one(ctx context.Context, x abuse) Result {
	began := time.Now()
	inner, cancel := context.WithCancel(ctx)
	a := &attack{
		ctx: inner, opt: &s.opt, dialer: s.dialer, name: x.name,
		endings: make(map[string]int), faults: make(map[string]int),
	}
	before, _ := s.usage() // an error shows afterwards
	if s.opt.PID != 0 {
		a.sampler = newSampler(s.opt.PID, before)
	}
	s.bystander.begin()
	x.run(a)
	cancel() // closes what the abuse has left open

	res := Result{Name: x.name, Endings: a.endings, Notes: a.notes, Reason: a.skipped}
	for text, n := range a.faults {
		if n > 1 {
			text = fmt.Sprintf("%s (%d times)", text, n)
		}
		res.Faults = append(res.Faults, text)
	}
	slices.Sort(res.Faults)
	if err := s.accepts(ctx); err != nil && ctx.Err() == nil {
		res.Faults = append(res.Faults, "the server does not accept a client any more: "+brief(err))
	}
	s.judgeBystander(ctx, &res)
	if a.sampler != nil {
		s.judgeProcess(ctx, &res, before, a.sampler)
	}
	res.Seconds = time.Since(began).Seconds()
	switch {
	case ctx.Err() != nil:
		res.Verdict, res.Reason = NotRun, "interrupted"
	case len(res.Faults) > 0:
		res.Verdict = Failed
	case a.skipped != "":
		res.Verdict = Skipped
	default:
		res.Verdict = OK
	}
	return res
}

// accepts checks that a new client is served, if not at once then as soon as the server has noticed
// that those of the abuse are gone.
func (s *suite) accepts(ctx context.Context) (err error) {
	poll(ctx, patience, func() bool {
		var c *rawpeer.Conn
		if c, _, err = s.dialer.open(ctx, 0, rawpeer.Options{}); err != nil {
			return errors.Is(err, syscall.ECONNREFUSED) // nobody listens any more
		}
		defer c.Close()
		err = echoOnce(c, "Are you still there?")
		return err == nil
	})
	return err
}

// judgeBystander asks the bystander. One that has lost a connection is replaced.
func (s *suite) judgeBystander(ctx context.Context, res *Result) {
	b, faults := s.bystander.finish(ctx, patience)
	res.Bystander = &b
	if d := time.Duration(b.Max); d > s.opt.MaxLatency && ctx.Err() == nil {
		faults = append(faults, fmt.Sprintf("it waited %v for an echo, more than -max-latency", d.Round(time.Millisecond)))
	}
	for _, f := range faults {
		res.Faults = append(res.Faults, "the bystander: "+f)
	}
	if s.bystander.lost() {
		s.bystander.close()
		s.bystander = nil
	}
}

// judgeProcess waits until the process has given back what the abuse made it take.
func (s *suite) judgeProcess(ctx context.Context, res *Result, before Usage, sampler *sampler) {
	var after Usage
	var err error
	back := poll(ctx, s.opt.Settle, func() bool {
		after, err = s.usage()
		return err != nil || after.back(before, s.opt.Slack)
	})
	res.Process = &Process{Before: before, Peak: sampler.end().peak(after), After: after}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		res.Faults = append(res.Faults, "the server's process is gone: "+err.Error())
	case !back:
		res.Faults = append(res.Faults, notBack(fmt.Sprintf("%v after the abuse", s.opt.Settle), before, after))
	}
}

// notBack says what a process still holds.
func notBack(when string, before, after Usage) string {
	return fmt.Sprintf("%s the process holds %s and %d descriptors; before it held %s and %d",
		when, mebibytes(after.RSS), after.Files, mebibytes(before.RSS), before.Files)
}

// Abuses lists the abuses, a name and a summary each.
func Abuses() (list [][2]string) {
	for _, a := range abuses {
		list = append(list, [2]string{a.name, a.summary})
	}
	return list
}
