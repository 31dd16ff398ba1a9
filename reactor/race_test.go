//go:build race

package reactor

// raceDetector is on: pools drop what they are given at random, so that allocations cannot be counted.
const raceDetector = true
