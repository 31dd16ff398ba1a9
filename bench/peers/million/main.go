// Command million opens a million connections to Weir on one machine, keeps them, has each echo once,
// and writes what that took into BENCHMARKS.md. Run it in bench/peers, as root or with the limits that
// it asks for. See million -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"example.org/weir/bench/peers"
	"example.org/weir/bench/peers/page"
)

func main() {
	// Ctrl-C ends the run, and what there is gets written; a second one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := runMillion(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "million:", err)
		os.Exit(1)
	}
}

// runMillion is main with everything that it depends on.
func runMillion(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	o.stdout, o.errs = stdout, stderr
	if o.render != "" {
		res, err := loadOutcome(o.render)
		if err != nil {
			return err
		}
		return o.write(res)
	}
	files, err := openFiles()
	if err != nil {
		return err
	}
	p, err := planFor(o.conns, o.perProcess, files)
	if err != nil {
		return err
	}
	if err := o.examine(p); err != nil {
		return err
	}
	if !o.noBuild {
		if err := peers.BuildWeir(".", o.bin); err != nil {
			return err
		}
		if o.topics {
			if err := peers.BuildNATS(".", o.bin); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(stderr, "%d connections, %d servers and %d workers.\n", p.Conns, p.Servers, p.Workers)
	res, err := o.run(ctx, p)
	if res != nil {
		err = errors.Join(err, res.save(o.out), o.write(res))
		fmt.Fprintf(stderr, "The results are in %s.\n", o.out)
	}
	if err == nil && !res.Result.OK() {
		return errors.New("not all was well; see the checks")
	}
	return err
}

// examine tells what is in the way, and refuses to begin where it cannot work.
func (o *options) examine(p plan) error {
	all, err := problems(o.proc, p)
	if err != nil {
		return err
	}
	fatal := false
	for _, x := range all {
		fmt.Fprintln(o.errs, "million:", x.what)
		fatal = fatal || x.fatal
	}
	if fatal && !o.force {
		return errors.New("it would fail here; -force tries it nevertheless")
	}
	return nil
}

// write writes the plots into a folder, and the table between the markers of a page, or to standard
// output where there is no page.
func (o *options) write(res *outcome) error {
	files, err := plotAll(res)
	if err != nil {
		return err
	}
	return page.Write(o.into, res.name(), o.plots, files, func(plots string) string { return markdown(res, plots) }, o.stdout)
}
