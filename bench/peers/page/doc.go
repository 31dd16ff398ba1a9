// Package page writes tables and figures, in Markdown, between the markers of a page such as
// BENCHMARKS.md.
package page
