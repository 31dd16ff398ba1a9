package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// render writes the plots of results into a folder, and the tables between the markers of a page, or
// to out where there is no page.
func render(res *results, page, plots string, out io.Writer) error {
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
	if page == "" {
		_, err := fmt.Fprint(out, markdown(res, filepath.ToSlash(plots)))
		return err
	}
	old, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	folder, err := relative(filepath.Dir(page), plots)
	if err != nil {
		return err
	}
	text, err := between(string(old), markdown(res, folder))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// relative is how a page in the folder from refers to the folder to.
func relative(from, to string) (string, error) {
	a, errA := filepath.Abs(from)
	b, errB := filepath.Abs(to)
	if err := errors.Join(errA, errB); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(a, b)
	return filepath.ToSlash(rel), err
}
