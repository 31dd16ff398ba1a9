package main

import (
	"encoding/json"
	"io"

	"example.org/weir/bench"
)

func (f *flags) progress(io.Writer) func() { return func() {} }

func (f *flags) write(res *bench.Result, stdout io.Writer) error {
	res.Series = nil
	for _, l := range []*bench.Latency{res.Latency, res.RawLatency, res.Connect} {
		if l != nil {
			l.HDR = ""
		}
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", " ")
	return e.Encode(res)
}
