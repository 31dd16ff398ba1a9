package main

import (
	"errors"
	"fmt"
	"io"

	"example.org/weir/bench"
	"example.org/weir/bench/report"
)

// standardOutput is the name of standard output as a file.
const standardOutput = "-"

// output is a form in which a result is written.
type output struct {
	flag, file string
	write      func(io.Writer, *bench.Result) error
}

// outputs are the forms that are asked for, besides the table.
func (f *flags) outputs() (asked []output) {
	page := func(w io.Writer, r *bench.Result) error {
		if f.old == nil {
			return report.HTML(w, r, nil)
		}
		return report.HTML(w, r, report.Compare(f.old, r))
	}
	for _, o := range []output{
		{"json", f.json, report.WriteJSON},
		{"csv", f.csv, report.WriteCSV},
		{"hdr", f.hdr, report.WriteHDR},
		{"html", f.html, page},
	} {
		if o.file != "" {
			asked = append(asked, o)
		}
	}
	return asked
}

// checkOutputs finds out before a run what would be a pity to find out after it, and reads the result
// that is to be compared with.
func (f *flags) checkOutputs() (err error) {
	writer := map[string]string{}
	for _, o := range f.outputs() {
		if other, taken := writer[o.file]; taken {
			return fmt.Errorf("-%s and -%s would both be written to %s", other, o.flag, o.file)
		}
		writer[o.file] = o.flag
		if o.file == standardOutput {
			continue
		}
		if err := report.CheckWritable(o.file); err != nil {
			return fmt.Errorf("-%s: %w", o.flag, err)
		}
	}
	if f.compare == "" {
		return nil
	}
	if flag, taken := writer[standardOutput]; taken && f.html == "" {
		return fmt.Errorf("-compare writes below the table, which -%s - leaves out", flag)
	}
	if f.old, err = report.ReadFile(f.compare); err != nil {
		return fmt.Errorf("-compare: %w", err)
	}
	return nil
}

// write writes the result in all forms that are asked for. One that fails does not keep the others
// from being written.
func (f *flags) write(res *bench.Result, stdout io.Writer) error {
	var failures []error
	table := true
	for _, o := range f.outputs() {
		var err error
		if o.file == standardOutput {
			table = false
			err = o.write(stdout, res)
		} else {
			err = report.WriteFile(o.file, func(w io.Writer) error { return o.write(w, res) })
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("-%s: %w", o.flag, err))
		}
	}
	if table {
		failures = append(failures, f.writeTable(res, stdout))
	}
	return errors.Join(failures...)
}

// writeTable writes the table, and the comparison below it.
func (f *flags) writeTable(res *bench.Result, stdout io.Writer) error {
	if err := report.Table(stdout, res); err != nil || f.old == nil {
		return err
	}
	if _, err := io.WriteString(stdout, "\n"); err != nil {
		return err
	}
	return report.Compare(f.old, res).Write(stdout)
}

// progress shows how the run gets on, until the function that it returns is called.
func (f *flags) progress(stderr io.Writer) (done func()) {
	if f.quiet {
		return func() {}
	}
	p := report.NewProgress(stderr, &f.options)
	f.options.Progress = p.Report
	return p.Close
}
