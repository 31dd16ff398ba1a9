// Package report shows what a run of package bench has found: as a table to read, as JSON, CSV and
// HdrHistogram log for other tools, and as a page with plots. It also compares two results, and shows
// how a run gets on.
package report
