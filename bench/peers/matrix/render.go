package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	for name, svg := range files {
		if err := os.WriteFile(filepath.Join(plots, name), svg, 0o644); err != nil {
			return err
		}
	}
	if into == "" {
		_, err := fmt.Fprint(out, markdown(res, filepath.ToSlash(plots)))
		return err
	}
	folder, err := page.Relative(into, plots)
	if err != nil {
		return err
	}
	return page.Insert(into, markers, markdown(res, folder))
}
