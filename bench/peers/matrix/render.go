package main

import (
	"io"

	"example.org/weir/bench/peers/page"
)

// markers is the name of the markers that this program writes between.
const markers = "peers"

// render writes the plots of results into a folder, and the tables between the markers of a page, or
// to out where there is no page.
func render(res *results, into, plots string, out io.Writer) error {
	files, err := plotAll(res)
	if err != nil {
		return err
	}
	return page.Write(into, markers, plots, files, func(plots string) string { return markdown(res, plots) }, out)
}
