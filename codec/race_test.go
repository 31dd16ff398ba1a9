//go:build race

package codec

// raceDetector is on: pools drop what they are given at random, so that allocations cannot be counted.
const raceDetector = true
