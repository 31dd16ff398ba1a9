// Command matrix measures Weir and its peers, one after the other and in turn, and writes what it
// finds into BENCHMARKS.md. Run it in bench/peers, on a machine that does nothing else. See
// matrix -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// options is what the flags say.
type options struct {
	place
	load
	peers, rows  string
	rounds       int
	preset       preset
	list         bool
	out          string
	page, plots  string
	render       string
	given        []string // the command line
	noBuild      bool
	now          time.Time
	stdout, errs io.Writer
}

func main() {
	// Ctrl-C ends the measuring, and what there is gets written; a second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := runMatrix(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

// runMatrix is main with everything that it depends on.
func runMatrix(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	o.stdout, o.errs = stdout, stderr
	if o.render != "" {
		res, err := loadResults(o.render)
		if err != nil {
			return err
		}
		return render(res, o.page, o.plots, stdout)
	}
	rows, err := selectRows(o.preset.rows(), o.rows)
	if err != nil {
		return err
	}
	chosen, err := chosenPeers(o.peers)
	if err != nil {
		return err
	}
	if o.list {
		list(stdout, chosen, rows)
		return nil
	}
	return o.measureAll(ctx, chosen, rows)
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{given: append([]string{"go", "run", "./matrix"}, args...), now: time.Now()}
	o.together = 15 * time.Second
	fs := flag.NewFlagSet("matrix", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.peers, "peers", "", "measure these `peers` only, separated by commas")
	fs.StringVar(&o.rows, "rows", "", "measure those rows only whose name matches a `regexp`")
	fs.IntVar(&o.rounds, "rounds", 5, "`rounds` of each row")
	fs.DurationVar(&o.duration, "duration", 5*time.Second, "`time` measured in each round")
	fs.DurationVar(&o.warmup, "warmup", time.Second, "`time` before it that is not")
	o.preset = presets[0]
	for _, p := range presets[1:] {
		fs.BoolFunc(p.name, p.summary, func(string) error { o.preset = p; return nil })
	}
	fs.BoolVar(&o.list, "list", false, "list peers and rows")
	fs.StringVar(&o.bin, "bin", "bin", "build into this `folder`")
	fs.BoolVar(&o.noBuild, "no-build", false, "use the binaries that are there")
	fs.IntVar(&o.serverCore, "server-core", 0, "`core` of the servers")
	fs.IntVar(&o.clientCore, "client-core", 1, "`core` of the generators")
	fs.StringVar(&o.out, "out", "", "keep the results in this `file` (default results/TIME.json)")
	fs.StringVar(&o.page, "into", "", "write the tables between the markers of this `page`, instead of to standard output")
	fs.StringVar(&o.plots, "plots", "plots", "write the plots into this `folder`")
	fs.StringVar(&o.render, "render", "", "measure nothing: render the results of an earlier `file`")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, set := range map[string]func(){
		"rounds":   func() { o.rounds = o.preset.rounds },
		"duration": func() { o.duration = o.preset.duration },
		"warmup":   func() { o.warmup = o.preset.warmup },
		"peers":    func() { o.peers = o.preset.peers },
	} {
		if !given[name] {
			set()
		}
	}
	if o.out == "" {
		o.out = filepath.Join("results", o.now.UTC().Format("2006-01-02T150405Z")+".json")
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.rounds < 1 || o.duration <= 0 || o.warmup < 0:
		return nil, errors.New("-rounds and -duration must be positive, and -warmup not negative")
	case o.serverCore == o.clientCore || max(o.serverCore, o.clientCore) >= runtime.NumCPU():
		return nil, fmt.Errorf("servers and generators need two cores of their own, and there are %d", runtime.NumCPU())
	}
	return o, nil
}

// chosenPeers are the peers of a list; of an empty one all that are no variants.
func chosenPeers(names string) ([]peers.Peer, error) {
	if names == "" {
		return peers.Default(), nil
	}
	return peers.Find(strings.Split(names, ","))
}

func list(w io.Writer, chosen []peers.Peer, rows []row) {
	fmt.Fprintln(w, "Peers:")
	for _, p := range chosen {
		fmt.Fprintln(w, " ", p.Name)
	}
	fmt.Fprintln(w, "Rows:")
	for _, r := range rows {
		fmt.Fprintf(w, "  %-18s %s: %s\n", r.Name, r.Group, r.Title)
	}
}

// measureAll builds, measures and renders.
func (o *options) measureAll(ctx context.Context, chosen []peers.Peer, rows []row) error {
	res, chosen, err := o.prepare(chosen, rows)
	if err != nil {
		return err
	}
	keep := func() error {
		res.Ended = time.Now()
		return res.save(o.out)
	}
	dir, err := os.MkdirTemp("", "weir-matrix-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.cert, o.key, err = peers.WriteCertificate(dir); err != nil {
		return err
	}
	measure := func(ctx context.Context, s step) run {
		r, err := res.paced(s.row, s.peer.Name)
		if err != nil {
			return run{Peer: s.peer.Name, Row: s.row.Name, Round: s.round, Why: err.Error()}
		}
		return o.measure(ctx, s.peer, r, s.round, o.load)
	}
	if err := perform(ctx, schedule(chosen, rows, o.rounds), measure, res, keep, o.errs); err != nil {
		return err
	}
	fmt.Fprintf(o.errs, "The results are in %s.\n", o.out)
	return render(res, o.page, o.plots, o.stdout)
}

// prepare builds the peers and returns results without any run yet, and the peers that can be run.
func (o *options) prepare(chosen []peers.Peer, rows []row) (*results, []peers.Peer, error) {
	missing := peers.Missing{}
	if !o.noBuild {
		fmt.Fprintln(o.errs, "Building.")
		var err error
		if missing, err = peers.Build(".", o.bin); err != nil {
			return nil, nil, err
		}
	}
	res := &results{
		Started:  o.now,
		Command:  o.given,
		Machine:  bench.ThisMachine(),
		Preset:   o.preset.name,
		Rounds:   o.rounds,
		Duration: o.duration.String(),
		Warmup:   o.warmup.String(),
		Versions: map[string]string{},
		Missing:  map[string]string{},
		Rows:     rows,
	}
	var able []peers.Peer
	for _, p := range chosen {
		res.Peers = append(res.Peers, p.Name)
		if why, ok := missing[p.Name]; ok {
			res.Missing[p.Name] = why
			continue
		}
		version, err := p.Version(o.bin)
		if err != nil {
			res.Missing[p.Name] = err.Error()
			continue
		}
		res.Versions[p.Name] = version
		able = append(able, p)
	}
	return res, able, nil
}
