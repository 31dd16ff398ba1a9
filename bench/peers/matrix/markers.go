package main

import (
	"errors"
	"strings"
)

// What is between these lines of a page belongs to this program.
const (
	beginMarker = "<!-- begin peers -->"
	endMarker   = "<!-- end peers -->"
)

// between replaces what is between the markers of a page, or appends both to a page that has none.
func between(page, text string) (string, error) {
	block := beginMarker + "\n" + strings.TrimSpace(text) + "\n" + endMarker
	before, rest, begins := strings.Cut(page, beginMarker)
	_, after, ends := strings.Cut(rest, endMarker)
	switch {
	case begins && ends:
		return before + block + after, nil
	case begins || strings.Contains(page, endMarker):
		return "", errors.New("the page has one marker without the other")
	case page == "":
		return block + "\n", nil
	}
	return strings.TrimRight(page, "\n") + "\n\n" + block + "\n", nil
}
