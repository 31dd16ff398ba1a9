package bench

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// A coordinator and a worker talk over a stream: first a line with the token, then JSON values, orders
// one way and reports the other.

// order is what a worker is told. The first has the scenario and its options.
type order struct {
	Scenario string   `json:"scenario,omitempty"`
	Options  *Options `json:"options,omitempty"`
	Go       string   `json:"go,omitempty"`   // all workers have come to this stage
	Stop     bool     `json:"stop,omitempty"` // end the run, with a result
}

// report is what a worker tells. The last has the result or the error.
type report struct {
	At     string  `json:"at,omitempty"` // it waits at this stage for the others
	Sample *Sample `json:"sample,omitempty"`
	Phase  string  `json:"phase,omitempty"` // of Sample
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// maxToken is the longest token, in bytes.
const maxToken = 1 << 10

// ServeWorker runs scenarios for coordinators that connect to ln and know the token, one run at a
// time, until the context ends. Runs are told to log, which may be nil. It closes ln.
func ServeWorker(ctx context.Context, ln net.Listener, token string, log func(format string, args ...any)) error {
	if log == nil {
		log = func(string, ...any) {}
	}
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	defer ln.Close()
	busy := make(chan struct{}, 1)
	var runs sync.WaitGroup
	defer runs.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		runs.Go(func() {
			defer conn.Close()
			// A coordinator that says nothing is not waited for.
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			w := &conversation{conn: conn, in: bufio.NewReaderSize(conn, maxToken+2), out: json.NewEncoder(conn)}
			if err := w.admit(token, busy); err != nil {
				log("refused %v: %v", conn.RemoteAddr(), err)
				return
			}
			defer func() { <-busy }()
			_ = conn.SetReadDeadline(time.Time{})
			log("a run for %v", conn.RemoteAddr())
			log("the run for %v has ended: %v", conn.RemoteAddr(), w.work(ctx))
		})
	}
}

// ServeOrders runs one scenario for the coordinator at the other end of in and out.
func ServeOrders(ctx context.Context, in io.Reader, out io.Writer) error {
	w := &conversation{in: bufio.NewReaderSize(in, maxToken+2), out: json.NewEncoder(out)}
	if err := w.admit("", make(chan struct{}, 1)); err != nil {
		return err
	}
	return w.work(ctx)
}

// conversation is one with a coordinator, from the side of the worker.
type conversation struct {
	conn net.Conn // or nil
	in   *bufio.Reader
	mu   sync.Mutex // guards out
	out  *json.Encoder
	gone context.CancelFunc // ends the run
}

// busyPatience is how long the end of another run is waited for.
const busyPatience = time.Second

// admit reads the token and takes the only place in busy, or tells why not.
func (w *conversation) admit(token string, busy chan struct{}) error {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return errors.New("it has not sent a token")
	}
	if subtle.ConstantTimeCompare(line[:len(line)-1], []byte(token)) != 1 {
		err = errors.New("wrong token")
	} else {
		select {
		case busy <- struct{}{}:
			return nil
		case <-time.After(busyPatience):
			err = errors.New("another run is going on")
		}
	}
	w.tell(report{Error: err.Error()})
	return err
}

// tell sends a report. A coordinator that cannot be told anything ends the run.
func (w *conversation) tell(r report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.out.Encode(r); err != nil && w.gone != nil {
		w.gone()
	}
}

// work does a run. It returns how that went.
func (w *conversation) work(ctx context.Context) (err error) {
	ctx, w.gone = context.WithCancel(ctx)
	defer w.gone()
	orders := json.NewDecoder(w.in)
	var first order
	if err := orders.Decode(&first); err != nil {
		return fmt.Errorf("the order cannot be read: %w", err)
	}
	defer func() {
		if err != nil {
			w.tell(report{Error: err.Error()})
		}
	}()
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == first.Scenario })
	if i < 0 || first.Options == nil {
		return fmt.Errorf("there is no scenario %q", first.Scenario)
	}
	stages := make(chan string, 8)
	go w.listen(ctx, orders, stages)
	o := *first.Options
	o.Progress = func(s Sample, phase string) { w.tell(report{Sample: &s, Phase: phase}) }
	o.Sync = func(ctx context.Context, stage string) error {
		w.tell(report{At: stage})
		for {
			select {
			case s := <-stages:
				if s == stage {
					return nil
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	res, err := Scenarios[i].Run(ctx, o)
	if err != nil {
		return err
	}
	w.tell(report{Result: res})
	return nil
}

// listen follows the orders during a run. A coordinator that has gone ends it.
func (w *conversation) listen(ctx context.Context, orders *json.Decoder, stages chan<- string) {
	defer w.gone()
	for {
		var o order
		if err := orders.Decode(&o); err != nil || o.Stop {
			return
		}
		if o.Go != "" {
			select {
			case stages <- o.Go:
			case <-ctx.Done():
				return
			}
		}
	}
}
