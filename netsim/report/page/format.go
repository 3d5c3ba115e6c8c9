package page

import (
	"math"
	"strconv"
	"strings"
)

// seconds writes a time for readers: "350 µs", "202 ms", "9.74 s", "2 min 5 s", "26 h 30 min".
func seconds(s float64) string {
	switch {
	case s == 0:
		return "0 s"
	case s < 1e-3:
		return digits(s*1e6, 3) + " µs"
	case s < 1:
		return digits(s*1e3, 3) + " ms"
	case s < 120:
		return digits(s, 3) + " s"
	}
	whole := int(math.Round(s))
	if whole >= 3600 {
		return twoUnits(whole/3600, "h", whole%3600/60, "min")
	}
	return twoUnits(whole/60, "min", whole%60, "s")
}

// decade writes the time at a mark of a logarithmic axis, where 1000 s says more than 16 min 40 s.
func decade(s float64) string {
	if s < 100 {
		return seconds(s)
	}
	return digits(s, 3) + " s"
}

func twoUnits(a int, unitA string, b int, unitB string) string {
	text := strconv.Itoa(a) + " " + unitA
	if b > 0 {
		text += " " + strconv.Itoa(b) + " " + unitB
	}
	return text
}

// digits writes x with so many significant digits, without zeros at the end. Whole numbers keep all
// of their digits.
func digits(x float64, n int) string {
	if x == 0 {
		return "0"
	}
	decimals := n - 1 - int(math.Floor(math.Log10(math.Abs(x))))
	s := strconv.FormatFloat(x, 'f', max(decimals, 0), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// count writes a whole number in groups of three.
func count[T int | uint64](n T) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // a narrow space that doesn't break
	}
	return s
}

// bytes writes an amount with its unit: "970 B", "1.77 kB".
func bytes(b float64) string {
	scale, unit := byteUnit(b)
	return digits(b/scale, 3) + " " + unit
}

// byteUnit is the unit in which an axis up to b is read best, and its size.
func byteUnit(b float64) (float64, string) {
	switch {
	case b >= 1e6:
		return 1e6, "MB"
	case b >= 1e3:
		return 1e3, "kB"
	}
	return 1, "B"
}

// timeUnit is the unit in which a time axis up to s seconds is read best, and its size.
func timeUnit(s float64) (float64, string) {
	switch {
	case s > 3*86400:
		return 86400, "days"
	case s > 3*3600:
		return 3600, "h"
	case s > 300:
		return 60, "min"
	case s > 2:
		return 1, "s"
	}
	return 1e-3, "ms"
}

// percent never rounds to 100 what isn't all.
func percent(share float64) string {
	if share < 1 {
		share = min(share, 0.9999)
	}
	return strconv.FormatFloat(math.Floor(share*1e4)/100, 'f', -1, 64) + " %"
}
