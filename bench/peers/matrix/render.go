package main

import (
	"io"

	"example.org/weir/bench/peers/page"
)

// render writes the plots of results into a folder, and the tables between the markers of a page, or
// to out where there is no page.
func render(res *results, into, plots string, out io.Writer) (err error) {
	p := presetOf(res)
	var files map[string][]byte
	if p.plots {
		if files, err = plotAll(res); err != nil {
			return err
		}
	}
	return page.Write(into, p.markers, plots, files, func(plots string) string { return p.page(res, plots) }, out)
}
