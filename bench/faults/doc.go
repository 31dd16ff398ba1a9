// Package faults has a test, and nothing else: Weir and its clients in two network namespaces, with a cable between
// them that delays, loses, doubles, reorders and cuts.
package faults
