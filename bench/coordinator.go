package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Worker is a worker as its coordinator sees it.
type Worker struct {
	Name string // for messages
	// Conn is the stream to it, on which nothing has been sent. Close ends the worker's run.
	Conn io.ReadWriteCloser
	// Token is what the worker wants to hear.
	Token string
}

// RunOn runs a scenario on workers: the load is shared evenly, they connect and measure at the same
// time, and their results are merged into one. o.PID is a process on the first worker's machine.
//
// When the context ends, the workers end their runs, and there is a result. A worker that is lost or
// fails ends the run of the others too; then the check "workers" of the result is not met. There is an
// error, and no result, when no worker has one. An error of o.Sync ends the run, too. The streams are
// closed.
func RunOn(ctx context.Context, scenario string, o Options, workers []Worker) (*Result, error) {
	defer func() {
		for _, w := range workers {
			_ = w.Conn.Close()
		}
	}()
	parts, err := share(scenario, o, len(workers))
	if err != nil {
		return nil, err
	}
	c := &coordinator{patience: stopPatience + time.Duration(o.Conns)*closePatience, progress: o.Progress, sync: o.Sync, news: make(chan news), over: make(chan struct{})}
	defer close(c.over)
	for i, w := range workers {
		c.crew = append(c.crew, &crewman{name: w.Name, orders: json.NewEncoder(w.Conn)})
		go c.listen(i, w.Conn)
		if _, err := io.WriteString(w.Conn, w.Token+"\n"); err == nil {
			c.order(i, order{Scenario: scenario, Options: &parts[i]})
		} // an error shows when it is read from, with its reason
	}
	c.run(ctx)
	return c.result()
}

// coordinator is a run on workers. It belongs to one goroutine.
type coordinator struct {
	crew     []*crewman
	patience time.Duration // with workers that are to end their runs
	progress func(Sample, string)
	sync     func(context.Context, string) error
	news     chan news
	over     chan struct{}
	stopped  bool
}

// crewman is a worker at work.
type crewman struct {
	name   string
	orders *json.Encoder
	at     string  // the stage that it waits at
	sample *Sample // the last that has not been told
	result *Result
	err    error
}

func (m *crewman) done() bool { return m.result != nil || m.err != nil }

// news is what has come from a worker.
type news struct {
	from int
	report
	err error
}

// listen passes on what comes from a worker, until its last report.
func (c *coordinator) listen(from int, r io.Reader) {
	for d := json.NewDecoder(r); ; {
		n := news{from: from}
		if err := d.Decode(&n.report); err != nil {
			n.err = fmt.Errorf("was lost: %w", err)
		} else if n.Error != "" {
			n.err = errors.New(n.Error)
		}
		select {
		case c.news <- n:
		case <-c.over:
			return
		}
		if n.err != nil || n.Result != nil {
			return
		}
	}
}

// order tells a worker something. That it is lost shows when it is read from.
func (c *coordinator) order(to int, o order) { _ = c.crew[to].orders.Encode(o) }

// stopPatience is how long workers have to end their runs, and closePatience how much longer for each
// connection, which has to be closed.
const (
	stopPatience  = 30 * time.Second
	closePatience = 100 * time.Microsecond
)

// run leads the workers through the run, until all are done.
func (c *coordinator) run(ctx context.Context) {
	interrupted := ctx.Done()
	var late <-chan time.Time
	for !c.all((*crewman).done) {
		select {
		case n := <-c.news:
			c.hear(ctx, n)
		case <-interrupted:
			interrupted = nil
			c.stop()
		case <-late:
			for _, m := range c.crew {
				if !m.done() {
					m.err = fmt.Errorf("did not end its run within %v", c.patience)
				}
			}
		}
		if c.stopped && late == nil {
			late = time.After(c.patience)
		}
	}
}

func (c *coordinator) all(is func(*crewman) bool) bool {
	for _, m := range c.crew {
		if !is(m) {
			return false
		}
	}
	return true
}

// stop has the workers end their runs.
func (c *coordinator) stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	for i, m := range c.crew {
		if !m.done() {
			c.order(i, order{Stop: true})
		}
	}
}

// hear takes in what has come from a worker.
func (c *coordinator) hear(ctx context.Context, n news) {
	m := c.crew[n.from]
	switch {
	case n.err != nil:
		m.err = n.err
		c.stop()
	case n.Result != nil:
		m.result = n.Result
	case n.At != "":
		m.at = n.At
		c.advance(ctx, n.At)
	case n.Sample != nil:
		m.sample = n.Sample
		c.tell(n.Phase)
	}
}

// advance lets the workers go on when all have come to a stage.
func (c *coordinator) advance(ctx context.Context, stage string) {
	if !c.all(func(m *crewman) bool { return m.at == stage || m.done() }) {
		return
	}
	if c.sync != nil && c.sync(ctx, stage) != nil {
		c.stop()
		return
	}
	for i, m := range c.crew {
		if m.at == stage {
			m.at = ""
			c.order(i, order{Go: stage})
		}
	}
}

// tell tells the progress when each worker has told its own: sums, and the percentiles of the worst.
func (c *coordinator) tell(phase string) {
	if c.progress == nil || !c.all(func(m *crewman) bool { return m.sample != nil || m.done() }) {
		return
	}
	var all Sample
	for _, m := range c.crew {
		s := m.sample
		m.sample = nil
		if s == nil {
			continue
		}
		all.T = max(all.T, s.T)
		all.Connections += s.Connections
		all.Rate += s.Rate
		all.BytesIn += s.BytesIn
		all.BytesOut += s.BytesOut
		all.P50 = max(all.P50, s.P50)
		all.P99 = max(all.P99, s.P99)
		all.Max = max(all.Max, s.Max)
		all.Errors += s.Errors
		all.Warmup = all.Warmup || s.Warmup
	}
	c.progress(all, phase)
}

// result merges the workers' results.
func (c *coordinator) result() (*Result, error) {
	var results []*Result
	var failures []string
	for _, m := range c.crew {
		if m.result != nil {
			results = append(results, m.result)
		} else {
			failures = append(failures, fmt.Sprintf("worker %s: %v", m.name, m.err))
		}
	}
	failed := strings.Join(failures, "; ")
	if len(results) == 0 {
		return nil, errors.New(failed)
	}
	res, err := Merge(results)
	if err != nil {
		return nil, err
	}
	if failed != "" {
		res.Ended = "a worker was lost or has failed"
		res.expect("workers", false, "%s", failed)
	} else {
		res.expect("workers", true, "%d", len(results))
	}
	return res, nil
}
