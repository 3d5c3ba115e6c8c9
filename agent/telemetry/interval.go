package telemetry

import (
	"fmt"
	"math"
	"serf/internal/std"
	"strconv"
	"time"
)

// kind is a kind of metric.
type kind uint8

const (
	gaugeKind kind = iota
	counterKind
	sampleKind
	kinds
)

var (
	kindLetters = [kinds]string{"G", "C", "S"}  // in a dump
	kindTypes   = [kinds]string{"g", "c", "ms"} // in the servers' protocol
)

// appendLine appends a value in the format of statsd and statsite.
func appendLine(b []byte, name string, k kind, value float64) []byte {
	b = append(append(b, name...), ':')
	b = strconv.AppendFloat(b, value, 'f', 6, 64)
	b = append(append(b, '|'), kindTypes[k]...)
	return append(b, '\n')
}

// interval is the values of one interval.
type interval struct {
	begin  time.Time
	values [kinds]map[string]*aggregate
	names  int
}

func newInterval(begin time.Time) *interval {
	i := &interval{begin: begin}
	for k := range i.values {
		i.values[k] = make(map[string]*aggregate)
	}
	return i
}

// add records n values with the given sum. It returns false if there is no room for the name.
func (i *interval) add(k kind, name string, n uint64, sum float64, now time.Time) bool {
	a := i.values[k][name]
	if a == nil {
		if i.names >= namesMax && name != prefix+droppedName {
			return false
		}
		i.names++
		a = new(aggregate)
		i.values[k][name] = a
	}
	a.add(n, sum, now)
	return true
}

// appendText appends a line per value.
func (i *interval) appendText(b []byte) []byte {
	for k, values := range i.values {
		for _, name := range std.SortedKeys(values) {
			b = fmt.Appendf(b, "[%v][%s] '%s': ", i.begin, kindLetters[k], name)
			if kind(k) == gaugeKind {
				b = fmt.Appendf(b, "%.3f\n", values[name].last)
				continue
			}
			b = append(values[name].appendText(b), '\n')
		}
	}
	return b
}

// aggregate summarises the values of one name.
type aggregate struct {
	n            uint64
	sum, squares float64
	lowest, most float64
	last         float64
	lastAt       time.Time
}

// add records n values with the given sum; each counts as their mean.
func (a *aggregate) add(n uint64, sum float64, now time.Time) {
	each := sum / float64(n)
	if a.n == 0 {
		a.lowest, a.most = each, each
	}
	a.n += n
	a.sum += sum
	a.squares += sum * each
	a.lowest, a.most = min(a.lowest, each), max(a.most, each)
	a.last, a.lastAt = each, now.Round(0)
}

// deviation is the standard deviation of the values.
func (a *aggregate) deviation() float64 {
	n := float64(a.n)
	if n < 2 || a.lowest == a.most { // otherwise rounding could leave a small rest
		return 0
	}
	return math.Sqrt(max(n*a.squares-a.sum*a.sum, 0) / (n * (n - 1)))
}

func (a *aggregate) appendText(b []byte) []byte {
	b = fmt.Appendf(b, "Count: %d ", a.n)
	d := a.deviation()
	if d != 0 {
		b = fmt.Appendf(b, "Min: %.3f Mean: %.3f Max: %.3f Stddev: %.3f ", a.lowest,
			a.sum/float64(a.n), a.most, d)
	}
	return fmt.Appendf(b, "Sum: %.3f LastUpdated: %v", a.sum, a.lastAt)
}
