package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// scaled writes x with three digits and the first of units, each step times the one before, in which
// it stays below 1000.
func scaled(x, step float64, units ...string) string {
	whole := x == math.Trunc(x)
	for len(units) > 1 && math.Abs(threeDigits(x)) >= 1000 {
		x /= step
		units = units[1:]
		whole = false
	}
	decimals := 2
	switch a := math.Abs(threeDigits(x)); {
	case a >= 100, whole:
		decimals = 0
	case a >= 10:
		decimals = 1
	}
	return strconv.FormatFloat(x, 'f', decimals, 64) + units[0]
}

// threeDigits rounds x to three significant digits.
func threeDigits(x float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	return r
}

// duration writes nanoseconds.
func duration(ns float64) string { return scaled(ns, 1000, " ns", " µs", " ms", " s") }

// size writes bytes.
func size(bytes float64) string { return scaled(bytes, 1024, " B", " KiB", " MiB", " GiB", " TiB") }

// perSecond writes how often something happens.
func perSecond(x float64) string { return scaled(x, 1000, "", "k", "M", "G") + "/s" }

// percent never rounds up, so that 100 % is all of it.
func percent(x float64) string {
	return strconv.FormatFloat(math.Floor(x*100)/100, 'f', -1, 64) + " %"
}

// count writes a number in full, in groups of three digits.
func count[N int | int64 | uint64](n N) string {
	s := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}
