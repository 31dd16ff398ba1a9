package main

import (
	"encoding/json"
	"errors"
	"io"

	"example.org/weir/bench/report"
)

// writeSuite writes what a suite has found, v: as a table, and as JSON if a file is named for that;
// standard output has one of the two.
func writeSuite(v any, file string, stdout io.Writer, table func() error) error {
	indented := func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	switch file {
	case standardOutput:
		return indented(stdout)
	case "":
		return table()
	}
	return errors.Join(table(), report.WriteFile(file, indented))
}
