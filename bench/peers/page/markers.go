package page

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What is between these lines of a page belongs to one program, whose name they have.
func beginMarker(name string) string { return "<!-- begin " + name + " -->" }

func endMarker(name string) string { return "<!-- end " + name + " -->" }

// insert replaces what is between the markers of a name in a file by text, or appends both to a file
// that has none.
func insert(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if text, err = between(string(old), name, text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// between replaces what is between the markers of a page, or appends both to a page that has none.
func between(page, name, text string) (string, error) {
	begin, end := beginMarker(name), endMarker(name)
	block := begin + "\n" + strings.TrimSpace(text) + "\n" + end
	before, rest, begins := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	switch {
	case begins && ends:
		return before + block + after, nil
	case begins || strings.Contains(page, end):
		return "", errors.New("the page has one marker without the other")
	case page == "":
		return block + "\n", nil
	}
	return strings.TrimRight(page, "\n") + "\n\n" + block + "\n", nil
}

// relative is how the page file refers to the folder to.
func relative(file, to string) (string, error) {
	a, errA := filepath.Abs(filepath.Dir(file))
	b, errB := filepath.Abs(to)
	if err := errors.Join(errA, errB); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(a, b)
	return filepath.ToSlash(rel), err
}
