package report

import (
	"math"
	"strconv"
	"time"
)

// short rounds d to what is worth reading.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < 100*time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// number writes x with one decimal if it is small, else without.
func number(x float64) string {
	if x < 100 {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// Percent writes a share from 0 to 1. It never rounds to 100 what isn't all.
func Percent(share float64) string {
	p := share * 100
	if share < 1 {
		p = min(p, 99.99)
	}
	return strconv.FormatFloat(math.Floor(p*100)/100, 'f', -1, 64) + "%"
}

// shortSeconds is short for seconds.
func shortSeconds(s float64) string {
	return short(time.Duration(math.Round(s * float64(time.Second))))
}
